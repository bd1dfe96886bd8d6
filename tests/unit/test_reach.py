"""Reach: each sender type's format, direction and destinations, row by row."""

from __future__ import annotations

import pytest

from common.addresses import AddressKind, kind_of
from common.reach import SENDERS, reach_problem, region_of
from common.sender_types import NumberType
from common.sending_rules import SendingRules, Verification
from heliograph.codes import OutcomeCode

pytestmark = pytest.mark.unit

NOT_SUPPORTED = OutcomeCode.DESTINATION_NOT_SUPPORTED
NOT_VERIFIED = OutcomeCode.SENDER_NOT_VERIFIED
NOT_REGISTERED = OutcomeCode.SENDER_NOT_REGISTERED

REMOTES = {
    "US": "+12065550142",
    "US, unassigned": "+15551230142",
    "US, toll-free": "+18005550199",
    "CA": "+16135550142",
    "PR": "+17875550142",
    "JM": "+18765550142",
    "GB": "+447700900123",
    "IE": "+353851234567",
    "FR": "+33612345678",
    "AU": "+61412345678",
    "no country": "+80012345678",
}
ALL = dict.fromkeys(REMOTES)
PENDING = SendingRules(verification=Verification.PENDING)
UNVERIFIED = SendingRules(verification=Verification.UNVERIFIED)
VERIFIED = SendingRules(verification=Verification.VERIFIED)
REGISTERED = SendingRules(registered_in=("GB", "IE"))
NONE = SendingRules()


def reached_only(*names: str) -> dict[str, OutcomeCode | None]:
    return {name: None if name in names else NOT_SUPPORTED for name in REMOTES}


US_TOO = ("US", "US, unassigned", "US, toll-free")
TOLL_FREE = (*US_TOO, "CA", "PR")
NORTH_AMERICA_AND_NOWHERE = dict.fromkeys((*TOLL_FREE, "no country"), NOT_SUPPORTED)

ROWS: list[tuple[str, NumberType, str, SendingRules, dict[str, OutcomeCode | None]]] = [
    ("toll-free, nobody has said", NumberType.TOLL_FREE, "US", NONE, reached_only(*TOLL_FREE)),
    ("toll-free, verified", NumberType.TOLL_FREE, "US", VERIFIED, reached_only(*TOLL_FREE)),
    (
        "toll-free, pending",
        NumberType.TOLL_FREE,
        "US",
        PENDING,
        reached_only() | dict.fromkeys(TOLL_FREE, NOT_VERIFIED),
    ),
    (
        "toll-free, unverified",
        NumberType.TOLL_FREE,
        "US",
        UNVERIFIED,
        reached_only() | dict.fromkeys(TOLL_FREE, NOT_VERIFIED),
    ),
    ("short code of the US", NumberType.SHORT_CODE, "US", NONE, reached_only(*US_TOO)),
    ("short code of Canada", NumberType.SHORT_CODE, "CA", NONE, reached_only("CA")),
    ("short code of the UK", NumberType.SHORT_CODE, "GB", NONE, reached_only("GB")),
    ("10DLC", NumberType.LOCAL, "US", NONE, reached_only(*US_TOO)),
    ("local of another country", NumberType.LOCAL, "AU", NONE, ALL),
    (
        "alphanumeric, not registered",
        NumberType.ALPHANUMERIC,
        "FR",
        NONE,
        ALL | NORTH_AMERICA_AND_NOWHERE | dict.fromkeys(("GB", "IE"), NOT_REGISTERED),
    ),
    (
        "alphanumeric, registered",
        NumberType.ALPHANUMERIC,
        "GB",
        REGISTERED,
        ALL | NORTH_AMERICA_AND_NOWHERE,
    ),
    ("partner", NumberType.PARTNER, "GB", NONE, ALL),
    ("verification is of toll-free numbers", NumberType.LOCAL, "AU", UNVERIFIED, ALL),
]


@pytest.mark.parametrize(
    ("kind", "own", "rules", "remote", "problem"),
    [
        pytest.param(kind, own, rules, REMOTES[remote], problem, id=f"{name} to {remote}")
        for name, kind, own, rules, problems in ROWS
        for remote, problem in problems.items()
    ],
)
def test_a_sender_reaches_whom_its_row_says(
    kind: NumberType, own: str, rules: SendingRules, remote: str, problem: OutcomeCode | None
) -> None:
    assert reach_problem(kind, rules, own, remote) is problem


def test_a_registration_is_for_the_country_it_names() -> None:
    rules = SendingRules(registered_in=("GB",))
    assert reach_problem(NumberType.ALPHANUMERIC, rules, "GB", REMOTES["GB"]) is None
    assert reach_problem(NumberType.ALPHANUMERIC, rules, "GB", REMOTES["IE"]) is NOT_REGISTERED


FORMATS = {
    NumberType.TOLL_FREE: (AddressKind.E164, True),
    NumberType.SHORT_CODE: (AddressKind.SHORT_CODE, True),
    NumberType.LOCAL: (AddressKind.E164, True),
    NumberType.ALPHANUMERIC: (AddressKind.ALPHANUMERIC, False),
    NumberType.PARTNER: (AddressKind.E164, True),
}


@pytest.mark.parametrize("kind", NumberType)
def test_a_sender_has_the_format_and_the_directions_of_its_row(kind: NumberType) -> None:
    sender = SENDERS[kind]
    assert (sender.format, sender.two_way) == FORMATS[kind]
    assert kind_of(sender.example) is sender.format


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("+12065550142", "US"),
        ("+15551230142", "US"),  # an area code that nobody has
        ("+15550100142", "US"),
        ("+18005550100", "US"),
        ("+16135550142", "CA"),
        ("+17875550142", "PR"),
        ("+447700900123", "GB"),  # reserved for drama, unassigned
        ("+353851234567", "IE"),
        ("+80012345678", None),
        ("+9991234567", None),
        ("12345", None),
        ("CONTOSO", None),
        ("", None),
    ],
)
def test_the_region_is_that_of_the_plan_and_of_the_country_where_nobody_has_the_number(
    address: str, region: str | None
) -> None:
    assert region_of(address) == region
