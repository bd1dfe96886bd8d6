"""Segments: counted as carriers count them, against a second implementation."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.segments import ESCAPE, GSM_BASIC, GSM_EXTENSION, Encoding, Measured, measure

pytestmark = pytest.mark.unit

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2
EMOJI = "😀"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("a", GSM, 1, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("a" * 459, GSM, 459, 3),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),  # the first part ends one septet early
        ("a" * 151 + "€" + "a" * 153, GSM, 306, 2),
        ("€" * 152, GSM, 304, 2),  # 76 pairs a part, its last septet unused
        ("€" * 153, GSM, 306, 3),
        ("\n\r\f", GSM, 4, 1),
        ("я" * 70, UCS, 70, 1),
        ("я" * 71, UCS, 71, 2),
        ("я" * 134, UCS, 134, 2),
        ("я" * 135, UCS, 135, 3),
        (EMOJI * 35, UCS, 70, 1),
        (EMOJI * 36, UCS, 72, 2),
        (EMOJI * 66, UCS, 132, 2),  # 33 pairs a part, its last unit unused
        (EMOJI * 67, UCS, 134, 3),
        ("я" * 66 + EMOJI + "я" * 66, UCS, 134, 3),
        ("a" * 70 + "ç", UCS, 71, 2),
        ("\ud83d", UCS, 1, 1),  # half of an emoji is still one unit
    ],
)
def test_a_text_takes_as_many_segments_as_the_standard_says(
    text: str, encoding: Encoding, units: int, segments: int
) -> None:
    assert measure(text) == Measured(encoding=encoding, units=units, segments=segments)


@pytest.mark.parametrize("character", [*"`\tçáíóúâêîôû“”‘’–—…\u00a0\x1b\x00я中", EMOJI])
def test_one_foreign_character_makes_the_whole_text_ucs2(character: str) -> None:
    assert measure("a" * 10).encoding is GSM
    assert measure("a" * 10 + character).encoding is UCS


# The second implementation: the alphabet by code points, the parts by trying every place to cut.

_BASIC = (
    set(range(0x20, 0x7F)) - set(b"`[]{}\\^~|")
    | {0x0A, 0x0D}
    | {0xA1, 0xA3, 0xA4, 0xA5, 0xA7, 0xBF, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9, 0xD1, 0xD6, 0xD8, 0xDC}
    | {0xDF, 0xE0, 0xE4, 0xE5, 0xE6, 0xE8, 0xE9, 0xEC, 0xF1, 0xF2, 0xF6, 0xF8, 0xF9, 0xFC}
    | {0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9}
)
_EXTENDED = set(b"[]{}\\^~|\f") | {0x20AC}


def _by_brute_force(text: str) -> tuple[str, int, int]:
    points = [ord(character) for character in text]
    gsm = all(point in _BASIC or point in _EXTENDED for point in points)
    if gsm:
        sizes = [2 if point in _EXTENDED else 1 for point in points]
    else:
        sizes = [len(c.encode("utf-16-be", "surrogatepass")) // 2 for c in text]
    single, part = (160, 153) if gsm else (70, 67)

    @cache
    def fewest(start: int) -> int:
        """Parts that the text from `start` on needs, the best over all lengths of the first one."""
        best, used, end = len(sizes), 0, start
        if start == len(sizes):
            return 0
        while end < len(sizes) and used + sizes[end] <= part:
            used += sizes[end]
            end += 1
            if end == len(sizes) or used > part - 4:
                best = min(best, 1 + fewest(end))
        return best

    total = sum(sizes)
    return ("GSM-7" if gsm else "UCS-2", total, 1 if total <= single else fewest(0))


texts = st.one_of(
    st.text(max_size=400),
    st.text(alphabet="ab€[]|^", max_size=500),
    st.text(alphabet=f"aя{EMOJI}", max_size=300),
    st.builds(
        lambda run, odd, rest: run + odd + rest,
        st.integers(60, 160).map("a".__mul__),
        st.sampled_from(["€", EMOJI, "€€", "b"]),
        st.text(alphabet=f"a€{EMOJI}", max_size=200),
    ),
)


@given(texts)
@example("a" * 152 + "€" * 80)
@settings(max_examples=200)
def test_the_count_is_that_of_a_second_implementation(text: str) -> None:
    measured = measure(text)
    assert (measured.encoding, measured.units, measured.segments) == _by_brute_force(text)


@given(texts, texts)
@settings(max_examples=100)
def test_a_longer_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert measure(text + more).segments >= measure(text).segments


def test_the_tables_are_those_of_the_standard() -> None:
    assert len(GSM_BASIC) == 128
    assert len(set(GSM_BASIC)) == 128
    assert {ord(c) for c in GSM_BASIC} - {ESCAPE} == _BASIC
    assert {ord(c) for c in GSM_EXTENSION} == _EXTENDED


@pytest.mark.skipif(
    "HELIOGRAPH_REFERENCE" not in os.environ, reason="HELIOGRAPH_REFERENCE names no folder"
)
def test_the_tables_are_the_published_ones() -> None:
    path = Path(os.environ["HELIOGRAPH_REFERENCE"]) / "specs" / "gsm-03.38.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    basic = {row["char"]: int(row["septet"], 16) for row in table["basic"]}
    extension = {row["char"]: int(row["septet"], 16) for row in table["extension"]}
    assert {c: i for i, c in enumerate(GSM_BASIC) if i != ESCAPE} == basic
    assert extension == GSM_EXTENSION
    assert int(table["escapeSeptet"], 16) == ESCAPE
