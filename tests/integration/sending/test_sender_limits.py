"""Promise: replicas together stay within a limit, to the text, and use nearly all of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import pairwise
from typing import Any

from sender_world import CONNECTION, NUMBER, TENANT, World, command

from common.sending_rules import SendingRules, rules_document
from common.store.schema import NUMBERS
from heliograph.models import OutcomeStatus

LIMIT = 120
"""Texts in any minute."""
MINUTE = 60.0
ORDERED = LIMIT + 20
"""So many that they do not fit into one minute."""
LONGEST = 140.0


async def set_rules(world: World, **rules: Any) -> None:
    await world.database.majority(NUMBERS).update_one(
        {"_id": f"{TENANT}/{NUMBER}"}, {"$set": {"rules": rules_document(SendingRules(**rules))}}
    )


def phone(place: int) -> str:
    return f"+1555124{place:04d}"


async def test_two_replicas_under_load_stay_within_the_limit_and_use_95_percent_of_it(
    world: World,
) -> None:
    await set_rules(world, requests_per_minute=LIMIT, units_per_minute=LIMIT)
    async with world.sender(replica="a"), world.sender(replica="b"):
        orders = [command(f"c-{place}", to=phone(place)) for place in range(ORDERED)]
        await asyncio.gather(*(world.publish(order.encode()) for order in orders))
        await world.sim.wait_for("send", ORDERED, LONGEST)
        outcomes = [await world.outcome() for _ in orders]
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.SENT}
    assert {outcome.to for outcome in outcomes} == {order.to for order in orders}
    instants = sorted(datetime.fromisoformat(call["at"]).timestamp() for call in world.sim.sends)
    assert len(instants) == ORDERED  # One call each: nothing was tried in vain.
    assert most_within(instants, MINUTE) <= LIMIT
    per_second = (len(instants) - 1) / (instants[-1] - instants[0])
    assert per_second >= 0.95 * LIMIT / MINUTE


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


def most_within(instants: list[float], seconds: float) -> int:
    """The most instants in any window, closed on its left."""
    assert all(one <= next_one for one, next_one in pairwise(instants))
    start = most = 0
    for end, instant in enumerate(instants):
        while instant - instants[start] >= seconds:
            start += 1
        most = max(most, end - start + 1)
    return most
