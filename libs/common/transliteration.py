"""Typographic characters as plain ones, where that keeps a text in GSM-7.

One curly quote turns a text of 160 characters to UCS-2 and so to three segments. Only signs are
replaced, by what the same writer would type on a plain keyboard; letters stay, because their
meaning is not ours to change.
"""

from __future__ import annotations

from typing import Final

from common.segments import Encoding, encoding_of

PLAIN: Final[dict[str, str]] = {
    **dict.fromkeys("‘’‚‛′‵`´ʼʹ‹›", "'"),
    **dict.fromkeys("“”„‟″‶«»", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212", "-"),
    "\u2026": "...",
    "\u2022": "*",
    "\u2044": "/",
    # Blanks of every width: no-break, en, em, thin, narrow, mathematical, ideographic.
    **dict.fromkeys("\t\u00a0\u202f\u205f\u3000", " "),
    **{chr(code): " " for code in range(0x2000, 0x200B)},
    # Line and paragraph separators, and the next-line control.
    **dict.fromkeys("\u0085\u2028\u2029", "\n"),
    # What has no width: zero-width space, word joiner, byte order mark, soft hyphen.
    **dict.fromkeys("\u200b\u2060\ufeff\u00ad", ""),
}
"""What each character becomes."""

_TABLE: Final = str.maketrans(PLAIN)


def transliterate(text: str) -> str:
    """The text in GSM-7, or as it was where the table does not do: a half is of no use, because one
    character outside GSM-7 turns the whole text to UCS-2."""
    plain = text.translate(_TABLE)
    return plain if encoding_of(plain) is Encoding.GSM_7 else text
