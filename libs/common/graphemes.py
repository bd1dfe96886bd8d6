"""What a reader sees as one character: where a text may be cut, and where never.

Source: Unicode UAX #29, "Unicode Text Segmentation", the extended grapheme clusters. The rule here
rather keeps too much together than too little, and needs no table beyond Python's own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_EXTENDING_CATEGORIES: Final = frozenset({"Mn", "Mc", "Me"})
"""Combining marks; variation selectors and the keycap sign are among them."""

_EXTENDING_RANGES: Final = (
    (_ZWNJ, _ZWJ),
    ("\u0e33", "\u0e33"),  # the Thai vowel am, and the Lao one
    ("\u0eb3", "\u0eb3"),
    ("\u1160", "\u11ff"),  # Hangul vowels and final consonants
    ("\ud7b0", "\ud7ff"),  # the same, extended
    ("\uff9e", "\uff9f"),  # half-width Katakana voicing marks
    ("\U0001f3fb", "\U0001f3ff"),  # emoji skin tones
    ("\U000e0020", "\U000e007f"),  # emoji tags (the flag of Scotland)
)
_PREPENDED: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\u1cf5\u1cf6\U000110bd\U000110cd"
    "\U000111c2\U000111c3\U0001193f\U00011941\U00011a3a\U00011a84\U00011a85\U00011a86\U00011a87"
    "\U00011a88\U00011a89\U00011d46\U00011f02"
)
"""Signs that belong to what follows, such as the Arabic number sign."""

_VIRAMA: Final = 9
"""The combining class of the sign that joins two consonants of an Indic script."""


def clusters(text: str) -> Iterator[str]:
    """The clusters of a text; put together they are the text again."""
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or not _joined(text, start, index):
            yield text[start:index]
            start = index


def _joined(text: str, start: int, index: int) -> bool:
    """Whether the character at `index` belongs to the cluster that began at `start`."""
    before, after = text[index - 1], text[index]
    if before < "\u0300" and after < "\u0300":
        return before == "\r" and after == "\n"
    return (
        _extends(after)
        or before == _ZWJ
        or before in _PREPENDED
        or _follows_virama(text, start, index)
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or (_is_leading_jamo(before) and (_is_leading_jamo(after) or "가" <= after <= "힣"))
        or (_is_regional(after) and _is_regional(before) and not _is_flag(text[start:index]))
    )


def _extends(character: str) -> bool:
    return unicodedata.category(character) in _EXTENDING_CATEGORIES or any(
        first <= character <= last for first, last in _EXTENDING_RANGES
    )


def _follows_virama(text: str, start: int, index: int) -> bool:
    """Whether a virama stands before `index`, with nothing but marks between."""
    while index > start and _extends(text[index - 1]):
        index -= 1
        if unicodedata.combining(text[index]) == _VIRAMA:
            return True
    return False


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_flag(cluster: str) -> bool:
    """Whether it has its two regional indicators; a third begins another flag."""
    return sum(map(_is_regional, cluster)) == 2
