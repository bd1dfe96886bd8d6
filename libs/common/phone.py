"""Recipients as agents write them, brought to E.164 by the numbering plans of the world.

The plans are those of the library `phonenumbers` (Google's libphonenumber). Importing it costs some
20 ms, once; a region's plan is loaded at its first use, in about 1 ms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from common.addresses import AddressKind, kind_of
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


class InvalidRecipient(ValueError):  # says what happened
    """The recipient cannot be a phone number. The text of the error never holds the number."""

    code: Final = OutcomeCode.INVALID_RECIPIENT

    def __init__(self, problem: str) -> None:
        self.what = f"The recipient is not a possible phone number: {problem}."
        self.remedy = "Write it in international form, for example +15551230142."
        super().__init__(f"{self.what} {self.remedy}")


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient in E.164 (`+` and digits), and as the agent wrote it."""

    e164: str
    original: str


def normalise_recipient(raw: str, region: str) -> Recipient:
    """Read a recipient; national forms are read in `region` (ISO 3166 alpha-2, of the sender).

    "Possible" is asked for, not "valid": the latter refuses ranges that are in use before the
    library's next release, and the numbers reserved for tests and films, such as 555-01XX.

    Raises:
        InvalidRecipient: when no phone could have this number.
    """
    if not _WRITTEN_AS_NUMBER.fullmatch(raw):
        raise InvalidRecipient(_NO_NUMBER)
    parsed = _parse(raw, region)
    if parsed is None:
        raise InvalidRecipient(_NO_NUMBER)
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        raise InvalidRecipient(_PROBLEMS[reason])
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if kind_of(e164) is not AddressKind.E164:
        raise InvalidRecipient(_PROBLEMS[ValidationResult.INVALID_LENGTH])
    return Recipient(e164=e164, original=raw)


def _parse(raw: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(raw, region)
    except NumberParseException:
        return None
