"""The webhook on a real broker: a 200 means that every event is stored, whatever happens next, and
a broker that cannot store is told as a 503 in time."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable
from time import perf_counter
from typing import Any

import aiohttp
import orjson
import pymongo
import pytest
from webhook_broker_world import (
    OURS,
    event,
    ids,
    post,
    stored,
    until_taken,
    webhook,
    webhook_process,
)

from common.bus import topology
from common.bus.client import Bus
from common.bus.messages import Outgoing
from local.nodes import MongoNode, RabbitNode

IN_TIME = 2.0


async def test_what_was_answered_with_200_is_there_after_the_broker_lost_its_power(
    own_rabbit: RabbitNode,
) -> None:
    async with webhook(own_rabbit.url) as (session, url):
        answers = await asyncio.gather(*(post(session, url, [event(n)]) for n in range(30)))
        assert answers == [(200, "")] * 30
        await asyncio.to_thread(own_rabbit.kill)
    await asyncio.to_thread(own_rabbit.start)
    assert sorted(ids(await stored(own_rabbit.url))) == [event(n)["id"] for n in range(30)]


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
    rabbit.ctl("set_vm_memory_high_watermark", "0.000001")


def relieve(rabbit: RabbitNode) -> None:
    rabbit.ctl("set_vm_memory_high_watermark", "0.6")


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
    break_it: Callable[[RabbitNode], None],
    mend_it: Callable[[RabbitNode], None],
) -> None:
    async with webhook(own_rabbit.url) as (session, url):
        assert await post(session, url, [event(0)]) == (200, "")
        await asyncio.to_thread(break_it, own_rabbit)
        for number in range(1, 4):
            began = perf_counter()
            status, _ = await post(session, url, [event(number)])
            assert (status, perf_counter() - began < IN_TIME) == (503, True)
        await asyncio.to_thread(mend_it, own_rabbit)
        for number in range(1, 4):
            await until_taken(session, url, [event(number)])
    found = {*ids(await stored(own_rabbit.url))}
    assert found >= {event(number)["id"] for number in range(1, 4)}


async def test_a_full_queue_is_a_503_in_time_and_what_was_taken_is_stored(
    rabbit: RabbitNode, vhost: str, vhost_url: str
) -> None:
    async with webhook(vhost_url) as (session, url):
        limit = orjson.dumps({"max-length": 5}).decode()
        policy = ("set_policy", "-p", vhost, "full", "^processor", limit, "--apply-to", "queues")
        await asyncio.to_thread(rabbit.ctl, *policy)
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
    own_rabbit: RabbitNode,
) -> None:
    async with webhook(own_rabbit.url, concurrency=5) as (session, url):
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


def connect(database: Any, address: str) -> None:
    """A connected number, as the store keeps it."""
    database.numbers.replace_one(
        {"_id": address},
        {
            "tenant_id": "acme",
            "connection_id": "con-1",
            "provider": "acs",
            "address": address,
            "agent_id": "helper",
            "connected": True,
        },
        upsert=True,
    )


@pytest.fixture
def database(mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str) -> Any:
    connect(mongo_client[mongo_database], OURS)
    return mongo_client[mongo_database]


async def test_sigterm_answers_everything_in_hand_and_ends_cleanly(
    own_rabbit: RabbitNode, mongo_uri: str, database: Any
) -> None:
    async with (
        webhook_process(own_rabbit.url, mongo_uri, database.name) as webhook,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        await webhook.ready(session)
        await post(session, webhook.url, [event(0)])
        own_rabbit.freeze()
        posting = [asyncio.create_task(post(session, webhook.url, [event(n)])) for n in range(50)]
        await asyncio.sleep(0.3)  # They are on their way; nobody tells when they have arrived.
        assert not any(task.done() for task in posting)
        webhook.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        own_rabbit.thaw()
        assert await asyncio.gather(*posting) == [(200, "")] * 50
        async with asyncio.timeout(30):
            assert await webhook.process.wait() == 0
    assert {*ids(await stored(own_rabbit.url))} == {event(n)["id"] for n in range(50)}


async def test_sigterm_under_load_loses_nothing_that_was_answered(
    vhost_url: str, mongo_uri: str, database: Any
) -> None:
    answers: dict[int, int] = {}

    async def load(session: aiohttp.ClientSession, url: str, first: int) -> None:
        for number in range(first, 1_000_000, 8):
            try:
                answers[number] = (await post(session, url, [event(number)]))[0]
            except (aiohttp.ClientError, OSError):
                return

    async with (
        webhook_process(vhost_url, mongo_uri, database.name) as webhook,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        await webhook.ready(session)
        posting = [asyncio.create_task(load(session, webhook.url, first)) for first in range(8)]
        async with asyncio.timeout(60):
            while len(answers) < 100:  # noqa: ASYNC110 - the load goes on meanwhile
                await asyncio.sleep(0.01)
            webhook.process.send_signal(signal.SIGTERM)
            assert await webhook.process.wait() == 0
            await asyncio.gather(*posting)
    assert {*answers.values()} == {200}
    assert {*ids(await stored(vhost_url))} >= {event(number)["id"] for number in answers}


def mongo_client_of(node: MongoNode) -> pymongo.MongoClient[dict[str, Any]]:
    """Gives up soon: closing it asks a server for a last word that is no longer there."""
    return pymongo.MongoClient(node.uri, serverSelectionTimeoutMS=2_000)


async def test_a_number_connected_now_is_known_at_once_and_without_its_database(
    vhost_url: str, own_mongo: MongoNode
) -> None:
    name = f"test_{secrets.token_hex(6)}"
    later, never = "+15550001111", "+15550002222"
    with mongo_client_of(own_mongo) as client:
        await asyncio.to_thread(connect, client[name], OURS)
        async with (
            webhook_process(vhost_url, own_mongo.uri, name, mongodb_timeout="1") as webhook,
            aiohttp.ClientSession() as session,
        ):
            await webhook.ready(session)
            assert await post(session, webhook.url, [event(1), event(2, later)]) == (200, "")
            assert ids(await stored(vhost_url)) == [event(1)["id"]]
            await asyncio.to_thread(connect, client[name], later)
            await tell_of_a_change(vhost_url)
            await until_stored(vhost_url, session, webhook.url, event(3, later))
            await asyncio.to_thread(own_mongo.kill)
            assert await post(session, webhook.url, [event(4), event(5, later)]) == (200, "")
            assert len(await stored(vhost_url)) == 2
            began = perf_counter()
            assert await post(session, webhook.url, [event(6, never)]) == (503, "store_unavailable")
            assert perf_counter() - began < IN_TIME


async def tell_of_a_change(vhost_url: str) -> None:
    bus = Bus(vhost_url, app="health")
    bus.start()
    await bus.ready()
    await bus.publish(
        Outgoing(exchange=topology.CHANGES_EXCHANGE, key="", body=b"{}", type="x", message_id="x")
    )
    await bus.close()


async def until_stored(
    vhost_url: str, session: aiohttp.ClientSession, url: str, content: Any
) -> None:
    async with asyncio.timeout(5):  # Less than the 10 seconds for which absence is remembered.
        while True:
            await post(session, url, [content])
            if await stored(vhost_url):
                return
