"""Recipients as agents write them, brought to E.164 by the numbering plans of the world.

The plans are those of the library `phonenumbers` (Google's libphonenumber). Importing it costs some
20 ms, once; a region's plan is loaded at its first use, in about 1 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from common.addresses import AddressKind, kind_of
from common.reach import region_of
from heliograph.codes import OutcomeCode

_WRITTEN_AS_NUMBER: Final = re.compile(r"\s*\+?[\d\s().\-\u2010-\u2015\u00a0]+")
"""Digits and what people put between them. Letters are refused although libphonenumber would read
them: it takes the first number out of a sentence, turns FLOWERS into digits and drops extensions,
and a guessed recipient must not get a text."""

_NO_NUMBER: Final = "it is not written as a phone number"
_PROBLEMS: Final[dict[int, str]] = {
    ValidationResult.TOO_SHORT: "it has too few digits",
    ValidationResult.TOO_LONG: "it has too many digits",
    ValidationResult.INVALID_LENGTH: "no number of its country has that many digits",
    ValidationResult.INVALID_COUNTRY_CODE: "its country code does not exist",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "it lacks its area code",
}

_LONGEST_EMERGENCY: Final = 6
"""Digits of the longest emergency numbers in the world."""
_CRISIS: Final = frozenset({"988"})
"""Emergency numbers that libphonenumber does not list: the Suicide and Crisis Lifeline of the
United States (FCC 20-100, 47 CFR 52.200)."""

_SERVICE_CODES: Final = frozenset({"211", "311", "411", "511", "611", "711", "811"})
"""Hotlines of the United States (FCC, "N11 codes"): some are emergency numbers elsewhere."""
_BEHIND_A_TRUNK_PREFIX: Final = re.compile(r"[01](911|112|988)")
"""Written with the digit that people dial before an ordinary number."""

_PREMIUM_TYPES: Final = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
"""Who texts a shared-cost number pays a surcharge too, part of which its owner gets, and no
person's phone has one: it is refused like a premium one."""
_PREMIUM_NANP: Final = re.compile(r"\+1(?:900\d{7}|\d{3}976\d{4})")
"""Premium numbers of North America by their plan, assigned or not (NANPA: the area code 900, and
the exchange 976 within any area code)."""


class InvalidRecipient(ValueError):  # says what happened
    """The recipient must not or cannot get a text. The text of the error never holds the number."""

    def __init__(self, code: OutcomeCode, what: str, remedy: str) -> None:
        self.code = code
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}")

    @classmethod
    def impossible(cls, problem: str) -> InvalidRecipient:
        """No phone could have this number."""
        return cls(
            OutcomeCode.INVALID_RECIPIENT,
            f"The recipient is not a possible phone number: {problem}.",
            "Write it in international form, for example +15551230142.",
        )

    @classmethod
    def premium(cls) -> InvalidRecipient:
        """Texts to it cost extra."""
        return cls(
            OutcomeCode.PREMIUM_RECIPIENT,
            "The recipient is a premium-rate or shared-cost number.",
            "Ask for a number of an ordinary phone.",
        )

    @classmethod
    def emergency(cls) -> InvalidRecipient:
        """Nobody there would read it."""
        return cls(
            OutcomeCode.EMERGENCY_RECIPIENT,
            "The recipient is an emergency number.",
            "Call the emergency services from a phone; no text reaches them from here.",
        )


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient in E.164 (`+` and digits), and as the agent wrote it."""

    e164: str
    original: str
    region: str | None
    """ISO 3166 alpha-2; None for a number of no country, such as +800."""
    landline: bool
    """Whether it is surely a fixed line, most of which cannot read texts. In North America nothing
    in a number tells."""


def normalise_recipient(raw: str, region: str) -> Recipient:
    """Read a recipient; national forms are read in `region` (ISO 3166 alpha-2, of the sender).

    "Possible" is asked for, not "valid": the latter refuses ranges that are in use before the
    library's next release, and the numbers reserved for tests and films, such as 555-01XX.

    Raises:
        InvalidRecipient: INVALID_RECIPIENT when no phone could have this number, else
            EMERGENCY_RECIPIENT or PREMIUM_RECIPIENT.
    """
    if not _WRITTEN_AS_NUMBER.fullmatch(raw):
        raise InvalidRecipient.impossible(_NO_NUMBER)
    parsed = _parse(raw, region)
    if _is_emergency(raw, region, parsed):
        raise InvalidRecipient.emergency()
    if parsed is None:
        raise InvalidRecipient.impossible(_NO_NUMBER)
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        raise InvalidRecipient.impossible(_PROBLEMS[reason])
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if kind_of(e164) is not AddressKind.E164:
        raise InvalidRecipient.impossible(_PROBLEMS[ValidationResult.INVALID_LENGTH])
    line = phonenumbers.number_type(parsed)
    if line in _PREMIUM_TYPES or _PREMIUM_NANP.fullmatch(e164):
        raise InvalidRecipient.premium()
    return Recipient(
        e164=e164,
        original=raw,
        region=region_of(e164),
        landline=line == PhoneNumberType.FIXED_LINE,
    )


def _parse(raw: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(raw, region)
    except NumberParseException:
        return None


def _is_emergency(raw: str, region: str, parsed: PhoneNumber | None) -> bool:
    """Whether what is written is an emergency number, alone or behind a country code.

    Of its own country in any case; of any other, unless somebody can have that number: a few small
    countries have numbers as short as emergency numbers elsewhere.
    """
    written = set(_shortest_forms(raw, parsed))
    if not written or (region == "US" and written & _SERVICE_CODES):
        return False
    if written & _CRISIS:
        return True
    regions: Iterable[str]
    if parsed is not None and phonenumbers.is_valid_number(parsed):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(parsed.country_code or 0, ())
    else:
        regions = phonenumbers.SUPPORTED_SHORT_REGIONS
    return any(
        phonenumbers.is_emergency_number(number, region) for region in regions for number in written
    )


def _shortest_forms(raw: str, parsed: PhoneNumber | None) -> Iterator[str]:
    """The digits as written, and those behind a prefix or the country code, where so few that it
    matters."""
    digits = phonenumbers.normalize_digits_only(raw)
    forms = [digits]
    if prefixed := _BEHIND_A_TRUNK_PREFIX.fullmatch(digits):
        forms.append(prefixed[1])
    if parsed is not None:
        forms.append(phonenumbers.national_significant_number(parsed))
    return (form for form in forms if len(form) <= _LONGEST_EMERGENCY)
