"""What a number may send, from its type, its rules and the tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from common.limits.tables import CAP_OF, RATES, TOLL_FREE_PER_DAY, Carrier, Rate, Scope
from common.sender_types import NumberType
from common.sending_rules import SendingRules
from common.store.limit_ports import Allowance, DayCap
from common.store.records import Route

_MILLIONTHS: Final = 1_000_000
_UNITED_STATES: Final = "US"

MINUTE: Final = 60.0
LATENESS: Final = 1.0
"""Seconds by which a call may reach the provider later than one that was admitted after it. The
limit is kept over so much more than a minute, so that the provider's minute never sees too many."""


def allowance_of(
    route: Route,
    *,
    segments: int,
    carrier: Carrier | None = None,
    rates: Mapping[NumberType, Rate] = RATES,
) -> Allowance:
    """What the route's number may send, for texts of so many segments.

    Args:
        rates: the provider's; ours for a type that it says nothing of.
        carrier: the recipients' carrier, where somebody looked it up. None, as long as nobody does:
            a text counts against the cap of every carrier, for it may be any of them.
    """
    rules, rate = route.rules, rates.get(route.type, RATES[route.type])
    owner = route.address if rate.scope is Scope.NUMBER else route.connection_id
    return Allowance(
        scope=f"{rate.scope}:{owner}",
        number=route.address,
        requests=rules.requests_per_minute or rate.requests,
        units=rules.units_per_minute or rate.units,
        window=MINUTE + LATENESS,
        day=(*_budgets(route, segments), *_carrier_caps(route, segments, carrier)),
    )


def _budgets(route: Route, segments: int) -> Iterator[DayCap]:
    """The number's own budget of texts, which is nothing before a toll-free number is verified, and
    of cost, where somebody has said what a segment costs."""
    rules = route.rules
    texts = [limit for limit in (rules.daily_texts, _verified(route)) if limit is not None]
    if texts:
        yield DayCap(name="texts", limit=min(texts), each=1)
    if rules.daily_cost is not None and rules.segment_cost is not None:
        yield DayCap(
            name="cost",
            limit=_millionths(rules.daily_cost, ROUND_FLOOR),
            each=_millionths(rules.segment_cost * segments, ROUND_CEILING),
        )


def _verified(route: Route) -> int | None:
    verification = route.rules.verification
    if route.type is not NumberType.TOLL_FREE or verification is None:
        return None
    return TOLL_FREE_PER_DAY[verification]


def _millionths(amount: Decimal, rounding: str) -> int:
    """Rounded so that the budget is rather kept than used up."""
    return int((amount * _MILLIONTHS).to_integral_value(rounding))


def _carrier_caps(route: Route, segments: int, carrier: Carrier | None) -> Iterator[DayCap]:
    """Carriers count segments (Twilio docs, "T-Mobile daily message limits for long code messaging
    with A2P 10DLC"), and only what a US local number sends."""
    if route.type is not NumberType.LOCAL or route.region != _UNITED_STATES:
        return
    for whose, key in _registered(route.rules):
        limit = CAP_OF.get((whose, key or ""))
        if limit is not None and carrier in (None, whose):
            yield DayCap(name=whose.value, limit=limit, each=segments)


def _registered(rules: SendingRules) -> tuple[tuple[Carrier, str | None], ...]:
    return (Carrier.ATT, rules.att_class), (Carrier.TMOBILE, rules.tmobile_tier)
