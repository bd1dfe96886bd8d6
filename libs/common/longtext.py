"""The rules for texts that do not fit into one segment: cut visibly, or split into numbered texts.

Both count as carriers do (`segments`): septets in GSM-7, 16-bit code units in UCS-2. Neither ever
cuts inside what a reader sees as one character (`graphemes`), and so never inside an escape pair
or a surrogate pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.graphemes import clusters
from common.segments import CAPACITY, Encoding, measure

LIMIT: Final = 160
ELLIPSIS: Final = "..."
"""Three full stops: the single character U+2026 would turn a GSM-7 text to UCS-2."""

_UNBREAKABLE: Final = frozenset("\u00a0\u2007\u202f")
"""Blanks that ask for no cut (Unicode Standard, section 6.2, "no-break space")."""

_LINK: Final = re.compile(r"(?<!\w)(?:https?://|www\.|[\w-]+(?:\.[\w-]+)+/)\S*", re.IGNORECASE)
_NOT_OF_A_LINK: Final = ".,;:!?\"'()[]<>"
"""What stands behind a link in a sentence."""
_LONGEST_HOST: Final = 255
"""Characters behind a cut that may tell that it stands in a link (RFC 1035, 2.3.4)."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """`body` is what is sent: the whole text, unless it is `truncated`."""

    body: str
    truncated: bool


def fit(text: str, limit: int = LIMIT) -> Fitted:
    """Cut a text that takes more than `limit` septets, or 70 code units for 160 of them.

    Three units of what is kept are the `...`: 157 + 3 in GSM-7, 67 + 3 in UCS-2. What is cut off
    may have been all that was not GSM-7; then the cut text is GSM-7 and keeps as much as fits
    into that, so of both ways to cut the one that keeps more is taken. A link that the cut would
    break is left out, unless more than half of what fits would go with it. A text whose first
    cluster alone is too long becomes `...`.

    Raises:
        ValueError: when `limit` leaves no room for the ellipsis.
    """
    if limit < len(ELLIPSIS):
        raise ValueError(f"The limit must be at least {len(ELLIPSIS)} septets; it is {limit}.")
    measured = measure(text)
    if measured.units <= _room(measured.encoding, limit):
        return Fitted(body=text, truncated=False)
    # No cluster of the rest can be kept, because every character takes a unit.
    start = text[: limit + 1]
    kept = max((_start(start, encoding, limit) for encoding in Encoding), key=len)
    return Fitted(body=_without_broken_link(text, len(kept)) + ELLIPSIS, truncated=True)


def split(text: str, most: int) -> tuple[str, ...] | None:
    """A text as numbered texts, `(1/3) ...`, of one segment each; None where `most` do not do.

    Each is cut between words, and drops the blanks there; a word that is longer than a whole part
    is cut where the part is full. Each has the encoding that its own characters need. A text that
    fits into one segment without the blanks around it is not numbered.
    """
    text = text.strip()
    if measure(text).segments == 1:
        return (text,)
    if len(text) > most * CAPACITY[Encoding.GSM_7].single:
        return None
    pieces = [_Piece.of(cluster) for cluster in clusters(text)]
    for digits in range(1, len(str(most)) + 1):
        bodies = _cut(pieces, digits, min(most, 10**digits - 1))
        if bodies is not None:
            return tuple(
                f"{_number(place, len(bodies))}{body}" for place, body in enumerate(bodies, start=1)
            )
    return None


def _room(encoding: Encoding, limit: int) -> int:
    if encoding is Encoding.GSM_7:
        return limit
    units = limit * CAPACITY[Encoding.UCS_2].single // CAPACITY[Encoding.GSM_7].single
    return max(units, len(ELLIPSIS))


def _start(text: str, encoding: Encoding, limit: int) -> str:
    """As many clusters as leave room for the ellipsis in this encoding."""
    room = _room(encoding, limit) - len(ELLIPSIS)
    kept = 0
    for cluster in clusters(text):
        piece = _Piece.of(cluster)
        units = piece.units if encoding is Encoding.UCS_2 else piece.septets
        if units is None or units > room:
            break
        room -= units
        kept += len(cluster)
    return text[:kept]


def _without_broken_link(text: str, cut: int) -> str:
    """What is kept of a text that is cut there, without a link that goes on behind the cut: half a
    link leads nowhere, or elsewhere."""
    word = cut
    while word > 0 and not text[word - 1].isspace():
        word -= 1
    for link in _LINK.finditer(text, word, cut + _LONGEST_HOST):
        start, end = link.start(), link.start() + len(link[0].rstrip(_NOT_OF_A_LINK))
        if start >= cut:
            break
        before = text[:start].rstrip()
        if cut < end and len(before) * 2 >= cut:
            return before
    return text[:cut]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A cluster and its size in both encodings; `septets` is None where GSM-7 lacks it."""

    text: str
    septets: int | None
    units: int

    @classmethod
    def of(cls, cluster: str) -> _Piece:
        measured = measure(cluster)
        units = sum(2 if character > "\uffff" else 1 for character in cluster)
        septets = measured.units if measured.encoding is Encoding.GSM_7 else None
        return cls(text=cluster, septets=septets, units=units)

    @property
    def breaks(self) -> bool:
        return self.text.isspace() and self.text not in _UNBREAKABLE


def _number(place: int, of: int) -> str:
    return f"({place}/{of}) "


def _cut(pieces: Sequence[_Piece], digits: int, most: int) -> list[str] | None:
    """The parts without their numbers, which have room for a count of so many digits."""
    widest = 10**digits - 1
    used = len(_number(widest, widest))
    bodies: list[str] = []
    start = 0
    while start < len(pieces):
        end = _end_of_part(pieces, start, used)
        if len(bodies) == most or end == start:  # Nobody writes a cluster longer than a part.
            return None
        bodies.append("".join(piece.text for piece in pieces[start:end]))
        start = _next_word(pieces, end)
    return bodies


def _end_of_part(pieces: Sequence[_Piece], start: int, used: int) -> int:
    """Where the part that begins at `start` ends, its first `used` units being its number's."""
    full = start + _fitting(pieces[start:], used)
    if full == len(pieces):
        return full
    word = full
    while word > start and not pieces[word - 1].breaks:
        word -= 1
    # A word that no part can hold is cut here, not after a part that is nearly empty.
    fits_alone = _word_length(pieces, word) <= _fitting(pieces[word:], used)
    end = word if word > start and fits_alone and not pieces[full].breaks else full
    return _without_blanks(pieces, start, end)


def _fitting(pieces: Iterable[_Piece], used: int) -> int:
    """How many of the pieces a part takes whose first `used` units are its number's."""
    septets: int | None = used
    units = used
    count = 0
    for piece in pieces:
        units += piece.units
        septets = None if septets is None or piece.septets is None else septets + piece.septets
        fits = (
            units <= CAPACITY[Encoding.UCS_2].single
            if septets is None
            else septets <= CAPACITY[Encoding.GSM_7].single
        )
        if not fits:
            break
        count += 1
    return count


def _word_length(pieces: Sequence[_Piece], start: int) -> int:
    end = start
    while end < len(pieces) and not pieces[end].breaks:
        end += 1
    return end - start


def _without_blanks(pieces: Sequence[_Piece], start: int, end: int) -> int:
    while end > start + 1 and pieces[end - 1].breaks:
        end -= 1
    return end


def _next_word(pieces: Sequence[_Piece], start: int) -> int:
    while start < len(pieces) and pieces[start].breaks:
        start += 1
    return start
