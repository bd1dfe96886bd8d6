"""Which connections may be called back, as the webhook learns it from the real MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common import callback_addresses
from common.providers.callbacks import Door
from common.secrets import MasterKeys, Sealed, SecretUnreadable, WrappedKey, generate_master_key
from common.store.client import Database, open_database
from common.store.directory import MongoCallbacks
from common.store.mongo_connections import MongoConnections
from common.store.mongo_tenant_keys import MongoTenantKeys
from common.store.records import ConnectionStatus
from common.store.schema import ensure_schema
from heliograph.models import now
from webhook.callbacks import Keyring

KEYS = MasterKeys.parse(generate_master_key())


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    opened = open_database(mongo_uri, mongo_database, 5)
    await ensure_schema(opened)
    yield opened
    opened.close()


async def connect(
    database: Database, tenant_id: str, connection_id: str, provider: str, secret: str
) -> None:
    connections = MongoConnections(database)
    wrapped = KEYS.new_tenant_key(tenant_id).to_document()
    kept = await connections.put_tenant(tenant_id, name=tenant_id, wrapped_key=wrapped)
    key = KEYS.unwrap(tenant_id, WrappedKey.from_document(kept))
    await connections.put_connection(
        tenant_id,
        connection_id,
        name="Line",
        provider=provider,
        sealed=key.seal(connection_id, {"auth_token": secret}).to_document(),
    )


async def test_live_connections_of_these_providers_are_there_with_what_opens_them(
    database: Database,
) -> None:
    await connect(database, "acme", "con-1", "twilio", "one")
    await connect(database, "globex", "con-1", "twilio", "two")
    await connect(database, "acme", "con-2", "acs", "three")
    callbacks = MongoCallbacks(database, ["twilio", "vibes"])
    known = await callbacks.all()
    assert known.keys() == {"con-1"}
    assert await callbacks.find("con-1") == known["con-1"]
    assert await callbacks.find("con-2") is None
    opened = {}
    for connection in known["con-1"]:
        key = KEYS.unwrap(connection.tenant_id, WrappedKey.from_document(connection.wrapped_key))
        sealed = Sealed.from_document(connection.sealed)
        opened[connection.tenant_id] = key.open_mapping("con-1", sealed)["auth_token"]
        assert len(callback_addresses.token(key, "con-1", Door.PORTAL)) == 43
        assert connection.credentials_version
    assert opened == {"acme": "one", "globex": "two"}


async def test_one_in_error_is_called_back_and_a_disconnected_one_is_not(
    database: Database,
) -> None:
    await connect(database, "acme", "con-1", "vibes", "one")
    connections, callbacks = MongoConnections(database), MongoCallbacks(database, ["vibes"])
    said = {"error": None, "checked_at": now()}
    await connections.set_status("acme", "con-1", status=ConnectionStatus.ERROR, **said)
    assert await callbacks.find("con-1")
    await connections.set_status("acme", "con-1", status=ConnectionStatus.DISCONNECTED, **said)
    assert await callbacks.find("con-1") is None
    assert await callbacks.all() == {}


async def test_one_whose_credentials_were_lost_is_unreadable_and_not_unknown(
    database: Database,
) -> None:
    await connect(database, "acme", "con-1", "vibes", "one")
    keys = MongoTenantKeys(database)
    fresh = KEYS.new_tenant_key("acme").to_document()
    assert await keys.replace_lost("acme", await keys.get("acme"), fresh, why="x") == ["con-1"]
    (found,) = await MongoCallbacks(database, ["vibes"]).find("con-1") or ()
    with pytest.raises(SecretUnreadable):
        Keyring(KEYS).open(found)
