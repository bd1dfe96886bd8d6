"""Which sender reaches whom: the sender types with their formats, directions and destinations.

Source: Microsoft docs, "SMS concepts" (sender types supported), "SMS FAQ" and "Messaging Connect".
What no document says is not forbidden: then it is the provider that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers

from common.addresses import AddressKind
from common.sender_types import NumberType
from common.sending_rules import SendingRules, Verification
from heliograph.codes import OutcomeCode

TOLL_FREE_REACH: Final = frozenset({"US", "CA", "PR"})
"""Carriers have blocked all texts of toll-free numbers that are not verified since 2024-01-31."""
NO_ALPHANUMERIC: Final = frozenset({"US", "CA", "PR"})
"""Where carriers drop alphanumeric senders."""
REGISTERED_ONLY: Final = frozenset({"GB", "IE"})
"""Where alphanumeric senders are blocked unless they are registered: the United Kingdom since
2024-06-30, Ireland since 2025-10-03 (ComReg, SMS sender ID registry)."""


ReachRule = Callable[[SendingRules, str, str | None], OutcomeCode | None]
"""Of the number's rules, its region and the recipient's."""


@dataclass(frozen=True, slots=True)
class SenderType:
    """What a sender of a type looks like, whether people can answer it, and whom it reaches."""

    format: AddressKind
    example: str
    two_way: bool
    destinations: str
    """In words, for people."""
    rule: ReachRule


def _toll_free(rules: SendingRules, _own: str, remote: str | None) -> OutcomeCode | None:
    if remote not in TOLL_FREE_REACH:
        return OutcomeCode.DESTINATION_NOT_SUPPORTED
    if rules.verification in {Verification.PENDING, Verification.UNVERIFIED}:
        return OutcomeCode.SENDER_NOT_VERIFIED
    return None


def _own_country(_rules: SendingRules, own: str, remote: str | None) -> OutcomeCode | None:
    return None if remote == own else OutcomeCode.DESTINATION_NOT_SUPPORTED


def _local(rules: SendingRules, own: str, remote: str | None) -> OutcomeCode | None:
    return _own_country(rules, own, remote) if own == "US" else None


def _alphanumeric(rules: SendingRules, _own: str, remote: str | None) -> OutcomeCode | None:
    if remote is None or remote in NO_ALPHANUMERIC:
        return OutcomeCode.DESTINATION_NOT_SUPPORTED
    if remote in REGISTERED_ONLY and remote not in rules.registered_in:
        return OutcomeCode.SENDER_NOT_REGISTERED
    return None


def _anywhere(_rules: SendingRules, _own: str, _remote: str | None) -> OutcomeCode | None:
    return None


SENDERS: Final[Mapping[NumberType, SenderType]] = {
    NumberType.TOLL_FREE: SenderType(
        format=AddressKind.E164,
        example="+18005550100",
        two_way=True,
        destinations="US, CA and PR; verified numbers only",
        rule=_toll_free,
    ),
    NumberType.SHORT_CODE: SenderType(
        format=AddressKind.SHORT_CODE,
        example="12345",
        two_way=True,
        destinations="the country of registration",
        rule=_own_country,
    ),
    NumberType.LOCAL: SenderType(
        format=AddressKind.E164,
        example="+12065550100",
        two_way=True,
        destinations="US for a US number (10DLC); else the provider decides",
        rule=_local,
    ),
    NumberType.ALPHANUMERIC: SenderType(
        format=AddressKind.ALPHANUMERIC,
        example="CONTOSO",
        two_way=False,
        destinations="not US, CA and PR; GB and IE only where registered",
        rule=_alphanumeric,
    ),
    NumberType.PARTNER: SenderType(
        format=AddressKind.E164,
        example="+447700900123",
        two_way=True,
        destinations="wherever the partner reaches",
        rule=_anywhere,
    ),
}
"""The table of sender types."""


def reach_problem(
    kind: NumberType, rules: SendingRules, number_region: str, remote: str
) -> OutcomeCode | None:
    """Why a sender of this type cannot reach a recipient (E.164), None where nothing says so."""
    return SENDERS[kind].rule(rules, number_region, region_of(remote))


def region_of(e164: str) -> str | None:
    """The region (ISO 3166 alpha-2) whose numbering plan a number belongs to.

    None for what is no E.164 number and for what stands for no country, such as +800. A number that
    nobody has, such as 555-01XX, belongs to the main region of its country code.
    """
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    known = phonenumbers.region_code_for_number(parsed)
    region = known or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None
