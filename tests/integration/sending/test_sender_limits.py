"""Promise: replicas together stay within every limit, to the text, and use nearly all of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from sender_world import AGENT, CONNECTION, NUMBER, TENANT, World, command

from common.sender_types import NumberType
from common.sending_rules import LongText, SendingRules, rules_document
from common.store.schema import NUMBERS
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, SendCommand

MINUTE = 60.0
LONGEST = 200.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """More texts than a number may send at once, or in a day."""

    number: str
    type: NumberType
    ordered: int
    rules: SendingRules
    sent: int
    """Texts that leave in the end."""
    refused: OutcomeCode | None = None
    """What becomes of the others."""
    phones: str = "+1555124{:04d}"
    body: str = "We open at nine."

    def orders(self) -> Sequence[str]:
        return [f"{self.number}/{place}" for place in range(self.ordered)]


LIMIT = 60
"""Texts in any minute, fewer than are ordered."""
TOLL_FREE = Load(
    number=NUMBER,
    type=NumberType.TOLL_FREE,
    rules=SendingRules(requests_per_minute=LIMIT, units_per_minute=LIMIT),
    ordered=LIMIT + 8,
    sent=LIMIT + 8,
)
SHARED = 20
"""The same for two senders together."""
SHOP, BANK = (
    Load(
        number=sender,
        type=NumberType.ALPHANUMERIC,
        rules=SendingRules(requests_per_minute=SHARED, units_per_minute=SHARED),
        ordered=SHARED // 2 + 1,
        sent=SHARED // 2 + 1,
        phones="+49151123{:05d}",
    )
    for sender in ("ACME Shop", "ACME Bank")
)
BUDGET = Load(
    number="+12065550101",
    type=NumberType.LOCAL,
    rules=SendingRules(daily_texts=20),
    ordered=40,
    sent=20,
    refused=OutcomeCode.BUDGET_SPENT,
)
CAMPAIGN = Load(
    number="+12065550102",
    type=NumberType.LOCAL,
    rules=SendingRules(att_class="T", long_text=LongText.CONCATENATE),
    ordered=20,
    sent=16,  # Of three segments each: the class has 50 a day.
    refused=OutcomeCode.CARRIER_CAP_REACHED,
    body="We open at nine. " * 20,
)
OTHERS = (SHOP, BANK, BUDGET, CAMPAIGN)
LOADS = (TOLL_FREE, *OTHERS)


@dataclass(frozen=True)
class Course:
    """What came of all loads."""

    instants: dict[str, list[float]] = field(default_factory=dict)
    """When each sender's calls reached the provider."""
    codes: dict[str, Counter[OutcomeCode]] = field(default_factory=dict)


@pytest.mark.timeout(300)
async def test_two_replicas_under_load_stay_within_the_limit_and_use_95_percent_of_it(
    world: World,
) -> None:
    """All loads in the same minute, since a minute is long."""
    for load in LOADS:
        await put(world, load)
    async with world.sender(replica="a"), world.sender(replica="b"):
        course = await course_of(world)
    for load in LOADS:
        others = {load.refused: load.ordered - load.sent} if load.refused else {}
        assert course.codes[load.number] == {OutcomeCode.SENT: load.sent} | others
        # One call each: nothing was tried in vain.
        assert len(course.instants[load.number]) == load.sent
    assert 0.95 * LIMIT <= most_within(course.instants[NUMBER], MINUTE) <= LIMIT
    together = sorted(course.instants[SHOP.number] + course.instants[BANK.number])
    assert most_within(together, MINUTE) <= SHARED


async def put(world: World, load: Load) -> None:
    """A number with its type and its rules, its gate on."""
    world.sim.own(load.number)
    await world.connections.put_number(
        TENANT, CONNECTION, address=load.number, region="US", agent_id=AGENT
    )
    await world.connections.set_gate(TENANT, load.number, on=True)
    await world.database.majority(NUMBERS).update_one(
        {"_id": f"{TENANT}/{load.number}"},
        {"$set": {"type": load.type.value, "rules": rules_document(load.rules)}},
    )


async def publish(world: World, load: Load) -> list[SendCommand]:
    orders = [
        command(order, number=load.number, to=load.phones.format(place), body=load.body)
        for place, order in enumerate(load.orders())
    ]
    await asyncio.gather(*(world.publish(order.encode()) for order in orders))
    return orders


async def course_of(world: World) -> Course:
    """Order everything and wait for the end. The others come while the first load waits for its
    places, so that what is measured is the limit and not the machine."""
    orders = await publish(world, TOLL_FREE)
    await world.sim.wait_for("send", LIMIT // 4, LONGEST)
    for load in OTHERS:
        orders += await publish(world, load)
    await world.sim.wait_for("send", sum(load.sent for load in LOADS), LONGEST)
    outcomes: dict[str, Outcome] = {}
    for _ in orders:
        outcome = await world.outcome()
        outcomes[outcome.command_id] = outcome
    assert {name: outcome.to for name, outcome in outcomes.items()} == {
        order.command_id: order.to for order in orders
    }
    course = Course()
    for load in LOADS:
        course.codes[load.number] = Counter(outcomes[order].code for order in load.orders())
        course.instants[load.number] = sorted(
            datetime.fromisoformat(call["at"]).timestamp()
            for call in world.sim.sends
            if call["from"] == load.number
        )
    return course


async def test_a_number_at_its_limit_does_not_hold_up_another(world: World) -> None:
    other = "+18005550111"
    world.sim.own(other)
    await world.connections.put_number(
        TENANT, CONNECTION, address=other, region="US", agent_id="support"
    )
    await world.connections.set_gate(TENANT, other, on=True)
    await set_rules(world, requests_per_minute=1, units_per_minute=1)
    async with world.sender():
        slow = [command(f"slow-{place}", to=phone(place)) for place in range(50)]
        for order in slow:
            await world.publish(order.encode())
        first = await world.outcome()
        await world.publish(command("quick", number=other).encode())
        second = await world.outcome()
    assert first.command_id.startswith("slow-")
    assert second.command_id == "quick"


async def set_rules(world: World, **rules: Any) -> None:
    await world.database.majority(NUMBERS).update_one(
        {"_id": f"{TENANT}/{NUMBER}"}, {"$set": {"rules": rules_document(SendingRules(**rules))}}
    )


def phone(place: int) -> str:
    return f"+1555124{place:04d}"


def most_within(instants: list[float], seconds: float) -> int:
    """The most instants in any window, closed on its left."""
    assert all(one <= next_one for one, next_one in pairwise(instants))
    start = most = 0
    for end, instant in enumerate(instants):
        while instant - instants[start] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
