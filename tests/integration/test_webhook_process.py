"""The webhook as a process: it stops without losing a text, and lives on while its database is
away."""

from __future__ import annotations

import asyncio
import secrets
import signal
from time import perf_counter
from typing import Any

import aiohttp
import psutil
import pymongo
import pytest
from webhook_broker_world import OURS, event, ids, post, stored, webhook_process

from common.bus import topology
from common.bus.client import Bus
from common.bus.messages import Outgoing
from local.nodes import MongoNode, RabbitNode

IN_TIME = 2.0


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


async def all_accepted(pid: int, count: int) -> None:
    """Wait until the process has so many clients' connections in its hands; it reads what has come
    on each as soon as it has accepted it. Nobody tells of that but the system."""
    process = psutil.Process(pid)
    async with asyncio.timeout(1.5):
        while True:
            known = await asyncio.to_thread(process.net_connections, "tcp")
            clients = [it for it in known if it.status == psutil.CONN_ESTABLISHED and it.raddr]
            if sum(it.laddr.port == listening_port(known) for it in clients) >= count:
                break
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)


def listening_port(known: list[Any]) -> int:
    """The webhook's port, of those of the process: the one with the most clients."""
    ports = [it.laddr.port for it in known if it.status == psutil.CONN_LISTEN]
    return max(ports, key=lambda port: sum(it.laddr.port == port for it in known))


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
        await all_accepted(webhook.process.pid, len(posting))
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
