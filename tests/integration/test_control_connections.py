"""The store keeps connections whole: unique, audited, never half changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from connection_world import ADMIN, FOREIGN, NUMBER, TENANT, World, new_number, open_world

from common.store.control import CLEARED, ConnectionView, NewConnection
from common.store.control_ports import (
    BadCursor,
    Disconnected,
    InactiveAgent,
    NotDisconnected,
    NotFound,
    Stale,
    Taken,
    UnknownAgent,
)
from common.store.ports import NumberTaken
from common.store.records import ConnectionStatus
from common.store.schema import CONNECTIONS, NUMBERS

BY = ADMIN.actor


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    async with open_world(mongo_uri, mongo_database) as it:
        yield it


def new_connection(connection_id: str = "con-1", **changes: Any) -> NewConnection:
    fields: dict[str, Any] = {
        "id": connection_id,
        "name": "Line",
        "description": "",
        "provider": "acs",
        "partner": None,
        "public": {"endpoint": "contoso.communication.azure.com"},
        "secrets": ("connection_string",),
        "sealed": {"blob": "sealed-blob"},
    }
    return NewConnection(**(fields | changes))


async def create(world: World, connection_id: str = "con-1", *numbers: Any) -> ConnectionView:
    return await world.directory.create(
        TENANT, new_connection(connection_id), numbers=numbers, by=BY
    )


async def replace(world: World, action: str, version: int | None = None) -> ConnectionView:
    return await world.directory.set_credentials(
        TENANT,
        "con-1",
        sealed={"blob": "other-blob"},
        public={"endpoint": "other.communication.azure.com"},
        secrets=("connection_string", "partner_key"),
        partner="infobip",
        version=version,
        action=action,
        by=BY,
    )


async def test_a_connection_is_made_once_and_for_a_tenant_that_is(world: World) -> None:
    view = await create(world, "con-1", new_number())
    assert (view.version, view.numbers, view.created_by) == (1, 1, "Ada")
    assert await world.directory.get(TENANT, "con-1") == view
    assert await world.directory.get(FOREIGN, "con-1") is None
    with pytest.raises(Taken):
        await create(world)
    with pytest.raises(NotFound):
        await world.directory.create("nobody", new_connection(), by=BY)


@pytest.mark.parametrize(("agent", "error"), [("nobody", UnknownAgent), ("retired", InactiveAgent)])
async def test_a_number_that_cannot_be_added_takes_its_connection_along(
    world: World, agent: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await create(world, "con-1", new_number(), new_number("12345", agent))
    assert await world.documents(CONNECTIONS) == await world.documents(NUMBERS) == []
    assert {entry.action for entry in await world.trail()}.isdisjoint(
        {"connection.connected", "number.added"}
    )


async def test_pages_are_newest_first_and_tell_numbers_and_status(world: World) -> None:
    names = [f"con-{place}" for place in range(5)]
    for name in names:
        await create(world, name)
    await world.numbers.add(TENANT, "con-3", new_number(), by=BY)
    await world.directory.disconnect(TENANT, "con-0", version=None, by=BY)
    seen: list[ConnectionView] = []
    cursor = None
    while True:
        page = await world.directory.list(TENANT, limit=2, cursor=cursor)
        seen += page.items
        if (cursor := page.next) is None:
            break
    assert [view.id for view in seen] == names[::-1]
    assert [view.numbers for view in seen] == [0, 1, 0, 0, 0]
    active = await world.directory.list(TENANT, status=ConnectionStatus.ACTIVE, limit=10)
    assert [view.id for view in active.items] == names[:0:-1]
    assert (await world.directory.list(FOREIGN, limit=10)).items == ()
    with pytest.raises(BadCursor):
        await world.directory.list(TENANT, limit=2, cursor="nonsense")


async def test_of_two_changes_of_one_version_one_is_stale(world: World) -> None:
    view = await create(world)
    results = await asyncio.gather(
        *(
            world.directory.update(TENANT, "con-1", name=name, version=view.version, by=BY)
            for name in ("one", "two")
        ),
        return_exceptions=True,
    )
    assert sorted(type(it).__name__ for it in results) == ["ConnectionView", "Stale"]
    found = await world.directory.get(TENANT, "con-1")
    assert found is not None
    assert found.version == 2


async def test_new_credentials_end_an_error_and_are_told_without_their_values(
    world: World,
) -> None:
    await create(world)
    await world.connections.set_status(
        TENANT,
        "con-1",
        status=ConnectionStatus.ERROR,
        error="The key is wrong.",
        checked_at=(await world.documents(CONNECTIONS))[0]["created_at"],
    )
    view = await replace(world, "connection.credentials", version=1)
    assert (view.status, view.error, view.partner) == (ConnectionStatus.ACTIVE, None, "infobip")
    entry = (await world.trail())[0]
    assert entry.action == "connection.credentials"
    assert entry.before is not None
    assert entry.after is not None
    assert entry.before["status"] == "error"
    assert entry.after["credentials_version"] != entry.before["credentials_version"]
    for hidden in ("blob", "communication.azure.com"):
        assert hidden not in repr(await world.trail())


async def test_only_a_reconnection_gives_credentials_to_what_is_disconnected(
    world: World,
) -> None:
    await create(world, "con-1", new_number())
    gone = await world.directory.disconnect(TENANT, "con-1", version=1, by=BY)
    assert gone.public == {"endpoint": CLEARED}
    with pytest.raises(Disconnected):
        await replace(world, "connection.credentials")
    with pytest.raises(Stale):
        await replace(world, "connection.reconnected", version=1)
    back = await replace(world, "connection.reconnected", version=gone.version)
    assert (back.status, back.numbers) == (ConnectionStatus.ACTIVE, 0)
    with pytest.raises(NotDisconnected):
        await replace(world, "connection.reconnected", version=back.version)
    with pytest.raises(NotFound):
        await world.directory.disconnect(FOREIGN, "con-1", version=None, by=BY)


async def test_of_two_tenants_that_add_a_number_at_once_one_gets_it(world: World) -> None:
    for tenant_id in (TENANT, FOREIGN):
        await world.directory.create(tenant_id, new_connection(), by=BY)
    for place in range(10):
        address = f"+1800555010{place}"
        results = await asyncio.gather(
            *(
                world.numbers.add(tenant_id, "con-1", new_number(address), by=BY)
                for tenant_id in (TENANT, FOREIGN)
            ),
            return_exceptions=True,
        )
        assert sorted(type(it).__name__ for it in results) == ["NumberRecord", "NumberTaken"]
        connected = [it for it in await world.documents(NUMBERS) if it["address"] == address]
        assert len(connected) == 1


async def test_a_number_never_comes_onto_a_connection_that_is_being_disconnected(
    world: World,
) -> None:
    for place in range(10):
        connection_id, address = f"con-{place}", f"+1800555020{place}"
        await create(world, connection_id)
        await asyncio.gather(
            world.numbers.add(TENANT, connection_id, new_number(address), by=BY),
            world.directory.disconnect(TENANT, connection_id, version=None, by=BY),
            return_exceptions=True,
        )
        assert (await world.numbers.list(TENANT, limit=10)).items == ()


async def test_a_seeded_connection_is_read_with_defaults_and_can_be_changed(world: World) -> None:
    await world.connections.put_connection(
        TENANT, "seed", name="Seed", provider="acs", sealed={"blob": "b"}
    )
    await world.connections.put_number(
        TENANT, "seed", address=NUMBER, region="US", agent_id="support"
    )
    view = await world.directory.get(TENANT, "seed")
    assert view is not None
    assert (view.version, view.public, view.secrets, view.numbers) == (1, {}, (), 1)
    with pytest.raises(NumberTaken):
        await create(world, "con-1", new_number())
    await world.directory.update(TENANT, "seed", name="New", version=1, by=BY)
    gone = await world.directory.disconnect(TENANT, "seed", version=2, by=BY)
    assert (gone.name, gone.version, gone.numbers) == ("New", 3, 0)
    number = await world.numbers.get(TENANT, NUMBER)
    assert number is not None
    assert (number.connected, number.version) == (False, 2)
