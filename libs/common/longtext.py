"""The rule for long texts: what does not fit is cut, visibly, and the whole text is kept.

A character is a Unicode code point, which is what Python counts. The limit speaks of the text as
people count it, not of segments: 160 characters of emoji are several segments, see `segments`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

LIMIT: Final = 160
ELLIPSIS: Final = "..."
"""Three full stops: the single character U+2026 would turn a GSM-7 text to UCS-2."""

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_EXTENDING_CATEGORIES: Final = frozenset({"Mn", "Mc", "Me"})
"""Combining marks; variation selectors and the keycap sign are among them."""

_EXTENDING_RANGES: Final = (
    (_ZWNJ, _ZWJ),
    ("\u1160", "\u11ff"),  # Hangul vowels and final consonants
    ("\ud7b0", "\ud7ff"),  # the same, extended
    ("\uff9e", "\uff9f"),  # half-width Katakana voicing marks
    ("\U0001f3fb", "\U0001f3ff"),  # emoji skin tones
    ("\U000e0020", "\U000e007f"),  # emoji tags (the flag of Scotland)
)
_VIRAMA: Final = 9
"""The combining class of the sign that joins two consonants of an Indic script."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """`body` is what is sent; `original` the whole text; they differ only where `truncated`."""

    body: str
    original: str
    truncated: bool


def fit(text: str, limit: int = LIMIT) -> Fitted:
    """Cut a text of more than `limit` characters: its first `limit` - 3, then `...`.

    The cut never falls inside what a reader sees as one character (a grapheme cluster as in
    Unicode UAX #29, told by a rule that rather keeps too much together), so it may fall earlier. A
    text whose first cluster alone is too long becomes `...`.

    Raises:
        ValueError: when `limit` leaves no room for the ellipsis.
    """
    if limit < len(ELLIPSIS):
        raise ValueError(f"The limit must be at least {len(ELLIPSIS)} characters; it is {limit}.")
    if len(text) <= limit:
        return Fitted(body=text, original=text, truncated=False)
    cut = limit - len(ELLIPSIS)
    while cut > 0 and _joined(text, cut):
        cut -= 1
    return Fitted(body=text[:cut] + ELLIPSIS, original=text, truncated=True)


def _joined(text: str, index: int) -> bool:
    """Whether the characters before and at `index` belong to one cluster."""
    before, after = text[index - 1], text[index]
    return (
        _extends(after)
        or before == _ZWJ
        or unicodedata.combining(before) == _VIRAMA
        or (before == "\r" and after == "\n")
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or (_is_leading_jamo(before) and (_is_leading_jamo(after) or "가" <= after <= "힣"))
        or (_is_regional(after) and _regional_run(text, index) % 2 == 1)
    )


def _extends(character: str) -> bool:
    return unicodedata.category(character) in _EXTENDING_CATEGORIES or any(
        first <= character <= last for first, last in _EXTENDING_RANGES
    )


def _is_leading_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c"


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _regional_run(text: str, end: int) -> int:
    """How many regional indicators stand directly before `end`; two of them make a flag."""
    start = end
    while start > 0 and _is_regional(text[start - 1]):
        start -= 1
    return end - start
