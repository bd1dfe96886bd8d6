"""What every store promises about tenants, agents, connections, numbers and leases."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.store_world import NUMBER, START, Stores

from common.store.ports import BusUserTaken, NumberTaken, UnknownConnection
from common.store.records import ConnectionRecord, ConnectionStatus, RegisteredNumber, Route

SEALED = {"nonce": b"\x00\x01", "text": b"\xff"}


async def connect(
    stores: Stores, tenant: str = "acme", *, connection: str = "line", address: str | None = NUMBER
) -> None:
    """A tenant with an agent, a connection and a number."""
    put = stores.connections
    await put.put_tenant(tenant, name=tenant.title(), wrapped_key={"key": b"k-" + tenant.encode()})
    await put.put_agent(tenant, "support", name="Support", bus_user=f"{tenant}-support")
    await put.put_connection(tenant, connection, name="Line", provider="acs", sealed=SEALED)
    if address is not None:
        await put_number(stores, tenant, connection=connection, address=address)


async def put_number(stores: Stores, tenant: str = "acme", **changes: str) -> None:
    fields: dict[str, Any] = {"region": "US", "agent_id": "support", "address": NUMBER} | changes
    connection = fields.pop("connection", "line")
    await stores.connections.put_number(tenant, connection, **fields)


async def disconnect(stores: Stores, tenant: str = "acme") -> bool:
    return await stores.connections.set_status(
        tenant, "line", status=ConnectionStatus.DISCONNECTED, error=None, checked_at=START
    )


class ConnectionSuite:
    async def test_a_connected_number_is_in_the_directory(self, stores: Stores) -> None:
        await stores.directory.ping()
        assert await stores.directory.all_numbers() == []
        assert await stores.directory.find_number(NUMBER) is None
        await connect(stores)
        number = RegisteredNumber(
            tenant_id="acme",
            connection_id="line",
            provider="acs",
            address=NUMBER,
            agent_id="support",
        )
        assert await stores.directory.all_numbers() == [number]
        assert await stores.directory.find_number(NUMBER) == number

    async def test_a_route_holds_all_that_a_send_needs(self, stores: Stores) -> None:
        await connect(stores)
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert route == Route(
            tenant_id="acme",
            connection_id="line",
            provider="acs",
            address=NUMBER,
            region="US",
            agent_id="support",
            agent_active=True,
            bus_user="acme-support",
            gate_on=False,
            connection_status=ConnectionStatus.ACTIVE,
            credentials_version=route.credentials_version,
            account=route.account,
        )

    async def test_the_gate_is_off_until_it_is_turned_on(self, stores: Stores) -> None:
        await connect(stores)
        for on in (True, True, False):
            assert await stores.connections.set_gate("acme", NUMBER, on=on)
            route = await stores.outbound.route("acme", NUMBER)
            assert route is not None
            assert route.gate_on is on
        assert not await stores.connections.set_gate("acme", "+15550100099", on=True)

    async def test_another_tenant_sees_and_changes_nothing(self, stores: Stores) -> None:
        await connect(stores)
        await connect(stores, "other", address=None)
        assert await stores.outbound.route("other", NUMBER) is None
        assert not await stores.connections.set_gate("other", NUMBER, on=True)
        assert await stores.connections.get("other", "elsewhere") is None
        assert await disconnect(stores, "other")
        assert not await disconnect(stores, "stranger")
        record = await stores.connections.get("acme", "line")
        route = await stores.outbound.route("acme", NUMBER)
        assert record is not None
        assert route is not None
        assert (record.status, route.gate_on) == (ConnectionStatus.ACTIVE, False)

    async def test_new_credentials_have_a_new_version(self, stores: Stores) -> None:
        await connect(stores)
        versions = set()
        for _ in range(3):
            route = await stores.outbound.route("acme", NUMBER)
            assert route is not None
            versions.add(route.credentials_version)
            await stores.connections.put_connection(
                "acme", "line", name="Line", provider="acs", sealed=SEALED
            )
        assert len(versions) == 3

    async def test_a_broker_user_proves_one_agent(self, stores: Stores) -> None:
        await connect(stores)
        assert await stores.outbound.agent_of_user("acme-support") == ("acme", "support")
        assert await stores.outbound.agent_of_user("stranger") is None
        with pytest.raises(BusUserTaken):
            await stores.connections.put_agent("other", "x", name="X", bus_user="acme-support")
        await stores.connections.put_agent("acme", "support", name="New", bus_user="renamed")
        assert await stores.outbound.agent_of_user("acme-support") is None
        assert await stores.outbound.agent_of_user("renamed") == ("acme", "support")

    async def test_a_number_of_an_agent_that_is_missing_has_no_active_agent(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        await put_number(stores, agent_id="nobody")
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert (route.agent_id, route.agent_active) == ("nobody", False)

    async def test_a_tenant_keeps_its_first_key(self, stores: Stores) -> None:
        put = stores.connections.put_tenant
        assert await put("acme", name="Acme", wrapped_key={"key": b"1"}) == {"key": b"1"}
        assert await put("acme", name="Acme", wrapped_key={"key": b"2"}) == {"key": b"1"}

    async def test_a_number_that_another_tenant_has_connected_is_taken(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        with pytest.raises(NumberTaken):
            await connect(stores, "other")
        found = await stores.directory.find_number(NUMBER)
        assert found is not None
        assert found.tenant_id == "acme"
        await disconnect(stores)
        await put_number(stores, "other")
        found = await stores.directory.find_number(NUMBER)
        assert found is not None
        assert found.tenant_id == "other"
        await connect(stores, address=None)
        with pytest.raises(NumberTaken):
            await put_number(stores)

    async def test_a_number_moves_within_its_tenant_and_keeps_its_gate(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        await stores.connections.set_gate("acme", NUMBER, on=True)
        await connect(stores, connection="second", address=None)
        await put_number(stores, connection="second", agent_id="sales", region="DE")
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert (route.connection_id, route.agent_id, route.region) == ("second", "sales", "DE")
        assert route.gate_on
        assert len(await stores.directory.all_numbers()) == 1

    async def test_a_number_needs_a_live_connection_of_its_tenant(self, stores: Stores) -> None:
        await connect(stores)
        with pytest.raises(UnknownConnection):
            await put_number(stores, "other")
        await disconnect(stores)
        with pytest.raises(UnknownConnection):
            await put_number(stores)

    async def test_a_connection_comes_with_its_key_and_numbers(self, stores: Stores) -> None:
        await connect(stores)
        await put_number(stores, address="+15550100000")
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert await stores.connections.get("acme", "line") == ConnectionRecord(
            id="line",
            tenant_id="acme",
            name="Line",
            provider="acs",
            status=ConnectionStatus.ACTIVE,
            error=None,
            sealed=SEALED,
            wrapped_key={"key": b"k-acme"},
            numbers=("+15550100000", NUMBER),
            checked_at=None,
            credentials_version=route.credentials_version,
        )

    async def test_a_check_of_earlier_credentials_is_not_recorded(self, stores: Stores) -> None:
        await connect(stores)
        earlier = await stores.connections.get("acme", "line")
        await connect(stores, address=None)
        current = await stores.connections.get("acme", "line")
        assert earlier is not None
        assert current is not None
        for record, recorded in ((earlier, False), (current, True)):
            assert (
                await stores.connections.set_status(
                    "acme",
                    "line",
                    status=ConnectionStatus.ERROR,
                    error="The key is wrong.",
                    checked_at=START,
                    credentials_version=record.credentials_version,
                )
                is recorded
            )
            now = await stores.connections.get("acme", "line")
            assert now is not None
            assert (now.status is ConnectionStatus.ERROR) is recorded

    async def test_a_check_tells_whether_anything_changed(self, stores: Stores) -> None:
        await connect(stores)
        error = ConnectionStatus.ERROR
        for status, problem, changed in (
            (ConnectionStatus.ACTIVE, None, False),
            (error, "credentials_rejected", True),
            (error, "credentials_rejected", False),
            (error, "sender_not_owned", True),
            (ConnectionStatus.ACTIVE, None, True),
        ):
            assert (
                await stores.connections.set_status(
                    "acme", "line", status=status, error=problem, checked_at=START
                )
                is changed
            )
            record = await stores.connections.get("acme", "line")
            assert record is not None
            assert (record.status, record.error, record.checked_at) == (status, problem, START)

    async def test_a_disconnected_connection_loses_credentials_and_numbers(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        await stores.connections.set_gate("acme", NUMBER, on=True)
        assert await disconnect(stores)
        record = await stores.connections.get("acme", "line")
        route = await stores.outbound.route("acme", NUMBER)
        assert record is not None
        assert route is not None
        assert (record.sealed, record.numbers) == (None, ())
        assert route.connection_status is ConnectionStatus.DISCONNECTED
        assert not route.gate_on
        assert await stores.directory.all_numbers() == []
        assert await stores.connections.to_validate() == []

    async def test_a_disconnected_connection_stays_so_until_it_is_put_again(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        await disconnect(stores)
        assert not await stores.connections.set_status(
            "acme", "line", status=ConnectionStatus.ACTIVE, error=None, checked_at=START
        )
        record = await stores.connections.get("acme", "line")
        assert record is not None
        assert record.status is ConnectionStatus.DISCONNECTED
        await connect(stores, address=None)
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert route.connection_status is ConnectionStatus.DISCONNECTED
        await put_number(stores)
        route = await stores.outbound.route("acme", NUMBER)
        assert route is not None
        assert route.connection_status is ConnectionStatus.ACTIVE

    async def test_active_and_errored_connections_are_validated(self, stores: Stores) -> None:
        for tenant in ("acme", "beta", "gone"):
            await connect(stores, tenant, address=None)
        await stores.connections.set_status(
            "beta", "line", status=ConnectionStatus.ERROR, error="x", checked_at=START
        )
        await disconnect(stores, "gone")
        validated = await stores.connections.to_validate()
        assert [(item.tenant_id, item.wrapped_key) for item in validated] == [
            ("acme", {"key": b"k-acme"}),
            ("beta", {"key": b"k-beta"}),
        ]


class LeaseSuite:
    async def test_a_lease_has_one_owner_until_it_ends(self, stores: Stores) -> None:
        acquire = stores.leases.acquire
        assert await acquire("daily", owner="one", seconds=10)
        assert not await acquire("daily", owner="two", seconds=10)
        assert await acquire("other", owner="two", seconds=10)
        stores.clock.advance(9)
        assert await acquire("daily", owner="one", seconds=10)
        stores.clock.advance(9)
        assert not await acquire("daily", owner="two", seconds=10)
        stores.clock.advance(2)
        assert await acquire("daily", owner="two", seconds=10)
        assert not await acquire("daily", owner="one", seconds=10)

    async def test_only_its_owner_can_give_a_lease_up(self, stores: Stores) -> None:
        acquire, release = stores.leases.acquire, stores.leases.release
        await acquire("daily", owner="one", seconds=10)
        await release("daily", owner="two")
        assert not await acquire("daily", owner="two", seconds=10)
        await release("daily", owner="one")
        assert await acquire("daily", owner="two", seconds=10)
