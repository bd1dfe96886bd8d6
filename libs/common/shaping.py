"""What goes out of what an agent wrote: the text by its number's rules, in its parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.longtext import fit, split
from common.segments import Encoding, measure
from common.sender_types import NumberType
from common.sending_rules import LongText, SendingRules, Shorteners
from common.shorteners import shortener_in
from common.transliteration import transliterate
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeWarning

MAX_SEGMENTS: Final = 10
"""Segments of a long text where its number has no rule. The documents recommend at most 320
characters, which are three segments; ten (1,530 characters) is where common handsets and carriers
still put parts together, and below the providers' limits."""

MAX_SEGMENTS_SHORT_CODE_UCS_2: Final = 4
"""The same for a US short code with characters outside GSM-7, also where its rule allows more.
Source: Microsoft docs, "SMS FAQ", on long messages."""

MAX_CHARACTERS: Final = 2048
"""Of one text. Source: ACS REST API, `POST /sms`, `message`; counted in 16-bit code units, as
services that count characters of JSON text do."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A text as it goes out.

    `parts` are the texts that are sent, usually one; `body` is the only one, or, of several, the
    whole text without numbers. `segments` are those of all parts, `encoding` the one that the whole
    text needs. Where there is a `problem`, nothing may go out; the rest only describes the text.
    """

    body: str
    parts: tuple[str, ...]
    truncated: bool
    encoding: str
    segments: int
    problem: OutcomeCode | None
    warnings: tuple[OutcomeWarning, ...]


@dataclass(frozen=True, slots=True)
class _Laid:
    """A text by the rule for long ones; no parts where the rule does not let it out."""

    parts: tuple[str, ...]
    truncated: bool = False


_TOO_LONG: Final = _Laid(parts=())


def shape(
    body: str,
    rules: SendingRules,
    kind: NumberType,
    *,
    limit: int,
    to_us: bool,
    from_us: bool = True,
) -> Shaped:
    """Shape a text by its number's rules.

    Args:
        limit: septets that a cut text may take (`longtext.fit`).
        to_us: whether its recipient is in the United States, where shorteners are blocked.
        from_us: whether its number is.
    """
    text = transliterate(body) if rules.transliterate else body
    laid = _lay_out(text, rules, most_segments(text, rules, kind, from_us=from_us), limit)
    whole = laid.parts[0] if len(laid.parts) == 1 else text
    parts = laid.parts or (text,)
    shortener = shortener_in(whole) if to_us else None
    return Shaped(
        body=whole,
        parts=parts,
        truncated=laid.truncated,
        encoding=measure(whole).encoding,
        segments=sum(measure(part).segments for part in parts),
        problem=_problem(laid, shortener, rules),
        warnings=_warnings(body, text, shortener),
    )


def most_segments(text: str, rules: SendingRules, kind: NumberType, *, from_us: bool) -> int:
    """How many segments a long text may take, or how many numbered texts it may become."""
    most = MAX_SEGMENTS if rules.max_segments is None else rules.max_segments
    short_code = kind is NumberType.SHORT_CODE and from_us and rules.long_text is not LongText.SPLIT
    if short_code and measure(text).encoding is Encoding.UCS_2:
        return min(most, MAX_SEGMENTS_SHORT_CODE_UCS_2)
    return most


def _truncate(text: str, limit: int) -> _Laid:
    fitted = fit(text, limit)
    return _Laid(parts=(fitted.body,), truncated=fitted.truncated)


def _concatenate(text: str, most: int) -> _Laid:
    fits = measure(text).segments <= most and code_units(text) <= MAX_CHARACTERS
    return _Laid(parts=(text,)) if fits else _TOO_LONG


def _split(text: str, most: int) -> _Laid:
    if measure(text).segments == 1:
        return _Laid(parts=(text,))
    parts = split(text, most)
    return _Laid(parts=parts) if parts is not None else _TOO_LONG


def _lay_out(text: str, rules: SendingRules, most: int, limit: int) -> _Laid:
    match rules.long_text:
        case LongText.TRUNCATE:
            return _truncate(text, limit)
        case LongText.CONCATENATE:
            return _concatenate(text, most)
        case LongText.SPLIT:
            return _split(text, most)
        case LongText.REFUSE:
            return _concatenate(text, 1)


_SHORTENED: Final[Mapping[Shorteners, OutcomeCode | None]] = {
    Shorteners.REFUSE: OutcomeCode.SHORTENED_URL,
    Shorteners.FLAG: None,
}


def _problem(laid: _Laid, shortener: str | None, rules: SendingRules) -> OutcomeCode | None:
    """Of two problems the length comes first: a full link only makes the text longer."""
    if not laid.parts:
        return OutcomeCode.TEXT_TOO_LONG
    return _SHORTENED[rules.shorteners] if shortener is not None else None


def _warnings(body: str, text: str, shortener: str | None) -> tuple[OutcomeWarning, ...]:
    found = {
        OutcomeWarning.SHORTENED_URL: shortener is not None,
        OutcomeWarning.TRANSLITERATED: text != body,
    }
    return tuple(warning for warning, applies in found.items() if applies)


def code_units(text: str) -> int:
    """The length of a text in UTF-16, the unit of ACS's limit."""
    return len(text) + sum(character > "\uffff" for character in text)
