"""How many segments a text takes on the air, which is what providers bill and carriers limit.

Source: 3GPP TS 23.038, sections 6.2.1 and 6.2.1.1 (the GSM 7-bit default alphabet and its
extension table); 3GPP TS 23.040, section 9.2.3.24.1 (concatenation: 6 of a part's 140 octets go to
the header). National shift tables are not assumed: providers do not say that they use them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ESCAPE: Final = 0x1B
"""The septet that announces a character of the extension table; it is no character itself."""

GSM_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The default alphabet: the index of a character is its septet."""

GSM_EXTENSION: Final[dict[str, int]] = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""Characters of two septets: `ESCAPE`, then the one given."""

_GSM: Final = frozenset(GSM_BASIC) - {chr(ESCAPE)} | GSM_EXTENSION.keys()


class Encoding(StrEnum):
    """The two alphabets of a text. One character outside GSM-7 turns the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Units in a text of one segment, and in each part of a longer one."""

    single: int
    part: int


CAPACITY: Final[dict[Encoding, Capacity]] = {
    Encoding.GSM_7: Capacity(single=160, part=153),
    Encoding.UCS_2: Capacity(single=70, part=67),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """`units` are septets in GSM-7 and 16-bit code units in UCS-2."""

    encoding: Encoding
    units: int
    segments: int


def encoding_of(text: str) -> Encoding:
    """The alphabet that a text as it stands needs."""
    return Encoding.GSM_7 if _GSM.issuperset(text) else Encoding.UCS_2


def measure(text: str) -> Measured:
    """Encoding, units and segments of a text as it stands; nothing is transliterated before.

    An escape pair or a surrogate pair is never split over two parts: the part before it ends one
    unit early. The empty text is one segment of GSM-7, because it would still be one message.
    """
    encoding = encoding_of(text)
    widths = [_width(character, encoding) for character in text]
    units = sum(widths)
    capacity = CAPACITY[encoding]
    segments = 1 if units <= capacity.single else _pack(widths, capacity.part)
    return Measured(encoding=encoding, units=units, segments=segments)


def _width(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return 2 if character in GSM_EXTENSION else 1
    return 2 if character > "\uffff" else 1


def _pack(widths: Iterable[int], capacity: int) -> int:
    parts = room = 0
    for width in widths:
        if width > room:
            parts += 1
            room = capacity
        room -= width
    return parts
