"""The page on texts: its examples run, and its tables are those of the code."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from common.reach import SENDERS
from common.segments import CAPACITY
from common.sending_rules import LongText
from common.shaping import MAX_CHARACTERS, MAX_SEGMENTS, MAX_SEGMENTS_SHORT_CODE_UCS_2
from common.shorteners import DOCUMENTED, FURTHER
from common.transliteration import PLAIN
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeWarning

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs/texts.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, its cells without backticks."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.replace("`", "") for cell in line.split(" | ")] for line in lines[2:]]


def examples() -> list[doctest.Example]:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return doctest.DocTestParser().get_examples("\n".join(blocks))


def test_the_examples_print_what_the_page_says() -> None:
    source = examples()
    assert len(source) > 10
    test = doctest.DocTest(source, {}, "docs/texts.md", "docs/texts.md", 0, PAGE)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_table_of_encodings_is_the_codes() -> None:
    assert rows("Encodings and segments") == [
        [encoding, str(capacity.single), str(capacity.part)]
        for encoding, capacity in CAPACITY.items()
    ]


def test_the_table_of_long_texts_has_every_rule() -> None:
    assert [row[0] for row in rows("Long texts")] == list(LongText)


def test_the_limits_of_long_texts_are_the_codes() -> None:
    section = PAGE.split("\n## Long texts\n")[1].split("\n## ")[0]
    assert f"{MAX_SEGMENTS} segments" in section
    assert f"{MAX_SEGMENTS_SHORT_CODE_UCS_2} segments" in section
    assert f"{MAX_CHARACTERS:,} characters" in section


def test_the_table_of_transliteration_is_the_codes() -> None:
    listed = {
        chr(int(code, 16)): plain
        for codes, _, plain in rows("Transliteration")
        for code in re.findall(r"U\+([0-9A-F]{4})", codes)
    }
    ranges = [
        (int(first, 16), int(last, 16), plain)
        for codes, _, plain in rows("Transliteration")
        for first, last in re.findall(r"U\+([0-9A-F]{4})–U\+([0-9A-F]{4})", codes)
    ]
    for first, last, plain in ranges:
        listed.update({chr(code): plain for code in range(first, last + 1)})
    names = {"space": " ", "line feed": "\n", "nothing": ""}
    assert {sign: names.get(plain, plain) for sign, plain in listed.items()} == PLAIN


def test_the_lists_of_shorteners_are_the_codes() -> None:
    listed = [(row[0], re.findall(r"[\w.]+", row[1])) for row in rows("URL shorteners")]
    assert listed == [("Microsoft", list(DOCUMENTED)), ("further ones", list(FURTHER))]


def test_the_table_of_recipients_has_every_refusal_and_warning() -> None:
    listed = {row[-1] for row in rows("Recipients")}
    assert listed == {
        OutcomeCode.INVALID_RECIPIENT,
        OutcomeCode.EMERGENCY_RECIPIENT,
        OutcomeCode.PREMIUM_RECIPIENT,
        f"sent, with the warning {OutcomeWarning.LANDLINE}",
    }


def test_the_table_of_sender_types_is_the_codes() -> None:
    assert rows("Sender types and reach") == [
        [
            kind,
            sender.format,
            sender.example,
            "two-way" if sender.two_way else "outbound only",
            sender.destinations,
        ]
        for kind, sender in SENDERS.items()
    ]
