"""RabbitMQ and MongoDB go away while texts keep coming.

Whatever the webhook accepted is handed over and answered once, and it accepts nothing that it
cannot keep. Seconds are counted from the moment at which the server is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
import pytest
from ground import Ground
from promises import check_promises
from scene import World, clock, texts_coming

ANSWERS_WITHIN: Final = 2.0
FROZEN: Final = 5.0
DURING: Final = 30
"""Deliveries that are tried while a server is away."""


class Node(Protocol):
    """A server that may be harmed."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...


@dataclass(frozen=True)
class Fault:
    """What is done to a server, and how it comes back."""

    begin: Callable[[Node], None]
    end: Callable[[Node], None]
    seconds: float = 0.0


FAULTS: Final = {
    "stopped": Fault(lambda node: node.stop(), lambda node: node.start()),
    "killed": Fault(lambda node: node.kill(), lambda node: node.start()),
    "frozen": Fault(lambda node: node.freeze(), lambda node: node.thaw(), FROZEN),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_texts_keep_their_promises_while_rabbitmq_is(
    ground_at_risk: Ground, fault: Fault
) -> None:
    world = await ground_at_risk.world()
    answers = await suffer(world, fault, ground_at_risk.rabbit)
    assert 503 in answers


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_texts_keep_their_promises_while_mongodb_is(
    ground_at_risk: Ground, fault: Fault
) -> None:
    world = await ground_at_risk.world()
    answers = await suffer(world, fault, ground_at_risk.mongo)
    # The webhook needs no database for numbers that it knows.
    assert answers == {200}


@pytest.mark.parametrize("server", ["rabbitmq", "mongodb"])
async def test_a_webhook_that_starts_while_this_is_away_answers_503_in_time(
    ground_at_risk: Ground, server: str
) -> None:
    world = await ground_at_risk.world()
    await world.ensure("webhook", "processor", "sender")
    node: Node = ground_at_risk.rabbit if server == "rabbitmq" else ground_at_risk.mongo
    webhook, journal = world.service("webhook"), world.simulator.journal
    await webhook.stop()
    await asyncio.to_thread(node.stop)
    webhook.start()
    await listening(world)
    before = journal.total("delivery")
    await asyncio.gather(*(world.text() for _ in range(5)))
    await journal.wait_for("delivery", before + 10, 30)
    refused = world.simulator.deliveries[before:]
    await asyncio.to_thread(node.start)
    back = clock()
    await check_promises(world, since=back)
    assert {item["status"] for item in refused} == {503}
    assert max(item["latency_ms"] for item in refused) < ANSWERS_WITHIN * 1000


async def listening(world: World) -> None:
    """Wait until the webhook answers at all; it is not ready."""
    port = world.service("webhook").management_port
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        for url in (f"http://127.0.0.1:{port}/livez", world.house.webhook_url):
            while True:
                try:
                    async with session.get(url):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.03)


async def suffer(world: World, fault: Fault, node: Node) -> set[int]:
    """Let a server suffer a fault while texts keep coming. Returns how the webhook answered."""
    await world.ensure("webhook", "processor", "sender")
    journal = world.simulator.journal
    before = journal.total("delivery")
    async with texts_coming(world, per_second=20):
        await journal.wait_for("delivery", before + DURING, 30)
        await asyncio.to_thread(fault.begin, node)
        tried = journal.total("delivery")
        await asyncio.gather(
            journal.wait_for("delivery", tried + DURING, 30), asyncio.sleep(fault.seconds)
        )
        await asyncio.to_thread(fault.end, node)
        back = clock()
        await journal.wait_for("delivery", journal.total("delivery") + DURING, 30)
    await check_promises(world, since=back)
    deliveries = world.simulator.deliveries[before:]
    assert max(item["latency_ms"] for item in deliveries) < ANSWERS_WITHIN * 1000
    answers = {item["status"] for item in deliveries}
    assert answers <= {200, 503}
    return answers
