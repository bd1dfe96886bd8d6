"""Every row of the published tables of limits, and what a number's allowance makes of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.limits import Carrier, allowance_of
from common.limits.tables import CARRIER_CAPS, RATES, TOLL_FREE_PER_DAY, CarrierCap, Rate, Scope
from common.sender_types import NumberType
from common.sending_rules import SendingRules, Verification
from common.store.limit_ports import DayCap
from common.store.records import ConnectionStatus, Route, Way

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def route(kind: NumberType = NumberType.LOCAL, *, region: str = "US", **rules: Any) -> Route:
    return Route(
        tenant_id="acme",
        connection_id="line",
        provider="acs",
        address="+15550100001",
        region=region,
        agent_id="support",
        agent_active=True,
        bus_user="acme.support",
        gate_on=True,
        connection_status=ConnectionStatus.ACTIVE,
        credentials_version="1",
        type=kind,
        rules=SendingRules(**rules),
    )


RATE_ROWS = [
    pytest.param(NumberType.TOLL_FREE, "number:+15550100001", 200, 200, id="toll-free"),
    pytest.param(NumberType.SHORT_CODE, "number:+15550100001", 6_000, 6_000, id="short code"),
    pytest.param(NumberType.ALPHANUMERIC, "connection:line", 600, 600, id="alphanumeric"),
    pytest.param(NumberType.LOCAL, "number:+15550100001", None, None, id="10DLC / local"),
    pytest.param(NumberType.PARTNER, "number:+15550100001", None, None, id="Messaging Connect"),
]


@pytest.mark.parametrize(("kind", "scope", "requests", "units"), RATE_ROWS)
def test_send_rate_limit(
    kind: NumberType, scope: str, requests: int | None, units: int | None
) -> None:
    allowance = allowance_of(route(kind), segments=1)
    assert (allowance.scope, allowance.number) == (scope, "+15550100001")
    assert (allowance.requests, allowance.units) == (requests, units)
    assert allowance.window == 61  # A call may be a second late.
    assert allowance.day == ()


@pytest.mark.parametrize("kind", NumberType)
def test_a_number_whose_limits_were_raised_has_those(kind: NumberType) -> None:
    raised = route(kind, requests_per_minute=1_000, units_per_minute=2_000)
    allowance = allowance_of(raised, segments=1)
    assert (allowance.requests, allowance.units) == (1_000, 2_000)


def test_a_number_has_the_rates_of_the_provider_that_it_goes_through() -> None:
    rates = {NumberType.ALPHANUMERIC: Rate(Scope.CONNECTION, 60, 60)}
    way = Way(
        connection_id="backup",
        provider="twilio",
        status=ConnectionStatus.ACTIVE,
        credentials_version="1",
    )
    sender = route(NumberType.ALPHANUMERIC).through(way)
    allowance = allowance_of(sender, segments=1, rates=rates)
    assert (allowance.scope, allowance.requests) == ("connection:backup", 60)
    # Of a type that the provider says nothing of, the usual ones.
    assert allowance_of(route(NumberType.TOLL_FREE), segments=1, rates=rates).requests == 200


CAP_ROWS = [
    pytest.param(Carrier.ATT, "A", 4_500, id="AT&T A dedicated 75-100"),
    pytest.param(Carrier.ATT, "B", 4_500, id="AT&T B mixed/marketing 75-100"),
    pytest.param(Carrier.ATT, "C", 4_500, id="AT&T C dedicated 50-74"),
    pytest.param(Carrier.ATT, "D", 4_500, id="AT&T D mixed/marketing 50-74"),
    pytest.param(Carrier.ATT, "E", 240, id="AT&T E dedicated 1-49"),
    pytest.param(Carrier.ATT, "F", 240, id="AT&T F mixed/marketing 1-49"),
    pytest.param(Carrier.ATT, "T", 50, id="AT&T T low-volume mixed 75"),
    pytest.param(Carrier.TMOBILE, "top", 200_000, id="T-Mobile Top 75-100"),
    pytest.param(Carrier.TMOBILE, "high_mid", 40_000, id="T-Mobile High mid 50-74"),
    pytest.param(Carrier.TMOBILE, "low_mid", 10_000, id="T-Mobile Low mid 25-49"),
    pytest.param(Carrier.TMOBILE, "low", 2_000, id="T-Mobile Low 1-24"),
    pytest.param(Carrier.TMOBILE, "standard", 2_000, id="T-Mobile Standard low-volume mixed"),
]
REGISTERED = {Carrier.ATT: "att_class", Carrier.TMOBILE: "tmobile_tier"}


@pytest.mark.parametrize(("carrier", "key", "per_day"), CAP_ROWS)
def test_10dlc_daily_cap(carrier: Carrier, key: str, per_day: int) -> None:
    rules: dict[str, Any] = {REGISTERED[carrier]: key}
    number = route(**rules)
    cap = DayCap(name=carrier.value, limit=per_day, each=3)
    assert allowance_of(number, segments=3).day == (cap,)
    assert allowance_of(number, segments=3, carrier=carrier).day == (cap,)
    for other in set(Carrier) - {carrier}:
        assert allowance_of(number, segments=3, carrier=other).day == ()


def test_every_10dlc_row_is_tested() -> None:
    rows = {(row.values[0], row.values[1], row.values[2]) for row in CAP_ROWS}
    assert rows == {(cap.carrier, cap.key, cap.per_day) for cap in CARRIER_CAPS}
    assert len(rows) == len(CARRIER_CAPS)


def test_a_text_to_an_unknown_carrier_counts_against_every_carrier() -> None:
    number = route(att_class="E", tmobile_tier="low")
    assert [cap.name for cap in allowance_of(number, segments=1).day] == ["att", "tmobile"]


@pytest.mark.parametrize(
    ("kind", "region"),
    [
        *((kind, "US") for kind in NumberType if kind is not NumberType.LOCAL),
        (NumberType.LOCAL, "CA"),
    ],
)
def test_only_local_numbers_of_the_us_have_carrier_caps(kind: NumberType, region: str) -> None:
    number = route(kind, region=region, att_class="T", tmobile_tier="low")
    assert allowance_of(number, segments=1).day == ()


VERIFICATION_ROWS = [
    pytest.param(Verification.VERIFIED, None, id="verified"),
    pytest.param(Verification.PENDING, 0, id="pending"),
    pytest.param(Verification.UNVERIFIED, 0, id="unverified"),
]


@pytest.mark.parametrize(("verification", "per_day"), VERIFICATION_ROWS)
def test_toll_free_verification(verification: Verification, per_day: int | None) -> None:
    number = route(NumberType.TOLL_FREE, verification=verification, daily_texts=100)
    limit = 100 if per_day is None else per_day
    assert allowance_of(number, segments=2).day == (DayCap(name="texts", limit=limit, each=1),)
    without = route(NumberType.TOLL_FREE, verification=verification)
    assert len(allowance_of(without, segments=2).day) == (per_day is not None)


def test_verification_says_nothing_of_other_numbers() -> None:
    number = route(NumberType.SHORT_CODE, verification=Verification.PENDING)
    assert allowance_of(number, segments=1).day == ()


def test_a_budget_of_cost_counts_millionths_and_is_rather_kept_than_used_up() -> None:
    rules: dict[str, Any] = {
        "daily_cost": Decimal("0.0000019"),
        "segment_cost": Decimal("0.0000004"),
    }
    (cap,) = allowance_of(route(**rules), segments=2).day
    assert cap == DayCap(name="cost", limit=1, each=1)
    rules = {"daily_cost": Decimal(5), "segment_cost": Decimal("0.0075")}
    (cap,) = allowance_of(route(**rules), segments=3).day
    assert cap == DayCap(name="cost", limit=5_000_000, each=22_500)


@pytest.mark.parametrize("rules", [{"daily_cost": Decimal(5)}, {"segment_cost": Decimal(1)}])
def test_without_both_of_budget_and_cost_nothing_is_counted(rules: dict[str, Any]) -> None:
    assert allowance_of(route(**rules), segments=1).day == ()


def rows_under(title: str) -> list[list[str]]:
    """The rows of the page's table under a heading, without its head."""
    section = PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    rows = [line for line in lines if "---" not in line][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def shown(limit: int | None) -> str:
    return "not published" if limit is None else f"{limit:,}"


def test_the_page_shows_the_rates() -> None:
    whose = {Scope.NUMBER: "the number", Scope.CONNECTION: "the connection"}
    assert rows_under("Rates") == [
        [f"`{kind}`", whose[rate.scope], shown(rate.requests), shown(rate.units)]
        for kind, rate in RATES.items()
    ]


def test_the_page_shows_the_carriers_caps() -> None:
    names = {Carrier.ATT: "AT&T", Carrier.TMOBILE: "T-Mobile"}

    def row(cap: CarrierCap) -> list[str]:
        carrier = names[cap.carrier]
        return [carrier, f"`{cap.key}`", cap.use_case, cap.vetting_score, f"{cap.per_day:,}"]

    assert rows_under("Carriers' daily caps (10DLC)") == [row(cap) for cap in CARRIER_CAPS]


def test_the_page_shows_what_verification_means() -> None:
    per_day = {None: "no cap besides the rate", 0: "0"}
    assert rows_under("Toll-free verification") == [
        [f"`{verification}`", per_day[limit]] for verification, limit in TOLL_FREE_PER_DAY.items()
    ]
