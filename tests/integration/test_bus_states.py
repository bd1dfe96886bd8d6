"""What bus and store tell of their connections, on the real servers, before, during and after a
loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.bus.client import Bus
from common.bus.messages import Outgoing
from common.bus.topology import PROCESSOR_QUEUE, SERVICES, received_key
from common.metrics import Metrics
from common.numbers import changes_queue
from common.store.client import open_database
from tests.conformance.bus_world import eventually


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"heliograph_{name}", labels)


def texts(number: int) -> list[Outgoing]:
    return [
        Outgoing(
            exchange="heliograph.inbound",
            key=received_key("acs"),
            body=b"{}",
            type="sms.received",
            message_id=f"m{n}",
        )
        for n in range(number)
    ]


@pytest.fixture
async def told(vhost_url: str) -> AsyncIterator[tuple[Bus, Metrics]]:
    metrics = Metrics()
    bus = Bus(vhost_url, app="states", topology=SERVICES, publish_deadline=20, metrics=metrics)
    bus.start()
    await bus.ready()
    yield bus, metrics
    await bus.close()


async def test_consumers_and_what_is_in_hand_are_told(told: tuple[Bus, Metrics]) -> None:
    bus, metrics = told
    reader = await bus.subscribe(PROCESSOR_QUEUE, prefetch=4)
    changes = changes_queue("states")
    await bus.subscribe(changes.name, prefetch=10, private=changes)
    assert await bus.publish_all(texts(6)) == [None] * 6
    first = [await asyncio.wait_for(reader.deliveries.get(), 20) for _ in range(4)]

    queue = {"queue": PROCESSOR_QUEUE}
    assert sample(metrics, "bus_connected") == 1
    assert sample(metrics, "bus_consumers", **queue) == 1
    assert sample(metrics, "bus_consumers", queue="changes") == 1
    assert sample(metrics, "bus_in_hand_messages", **queue) == 4
    confirmed = {"exchange": "heliograph.inbound", "result": "confirmed"}
    assert sample(metrics, "bus_publishes_total", **confirmed) == 6

    await first[3].ack(multiple=True)
    rest = [await asyncio.wait_for(reader.deliveries.get(), 20) for _ in range(2)]
    assert sample(metrics, "bus_in_hand_messages", **queue) == 2
    for delivery in rest:
        await delivery.ack()
    assert sample(metrics, "bus_in_hand_messages", **queue) == 0
    await reader.cancel()
    assert sample(metrics, "bus_consumers", **queue) == 0


async def test_a_closed_bus_is_told_as_not_connected(told: tuple[Bus, Metrics]) -> None:
    bus, metrics = told
    await bus.subscribe(PROCESSOR_QUEUE, prefetch=4)
    await bus.close()
    assert sample(metrics, "bus_connected") == 0
    assert sample(metrics, "bus_consumers", queue=PROCESSOR_QUEUE) == 0
    assert sample(metrics, "bus_in_hand_messages", queue=PROCESSOR_QUEUE) == 0


async def test_the_stores_connections_are_told(mongo_uri: str, mongo_database: str) -> None:
    metrics = Metrics()
    database = open_database(mongo_uri, mongo_database, 30, metrics=metrics)
    assert sample(metrics, "mongodb_connected") == 0
    await asyncio.gather(*(database.ping() for _ in range(5)))
    await eventually(lambda: sample(metrics, "mongodb_connected") == 1)
    assert sample(metrics, "mongodb_pool_connections", state="in_use") == 0
    idle = sample(metrics, "mongodb_pool_connections", state="idle")
    assert idle is not None
    assert 1 <= idle <= 5
    database.close()
    await eventually(lambda: sample(metrics, "mongodb_connected") == 0)
    assert sample(metrics, "mongodb_pool_connections", state="idle") == 0
