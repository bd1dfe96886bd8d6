"""Addresses of texts: what a provider writes as a sender or a recipient, in one normal form.

Source of the formats: Microsoft docs, "Communication Services SMS concepts" and "SMS FAQ" (sender
types); ITU-T E.164 (at most 15 digits, no country code begins with 0). Microsoft's published Event
Grid samples write one and the same number with and without `+`, hence the normal form.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from common.sender_types import NumberType

_MASK: Final = "•••••"


class AddressKind(StrEnum):
    """The three forms of an address."""

    E164 = "e164"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


_VALID: Final[tuple[tuple[AddressKind, re.Pattern[str]], ...]] = (
    (AddressKind.E164, re.compile(r"\+[1-9][0-9]{6,14}")),
    (AddressKind.SHORT_CODE, re.compile(r"[0-9]{5,6}|[A-Z]{2}-[0-9]{3,14}")),
    (AddressKind.ALPHANUMERIC, re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")),
)

# Source: NANPA, "Toll-Free": the codes 800, 833, 844, 855, 866, 877 and 888.
_TOLL_FREE: Final = re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}")
_USUAL_TYPES: Final = {
    AddressKind.SHORT_CODE: NumberType.SHORT_CODE,
    AddressKind.ALPHANUMERIC: NumberType.ALPHANUMERIC,
}

_SHOWN: Final[dict[AddressKind | None, tuple[int, int]]] = {
    AddressKind.E164: (2, 2),
    AddressKind.SHORT_CODE: (0, 2),
    AddressKind.ALPHANUMERIC: (2, 0),
    None: (0, 0),
}
"""How many characters a mask shows at the start and at the end."""

_AS_WRITTEN: Final = re.compile(r"\+[0-9]+|[0-9]{5,6}")
_PLUS_MISSING: Final = re.compile(r"[0-9]{7,15}")
_OF_A_COUNTRY: Final = re.compile(r"[A-Za-z]{2}-[0-9]{3,14}")
"""A short number with its country in front, as LINK Mobility writes it (`NO-2333`): the same digits
are somebody else's in another country."""


def normalise_address(raw: str) -> str:
    """Bring an address to its normal form; total and idempotent, it never refuses.

    Blanks inside digits vanish. Digits after a `+` stay; 5 or 6 digits are a short code; 7 to 15
    digits without `+` gain it; a short number keeps the country in front of it; everything else is
    an alphanumeric sender and stays as written, without the blanks around it. Whether the result is
    valid, `kind_of` says.
    """
    compact = "".join(raw.split())
    if _OF_A_COUNTRY.fullmatch(compact):
        return compact.upper()
    if _AS_WRITTEN.fullmatch(compact):
        return compact
    if _PLUS_MISSING.fullmatch(compact):
        return f"+{compact}"
    return raw.strip()


def kind_of(address: str) -> AddressKind | None:
    """Which form an address in normal form has; `None` when it is no valid address at all.

    E.164: `+`, then 7 to 15 digits, the first not 0. Short code: 5 or 6 digits, or a country's two
    letters, a hyphen and 3 to 14 digits (`NO-2333`). Alphanumeric: 1 to 11 of A-Z, a-z, 0-9 and
    space, at least one of them a letter.
    """
    return next((kind for kind, pattern in _VALID if pattern.fullmatch(address)), None)


def usual_type(address: str) -> NumberType:
    """The sender type that an address has, as far as it tells."""
    if _TOLL_FREE.fullmatch(address):
        return NumberType.TOLL_FREE
    kind = kind_of(address)
    return _USUAL_TYPES.get(kind, NumberType.LOCAL) if kind is not None else NumberType.LOCAL


def bare(address: str) -> str:
    """An address in normal form as providers want it that know no country in front of a short
    number: `NO-2333` becomes `2333`."""
    return address.partition("-")[2] if _OF_A_COUNTRY.fullmatch(address) else address


def mask(address: str) -> str:
    """The address as logs may show it: `+15551230142` becomes `+1•••••42`.

    The dots are always five, so the length stays hidden too. At most three digits of a number and
    two characters of an alphanumeric sender show; of anything that is no valid address, nothing.
    """
    normal = normalise_address(address)
    start, end = _SHOWN[kind_of(normal)]
    return normal[:start] + _MASK + normal[len(normal) - end :]
