"""What the store in MongoDB says while MongoDB is away, and that it comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from conformance.store_world import LEASE, new_outbound, new_text

from common.errors import StoreUnavailable
from common.store.client import Database, WriteRefused, open_database
from common.store.directory import MongoDirectory
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.records import Claim
from common.store.schema import MESSAGES, ensure_schema
from local.nodes import MongoNode

TIMEOUT = 1.0
SLACK = 3.0
"""Seconds that a busy machine may add."""


@pytest.fixture
async def database(own_mongo: MongoNode) -> AsyncIterator[Database]:
    database = open_database(own_mongo.uri, "away", TIMEOUT)
    await _until_answered(database)
    await ensure_schema(database)
    yield database
    database.close()


async def _until_answered(database: Database) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await database.ping()
            except StoreUnavailable:
                continue


async def _each_says_unavailable(database: Database) -> None:
    inbound, outbound = MongoInbound(database), MongoOutbound(database)
    calls = (
        MongoDirectory(database).ping(),
        MongoDirectory(database).all_numbers(),
        inbound.record([new_text("away")], owner="one", lease=LEASE),
        outbound.claim([new_outbound("away")], owner="one", lease=LEASE),
        outbound.route("acme", "+15550100001"),
        MongoExecutions(database).latest("acme", limit=1),
        MongoConnections(database).to_validate(),
        MongoLeases(database).acquire("daily", owner="one", seconds=1),
        ensure_schema(database),
    )
    started = time.monotonic()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * len(results)
    assert time.monotonic() - started < TIMEOUT + SLACK


async def test_a_stopped_server_is_told_in_time_and_found_again(
    own_mongo: MongoNode, database: Database
) -> None:
    inbound = MongoInbound(database)
    await inbound.record([new_text("before")], owner="one", lease=LEASE)
    await asyncio.to_thread(own_mongo.stop)
    await _each_says_unavailable(database)
    await asyncio.to_thread(own_mongo.start)
    await _until_answered(database)
    results = await inbound.record(
        [new_text("before"), new_text("after")], owner="two", lease=LEASE
    )
    assert [item.claim for item in results] == [Claim.BUSY, Claim.FRESH]


async def test_a_killed_server_loses_nothing_that_was_recorded(
    own_mongo: MongoNode, database: Database
) -> None:
    inbound, outbound = MongoInbound(database), MongoOutbound(database)
    await inbound.record([new_text("kept")], owner="one", lease=LEASE)
    await outbound.claim([new_outbound("kept")], owner="one", lease=LEASE)
    await asyncio.to_thread(own_mongo.kill)
    await asyncio.to_thread(own_mongo.start)
    await _until_answered(database)
    (recorded,) = await inbound.record([new_text("kept")], owner="two", lease=LEASE)
    (claimed,) = await outbound.claim([new_outbound("kept")], owner="two", lease=LEASE)
    assert (recorded.claim, claimed.claim) == (Claim.BUSY, Claim.BUSY)


async def test_a_frozen_server_is_told_in_time_and_found_again(
    own_mongo: MongoNode, database: Database
) -> None:
    own_mongo.freeze()
    try:
        await _each_says_unavailable(database)
    finally:
        own_mongo.thaw()
    await _until_answered(database)


async def test_a_refused_document_is_not_quoted(own_mongo: MongoNode, database: Database) -> None:
    await database._database.command(
        "collMod", MESSAGES, validator={"$expr": {"$ne": ["$provider_message_id", "bad"]}}
    )
    with pytest.raises(WriteRefused) as refusal:
        await MongoInbound(database).record(
            [new_text("good"), new_text("bad", body="canary")], owner="one", lease=LEASE
        )
    error: BaseException | None = refusal.value
    assert "121" in str(error)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
    assert "canary" not in str(error)
