"""What carriers and providers publish about how much a number may send, as data.

Sources: Microsoft docs, "Service limits for Azure Communication Services" (rates), "10DLC
guidelines" (carriers' daily caps) and "SMS FAQ" (toll-free verification).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.sender_types import NumberType
from common.sending_rules import Verification


class Scope(StrEnum):
    """Whose limit a rate is."""

    NUMBER = "number"
    CONNECTION = "connection"
    """Of all senders of one resource together."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Most requests, and message units (segments times recipients), in 60 seconds. None: nobody
    publishes one."""

    scope: Scope
    requests: int | None
    units: int | None


RATES: Final[Mapping[NumberType, Rate]] = {
    NumberType.TOLL_FREE: Rate(Scope.NUMBER, 200, 200),
    NumberType.SHORT_CODE: Rate(Scope.NUMBER, 6_000, 6_000),
    NumberType.ALPHANUMERIC: Rate(Scope.CONNECTION, 600, 600),
    NumberType.LOCAL: Rate(Scope.NUMBER, None, None),
    NumberType.PARTNER: Rate(Scope.NUMBER, None, None),
}


class Carrier(StrEnum):
    """Whose subscriber a recipient is."""

    ATT = "att"
    TMOBILE = "tmobile"
    OTHER = "other"
    """One that publishes no daily cap."""


@dataclass(frozen=True, slots=True)
class CarrierCap:
    """What one carrier takes in a day from a 10DLC campaign of this class or tier."""

    carrier: Carrier
    key: str
    """As `SendingRules.att_class` and `.tmobile_tier` write it."""
    use_case: str
    vetting_score: str
    per_day: int


CARRIER_CAPS: Final = (
    CarrierCap(Carrier.ATT, "A", "dedicated", "75-100", 4_500),
    CarrierCap(Carrier.ATT, "B", "mixed/marketing", "75-100", 4_500),
    CarrierCap(Carrier.ATT, "C", "dedicated", "50-74", 4_500),
    CarrierCap(Carrier.ATT, "D", "mixed/marketing", "50-74", 4_500),
    CarrierCap(Carrier.ATT, "E", "dedicated", "1-49", 240),
    CarrierCap(Carrier.ATT, "F", "mixed/marketing", "1-49", 240),
    CarrierCap(Carrier.ATT, "T", "low-volume mixed", "75", 50),
    CarrierCap(Carrier.TMOBILE, "top", "all", "75-100", 200_000),
    CarrierCap(Carrier.TMOBILE, "high_mid", "all", "50-74", 40_000),
    CarrierCap(Carrier.TMOBILE, "low_mid", "all", "25-49", 10_000),
    CarrierCap(Carrier.TMOBILE, "low", "all", "1-24", 2_000),
    CarrierCap(Carrier.TMOBILE, "standard", "low-volume mixed", "n/a", 2_000),
)

CAP_OF: Final[Mapping[tuple[Carrier, str], int]] = {
    (cap.carrier, cap.key): cap.per_day for cap in CARRIER_CAPS
}

TOLL_FREE_PER_DAY: Final[Mapping[Verification, int | None]] = {
    Verification.VERIFIED: None,
    Verification.PENDING: 0,
    Verification.UNVERIFIED: 0,
}
"""Most texts a day of a toll-free number, by how far its verification has come (since 2024-01-31).
None: no cap besides the rate."""
