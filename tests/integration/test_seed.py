"""What `make run` makes before it starts looks as an administrator's own work would."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common.bus.client import Bus
from common.secrets import MasterKeys, Sealed, WrappedKey, generate_master_key
from common.store.client import Database, open_database
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_connections import MongoConnectionDirectory
from common.store.mongo_control_numbers import MongoNumbers
from local.seed import Seed, plant

SEED = Seed()


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, timeout=10)
    yield database
    database.close()


@pytest.fixture
async def bus(vhost_url: str) -> AsyncIterator[Bus]:
    bus = Bus(vhost_url, app="test")
    bus.start()
    await bus.ready()
    yield bus
    await bus.close()


async def _secret(database: Database, keys: MasterKeys) -> dict[str, str]:
    record = await MongoConnections(database).get(SEED.tenant_id, SEED.connection_id)
    assert record is not None
    key = keys.unwrap(SEED.tenant_id, WrappedKey.from_document(record.wrapped_key or {}))
    return key.open_mapping(SEED.connection_id, Sealed.from_document(record.sealed or {}))


async def test_everything_that_is_made_is_in_the_audit_trail(database: Database, bus: Bus) -> None:
    keys = MasterKeys.parse(generate_master_key())
    await plant(SEED, database=database, bus=bus, keys=keys)
    trail = await MongoAudit(database).list(SEED.tenant_id, limit=50)
    made = {entry.action for entry in trail.items}
    assert {"tenant.created", "agent.created", "connection.connected"} <= made
    view = await MongoConnectionDirectory(database).get(SEED.tenant_id, SEED.connection_id)
    assert view is not None
    assert (view.secrets, view.numbers) == (("connection_string",), 1)
    assert view.created_by
    assert view.public["endpoint"] in SEED.endpoint


async def test_another_start_on_the_same_database_works_with_another_master_key(
    database: Database, bus: Bus
) -> None:
    first, second = (MasterKeys.parse(generate_master_key()) for _ in range(2))
    await plant(SEED, database=database, bus=bus, keys=first)
    await plant(SEED, database=database, bus=bus, keys=second)
    assert await _secret(database, second) == {"connection_string": SEED.connection_string}
    number = await MongoNumbers(database).get(SEED.tenant_id, SEED.number)
    assert number is not None
    assert (number.connected, number.gate_on) == (True, False)
