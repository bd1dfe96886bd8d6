"""Whoever looks is told of every change to the connections and numbers of their tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from common.store.client import Database, open_database
from common.store.control import Actor, Happening
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_control_reading import MongoReading
from common.store.records import ConnectionStatus
from common.store.schema import ensure_schema
from health.desk.live import Live
from health.web.sse import _event

PATIENCE = 60.0
NUMBER = "+18005550100"
JANE = Actor(kind="key", id="k-jane", name="Jane Smith", role="admin")
OURS = Happening("acme", connection_id="con-1")


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    live = Live(MongoReading(database))
    running = asyncio.create_task(live.run())
    yield live
    await live.close()
    async with asyncio.timeout(PATIENCE):
        await running


async def told(queue: asyncio.Queue[Happening]) -> Happening:
    async with asyncio.timeout(PATIENCE):
        return await queue.get()


async def connect(database: Database, tenant_id: str) -> None:
    connections = MongoConnections(database)
    await connections.put_connection(tenant_id, "con-1", name="Line", provider="acs", sealed={})


async def test_every_change_of_a_connection_is_told_to_its_tenant_alone(
    database: Database, live: Live
) -> None:
    connections = MongoConnections(database)
    async with live.subscribe("acme") as ours, live.subscribe("other") as theirs:
        async with asyncio.timeout(PATIENCE):
            await live.opened()
        await connect(database, "other")
        assert await told(theirs) == Happening("other", connection_id="con-1")
        await connect(database, "acme")
        assert await told(ours) == OURS
        for status, error in (
            (ConnectionStatus.ERROR, "Refused."),
            (ConnectionStatus.ACTIVE, None),
        ):
            await connections.set_status(
                "acme", "con-1", status=status, error=error, checked_at=datetime.now(UTC)
            )
            assert await told(ours) == OURS
        assert theirs.empty()


async def test_a_number_that_comes_and_a_gate_that_is_switched_are_told_of_its_connection(
    database: Database, live: Live
) -> None:
    connections = MongoConnections(database)
    await connect(database, "acme")
    async with live.subscribe("acme") as ours:
        async with asyncio.timeout(PATIENCE):
            await live.opened()
        await connections.put_number(
            "acme", "con-1", address=NUMBER, region="US", agent_id="agent-1"
        )
        assert await told(ours) == OURS
        await MongoNumbers(database).set_gate("acme", NUMBER, on=True, by=JANE)
        assert await told(ours) == OURS


async def test_the_stream_names_the_connection_in_an_event_of_its_own() -> None:
    assert _event(OURS) == b'event: connection\ndata: {"connection_id":"con-1"}\n\n'
