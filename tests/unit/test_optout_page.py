"""The page on opt-outs says what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from common.keywords import BY_LANGUAGE, OPT_IN_WHERE_OPTED_OUT
from common.optout.answering import NO_REPLIES, TABLE, answer_text
from common.optout.sentences import MAX_CHARACTERS, MAX_WORDS
from common.optout.wording import classify_wording
from common.sending_rules import DEFAULT
from common.store.consents import ConsentSource
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword

pytestmark = pytest.mark.unit

_PATH: Final = Path(__file__).parents[2] / "docs/opt-outs.md"
PAGE: Final = _PATH.read_text(encoding="utf-8")
PROSE: Final = " ".join(PAGE.split())


def rows(header: str) -> list[list[str]]:
    """The cells of the table that begins with a header."""
    lines = PAGE.split(f"{header}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_the_page_lists_every_keyword_by_its_language() -> None:
    listed = [
        (language, keyword.strip("`"), tuple(re.findall(r"`([^`]+)`", words)))
        for language, keyword, words in rows("| language | keyword | words |")
    ]
    assert listed == [
        (language, keyword.value, words)
        for language, by_keyword in BY_LANGUAGE.items()
        for keyword, words in by_keyword.items()
    ]


def test_the_page_names_the_words_that_count_only_from_who_is_opted_out() -> None:
    words = ", ".join(f"`{word}`" for word in OPT_IN_WHERE_OPTED_OUT)
    assert f"{words} mean `opt_in` only from somebody who is opted out" in PROSE


def test_the_page_says_of_every_sender_who_answers_it() -> None:
    assert rows("| sender | STOP | START | HELP | source |") == [
        [row.name, *(row.answers[keyword].value for keyword in Keyword), row.source]
        for row in TABLE
    ]


def test_the_page_lists_the_words_that_carriers_and_providers_know() -> None:
    listed = [set(re.findall(r"`([^`]+)`", words)) for _, words in rows("| who | words |")]
    by_name = {row.name: row.words for row in TABLE}
    assert listed == [
        by_name["Toll-free number (US, CA, PR)"],
        by_name["Twilio, other numbers"],
        by_name["ACS, US short code with managed opt-out"],
    ]


def test_the_page_quotes_our_usual_words() -> None:
    assert rows("| keyword | our usual words |") == [
        [f"`{keyword.value}`", answer_text(DEFAULT, keyword) or "*none*"] for keyword in Keyword
    ]


def test_the_page_tells_the_owner_of_a_one_way_sender_what_the_console_does() -> None:
    assert NO_REPLIES in PROSE


def test_the_page_knows_every_source_of_a_ledger_entry() -> None:
    listed = [cells[0].strip("`") for cells in rows("| source | whose word | rule |")]
    assert listed == [source.value for source in ConsentSource]


def test_the_page_knows_the_limits_of_the_matcher_and_the_code_of_a_refusal() -> None:
    assert f"more than {MAX_WORDS} words or {MAX_CHARACTERS} characters" in PROSE
    assert f"`{OutcomeCode.RECIPIENT_OPTED_OUT.value}`" in PAGE


@pytest.mark.parametrize(
    "text", ["please stop texting me", "can you please stop texting me?", "please stop"]
)
def test_what_the_page_calls_an_opt_out_is_one(text: str) -> None:
    assert f'"{text}"' in PROSE
    assert classify_wording(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "stop texting me at night",
        "stop sending it to the old address",
        "should I stop taking it?",
        "don't stop texting me",
        "she told me to stop texting her",
        "stop texting me, I'm driving",
    ],
)
def test_what_the_page_calls_none_is_none(text: str) -> None:
    assert f'"{text}"' in PROSE
    assert classify_wording(text) is None


def test_every_file_that_the_page_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE):
        assert (_PATH.parent / target).exists(), target
