"""The webhook on a real broker: a 200 means that every event is stored, whatever happens next, and
a broker that cannot store is told as a 503 in time."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import orjson
import pytest
from webhook_broker_world import (
    event,
    ids,
    post,
    stored,
    until_taken,
    webhook,
)

from common.bus import topology
from common.bus.client import Bus
from local.nodes import RabbitMQMissing, RabbitNode
from tests.conftest import RABBITMQ_URL, skip_or_fail

IN_TIME = 2.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """The broker of this module: a start of its own for each test would be half of its time."""
    node = RabbitNode(tmp_path_factory.mktemp("webhook") / "rabbitmq")
    try:
        node.start()
    except RabbitMQMissing as error:
        skip_or_fail(RABBITMQ_URL, error)
    yield node
    node.kill()
    shutil.rmtree(node.base_dir)


@pytest.fixture
def own_rabbit(node: RabbitNode) -> Iterator[RabbitNode]:
    """The module's broker to break; a test leaves it running, and whole where it succeeds."""
    yield node
    if node.pid:
        node.thaw()
        relieve(node)
    node.start()


@pytest.fixture
def vhost(own_rabbit: RabbitNode) -> str:
    """A virtual host of this test on the module's broker, and gone with it: deleting one after a
    restart takes seconds."""
    name = f"test_{secrets.token_hex(6)}"
    own_rabbit.add_vhost(name)
    return name


@pytest.fixture
def vhost_url(own_rabbit: RabbitNode, vhost: str) -> str:
    return f"{own_rabbit.url}{vhost}"


async def test_what_was_answered_with_200_is_there_after_the_broker_lost_its_power(
    own_rabbit: RabbitNode, vhost_url: str
) -> None:
    async with webhook(vhost_url) as (session, url):
        answers = await asyncio.gather(*(post(session, url, [event(n)]) for n in range(30)))
        assert answers == [(200, "")] * 30
        await asyncio.to_thread(own_rabbit.kill)
    await asyncio.to_thread(own_rabbit.start)
    assert sorted(ids(await stored(vhost_url))) == [event(n)["id"] for n in range(30)]


async def test_all_events_of_a_batch_are_stored_and_a_broken_one_is_parked(vhost_url: str) -> None:
    batch = [event(n) for n in range(300)]
    broken = {"eventType": "Microsoft.Communication.SMSReceived", "data": {"messageId": "x"}}
    async with webhook(vhost_url) as (session, url):
        assert await post(session, url, [*batch[:150], broken, *batch[150:]]) == (200, "")
    assert ids(await stored(vhost_url)) == [item["id"] for item in batch]
    parked = await stored(vhost_url, topology.dead_queue(topology.PROCESSOR_QUEUE))
    assert parked == [broken]


async def test_the_largest_batch_that_event_grid_sends_is_taken(vhost_url: str) -> None:
    async with webhook(vhost_url, body_limit=4_000_000) as (session, url):
        assert await post(session, url, [event(n) for n in range(5_000)]) == (200, "")
    assert len({*ids(await stored(vhost_url))}) == 5_000


def stop(rabbit: RabbitNode) -> None:
    rabbit.stop()


def kill(rabbit: RabbitNode) -> None:
    rabbit.kill()


def freeze(rabbit: RabbitNode) -> None:
    rabbit.freeze()


def exhaust(rabbit: RabbitNode) -> None:
    """A memory alarm: the broker accepts nothing from publishers."""
    rabbit.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.000001)")


def relieve(rabbit: RabbitNode) -> None:
    rabbit.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.6)")


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (stop, RabbitNode.start),
        (kill, RabbitNode.start),
        (freeze, RabbitNode.thaw),
        (exhaust, relieve),
    ],
)
async def test_a_broker_that_cannot_store_is_a_503_in_time_and_nothing_is_lost(
    own_rabbit: RabbitNode,
    vhost_url: str,
    break_it: Callable[[RabbitNode], None],
    mend_it: Callable[[RabbitNode], None],
) -> None:
    async with webhook(vhost_url) as (session, url):
        assert await post(session, url, [event(0)]) == (200, "")
        await asyncio.to_thread(break_it, own_rabbit)
        for together in ([1, 2], [3]):
            began = perf_counter()
            answers = await asyncio.gather(*(post(session, url, [event(n)]) for n in together))
            assert {status for status, _ in answers} == {503}
            assert perf_counter() - began < IN_TIME
        await asyncio.to_thread(mend_it, own_rabbit)
        await asyncio.gather(*(until_taken(session, url, [event(n)]) for n in range(1, 4)))
    found = {*ids(await stored(vhost_url))}
    assert found >= {event(number)["id"] for number in range(1, 4)}


async def test_a_broker_that_stops_in_the_middle_of_a_large_delivery_is_a_503_in_time(
    own_rabbit: RabbitNode, vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, frozen_at = Bus.publish_all, []

    async def publish_all(bus: Bus, messages: Any) -> Any:
        faults = await real(bus, messages)
        if not frozen_at:
            own_rabbit.freeze()
            frozen_at.append(perf_counter())
        return faults

    monkeypatch.setattr(Bus, "publish_all", publish_all)
    async with webhook(vhost_url) as (session, url):
        status, _ = await post(session, url, [event(n) for n in range(1_000)])
        assert (status, perf_counter() - frozen_at[0] < IN_TIME) == (503, True)
        own_rabbit.thaw()
        await until_taken(session, url, [event(n) for n in range(1_000)])
    assert len({*ids(await stored(vhost_url))}) == 1_000


async def test_a_full_queue_is_a_503_in_time_and_what_was_taken_is_stored(
    own_rabbit: RabbitNode, vhost: str, vhost_url: str
) -> None:
    async with webhook(vhost_url) as (session, url):
        limit = orjson.dumps({"max-length": 5}).decode()
        policy = ("set_policy", "-p", vhost, "full", "^processor", limit, "--apply-to", "queues")
        await asyncio.to_thread(own_rabbit.ctl, *policy)
        answers = []
        while len(answers) < 100 and answers[-3:] != [(503, "bus_refused")] * 3:
            began = perf_counter()
            answers.append(await post(session, url, [event(len(answers))]))
            assert perf_counter() - began < IN_TIME
        assert answers[-1] == (503, "bus_refused")
        taken = [event(n)["id"] for n, answer in enumerate(answers) if answer == (200, "")]
        assert ids(await stored(vhost_url)) == taken
        await until_taken(session, url, [event(1_000)])


async def test_overload_is_refused_at_once_while_what_came_before_succeeds(
    own_rabbit: RabbitNode, vhost_url: str
) -> None:
    async with webhook(vhost_url, concurrency=5) as (session, url):
        await post(session, url, [event(0)])
        own_rabbit.freeze()
        posting = [asyncio.create_task(post(session, url, [event(n)])) for n in range(1, 21)]
        began = perf_counter()
        refused, held = set(), set(posting)
        while len(refused) < 15:
            done, held = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
            refused |= done
        assert perf_counter() - began < 1
        own_rabbit.thaw()
        assert {task.result() for task in refused} == {(503, "overloaded")}
        assert await asyncio.gather(*held) == [(200, "")] * 5
