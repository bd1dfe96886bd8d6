"""Graphemes: no cut where Unicode's own rules, as another library has them, see one character."""

from __future__ import annotations

import sys
import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from common.graphemes import clusters

pytestmark = pytest.mark.unit

TOGETHER = [
    "e\u0301",  # e + combining acute
    "a\u0323\u0302",  # two marks
    "👍🏽",  # with a skin tone
    "❤\ufe0f",  # with a variation selector
    "1\ufe0f\u20e3",  # a keycap
    "👩\u200d👩\u200d👧\u200d👦",  # a family
    "🏳\ufe0f\u200d🌈",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
    "🇫🇷",
    "\r\n",
    "\u1112\u1161\u11ab",  # Hangul in three letters
    "\u1100가",
    "한\u11ab",
    "नि",  # a consonant and its vowel
    "क्ष",  # two consonants joined by a virama
    "क्\u200dष",
    "क\u094d\u093cष",  # a nukta behind the virama
    "กำ",
    "ｶ\uff9e",
    "\u06001",  # the Arabic number sign and its number
]
APART = ["ab", "é!", "中文", "😀😀", "🇫🇷🇯🇵", "\n\n", "a ", "👍a", "한글", "कख", "\n\r"]

ASSIGNED = [
    chr(code)
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) not in {"Cn", "Cs", "Co"}
]
"""What this Python knows; the other library may know a newer Unicode."""
ODD = [c for c in ASSIGNED if unicodedata.category(c)[0] in "MC" or unicodedata.combining(c)]
ALL_ALIKE = (("\u3400", "\u9fff"), ("\uac00", "\ud7a3"), ("\U00017000", "\U0001bfff"))
"""Ideographs and Hangul syllables: half of all characters, one like the other."""
DIFFERENT = [
    character
    for character in ASSIGNED
    if not any(first < character <= last for first, last in ALL_ALIKE)
    and not "\U00020000" < character < "\U000e0000"
]
PIECES = [*TOGETHER, *APART, "\u200d", "\u200c", "\u094d", "🇫", "\u1161", "\u11ab"]


def starts(pieces: list[str]) -> set[int]:
    return {sum(map(len, pieces[:place])) for place in range(len(pieces))}


def by_another_library(text: str) -> list[str]:
    return list(regex.findall(r"\X", text))


@pytest.mark.parametrize("cluster", TOGETHER, ids=ascii)
def test_what_a_reader_sees_as_one_character_stays_together(cluster: str) -> None:
    assert next(clusters(f"x{cluster}x")) == "x"
    assert list(clusters(cluster)) == [cluster]


@pytest.mark.parametrize("pair", APART, ids=ascii)
def test_two_characters_are_two(pair: str) -> None:
    assert len(list(clusters(pair))) == 2


@given(st.lists(st.sampled_from(PIECES) | st.sampled_from(ODD) | st.sampled_from(ASSIGNED)))
@settings(max_examples=1_000)
def test_no_cut_falls_inside_a_cluster_of_another_library(pieces: list[str]) -> None:
    text = "".join(pieces)
    ours = list(clusters(text))
    assert "".join(ours) == text
    assert starts(ours) <= starts(by_another_library(text))


@pytest.mark.parametrize("base", ["a", "क", "\u1100"], ids=ascii)
def test_each_character_that_joins_another_there_joins_it_here(base: str) -> None:
    for character in DIFFERENT:
        for text in (base + character, character + base):
            if len(by_another_library(text)) == 1:
                assert list(clusters(text)) == [text], ascii(text)


@given(st.lists(st.sampled_from([*TOGETHER[:16], "a", " ", "中"])))
@settings(max_examples=300)
def test_usual_texts_are_cut_exactly_as_another_library_cuts_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert list(clusters(text)) == by_another_library(text)
