"""The master key is changed while the services run, and a rotation that is killed goes on."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from signal import SIGKILL
from typing import Any

import pytest

from common.failpoints import Failpoint, Failpoints
from common.master_key_check import master_key_problem
from common.secrets import MasterKeys, SecretUnreadable, WrappedKey, generate_master_key
from common.store.client import Database, open_database
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_tenant_keys import MongoTenantKeys
from common.store.schema import TENANTS, ensure_schema
from health.rotation import EXIT_DONE, EXIT_SOME_FAILED, rotate

SECRET = {"account": "canary"}
PATIENCE = 60.0


@dataclass
class World:
    """Tenants with a connection each, sealed under the old key."""

    database: Database
    mongo_uri: str
    mongo_database: str
    old: str
    new: str

    @property
    def before(self) -> MasterKeys:
        return MasterKeys.parse(self.old)

    @property
    def both(self) -> MasterKeys:
        return MasterKeys.parse(f"{self.new},{self.old}")

    @property
    def after(self) -> MasterKeys:
        return MasterKeys.parse(self.new)

    @property
    def tenant_keys(self) -> MongoTenantKeys:
        return MongoTenantKeys(self.database)

    async def add(self, *tenants: str, keys: MasterKeys | None = None) -> None:
        keys = keys or self.before
        connections = MongoConnections(self.database)
        for tenant_id in tenants:
            wrapped = keys.new_tenant_key(tenant_id)
            await connections.put_tenant(
                tenant_id, name=tenant_id, wrapped_key=wrapped.to_document()
            )
            sealed = keys.unwrap(tenant_id, wrapped).seal("c1", SECRET)
            await connections.put_connection(
                tenant_id, "c1", name="c1", provider="acs", sealed=sealed.to_document()
            )

    async def damage(self, tenant_id: str) -> None:
        """Make a tenant's data key unreadable."""
        await self.database.collection(TENANTS).update_one(
            {"_id": tenant_id}, {"$set": {"wrapped_key.blob": "AAAA"}}
        )

    async def opened(self, keys: MasterKeys) -> list[str]:
        """The tenants whose credentials these keys open."""
        found = []
        for record in await MongoConnections(self.database).to_validate():
            assert record.wrapped_key is not None
            assert record.sealed is not None
            wrapped = WrappedKey.from_document(record.wrapped_key)
            try:
                key = keys.unwrap(record.tenant_id, wrapped)
            except SecretUnreadable:
                continue
            sealed = type(key.seal("c1", b"")).from_document(record.sealed)
            assert key.open_mapping("c1", sealed) == SECRET
            found.append(record.tenant_id)
        return found

    async def run(
        self, *arguments: str, service: str = "health", **settings: str
    ) -> tuple[int, str, str]:
        """A service with both keys, or with other settings: exit code, output, errors."""
        environment = {
            "mongodb_uri": self.mongo_uri,
            "mongodb_database": self.mongo_database,
            "master_key": f"{self.new},{self.old}",
            "management_host": "127.0.0.1",
            "management_port": "0",
            "health_host": "127.0.0.1",
            "health_port": "0",
        } | settings
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            service,
            *arguments,
            env={f"HELIOGRAPH_{name.upper()}": value for name, value in environment.items()},
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        for master_key in (self.old, self.new):
            assert master_key.partition(":")[2].encode() not in output + errors
        return process.returncode, output.decode(), errors.decode()

    async def rotate(self, **settings: str) -> tuple[int, str, str]:
        """A rotation in a process of its own."""
        return await self.run("--rotate-master-key", **settings)


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 20)
    await ensure_schema(database)
    old, new = f"k1:{generate_master_key()}", f"k2:{generate_master_key()}"
    yield World(database, mongo_uri, mongo_database, old, new)
    database.close()


async def test_a_rotation_lets_the_old_key_go_and_every_credential_stays(world: World) -> None:
    await world.add("acme", "globex", "initech")
    report = await rotate(world.tenant_keys, world.both, Failpoints())
    assert (report.rewrapped, report.current, report.failed) == (3, 0, {})
    assert await world.opened(world.after) == ["acme", "globex", "initech"]
    assert await world.opened(world.before) == []
    again = await rotate(world.tenant_keys, world.both, Failpoints())
    assert (again.rewrapped, again.current, again.failed) == (0, 3, {})


async def test_a_rotation_is_on_record_once_a_tenant_and_without_a_key(world: World) -> None:
    await world.add("acme", "globex")
    for _ in range(2):
        await rotate(world.tenant_keys, world.both, Failpoints())
    entries = (await MongoAudit(world.database).list(None, limit=10)).items
    assert [entry.tenant_id for entry in entries] == ["globex", "acme"]
    for entry in entries:
        assert (entry.action, entry.actor.kind) == ("tenant.key_rewrapped", "system")
        assert (entry.before, entry.after) == ({"master_key_id": "k1"}, {"master_key_id": "k2"})


async def test_a_killed_rotation_goes_on_where_it_was(world: World) -> None:
    tenants = [f"tenant-{number}" for number in range(9)]
    await world.add(*tenants)
    code, _, _ = await world.rotate(failpoint=f"{Failpoint.HEALTH_REWRAPPED}:4")
    assert code == -SIGKILL
    assert await world.opened(world.after) == tenants[:4]
    assert await world.opened(world.both) == tenants, "meanwhile both keys open everything"
    code, output, _ = await world.rotate()
    assert (code, output) == (EXIT_DONE, "5 rewrapped, 4 were current, 0 failed.\n")
    assert await world.opened(world.after) == tenants


async def test_credentials_open_all_through_a_rotation(world: World) -> None:
    tenants = [f"tenant-{number:02}" for number in range(30)]
    await world.add(*tenants)
    rotation = asyncio.create_task(rotate(world.tenant_keys, world.both, Failpoints()))
    looked = 0
    while not rotation.done():
        assert await world.opened(world.both) == tenants
        looked += 1
    assert (await rotation).rewrapped == 30
    assert looked > 1


async def test_two_rotations_at_once_do_each_tenant_once(world: World) -> None:
    await world.add(*(f"tenant-{number:02}" for number in range(20)))
    reports = await asyncio.gather(
        *(rotate(world.tenant_keys, world.both, Failpoints()) for _ in range(2))
    )
    assert sum(report.rewrapped for report in reports) == 20
    assert not any(report.failed for report in reports)
    assert len((await MongoAudit(world.database).list(None, limit=99)).items) == 20


async def test_a_data_key_that_does_not_open_stops_none_of_the_others(world: World) -> None:
    await world.add("acme", "broken", "globex")
    await world.damage("broken")
    code, output, _ = await world.rotate()
    assert code == EXIT_SOME_FAILED
    assert output.startswith("2 rewrapped, 0 were current, 1 failed.\nbroken: ")
    assert "HELIOGRAPH_MASTER_KEY" in output
    assert await world.opened(world.after) == ["acme", "globex"]


async def test_without_the_old_key_nothing_is_touched(world: World) -> None:
    await world.add("acme", "globex")
    before = await world.database.collection(TENANTS).find().to_list(None)
    code, output, _ = await world.rotate(master_key=world.new)
    assert code == EXIT_SOME_FAILED
    assert "2 failed" in output
    assert await world.database.collection(TENANTS).find().to_list(None) == before


async def test_a_rotation_without_a_store_says_so(world: World) -> None:
    uri = "mongodb://127.0.0.1:9/"
    code, output, errors = await world.rotate(mongodb_uri=uri, mongodb_timeout="0.3")
    assert (code, output) == (2, "")
    assert errors.startswith("heliograph: the rotation stopped: ")
    assert errors.count("\n") == 1


async def test_pages_of_tenants_leave_none_out(world: World) -> None:
    tenants = [f"tenant-{number}" for number in range(7)]
    await world.add(*tenants)
    assert [tenant_id async for tenant_id in world.tenant_keys.ids(page=3)] == tenants


async def test_a_wrapped_key_that_changed_meanwhile_is_not_overwritten(world: World) -> None:
    await world.add("acme")
    stale: Mapping[str, Any] = {**world.before.new_tenant_key("acme").to_document()}
    fresh = world.after.new_tenant_key("acme").to_document()
    assert not await world.tenant_keys.replace("acme", stale, fresh)
    assert await world.opened(world.before) == ["acme"]


# The check at the start


async def test_without_tenants_any_master_key_will_do(world: World) -> None:
    assert await master_key_problem(world.tenant_keys, world.after) is None


async def test_the_right_master_keys_are_no_problem(world: World) -> None:
    await world.add("acme", "globex")
    assert await master_key_problem(world.tenant_keys, world.before) is None
    assert await master_key_problem(world.tenant_keys, world.both) is None


async def test_a_master_key_that_is_missing_is_named_in_one_sentence(world: World) -> None:
    await world.add("acme")
    await world.add("globex", keys=world.after)
    problem = await master_key_problem(world.tenant_keys, world.after)
    assert problem is not None, "though it opens one of the tenants' keys"
    assert "'k1'" in problem
    assert "HELIOGRAPH_MASTER_KEY" in problem
    assert "\n" not in problem


async def test_another_key_under_the_same_id_is_a_problem(world: World) -> None:
    await world.add("acme", "globex")
    other = MasterKeys.parse(f"k1:{generate_master_key()}")
    problem = await master_key_problem(world.tenant_keys, other)
    assert problem is not None
    assert "'k1'" in problem


async def test_one_damaged_data_key_stops_nobody_elses_service(world: World) -> None:
    await world.add("acme", "globex")
    await world.damage("acme")
    assert await master_key_problem(world.tenant_keys, world.before) is None


@pytest.mark.parametrize(
    ("master_key", "says"),
    [
        ("k1:" + generate_master_key(), "'k1'"),
        ("k9:" + generate_master_key(), "'k1'"),
        ("nonsense", "HELIOGRAPH_MASTER_KEY"),
        ("", "HELIOGRAPH_MASTER_KEY"),
    ],
    ids=["another key", "another id", "no key", "empty"],
)
@pytest.mark.parametrize("service", ["health", "sender"])
async def test_a_service_with_a_wrong_master_key_does_nothing_but_say_so_in_one_sentence(
    world: World, vhost_url: str, service: str, master_key: str, says: str
) -> None:
    await world.add("acme")
    code, _, errors = await world.run(
        # It is said before anybody waits for the job that prepares the schema.
        service=service,
        master_key=master_key,
        rabbitmq_url=vhost_url,
        schema_at_start="false",
    )
    assert {"health": "console.listening", "sender": "bus.up"}[service] not in errors
    told = [line for line in errors.splitlines() if not line.startswith("{")]
    assert (code, len(told)) == (78, 1), errors
    assert told[0].startswith("heliograph: ")
    assert says in told[0]
    assert await world.opened(world.before) == ["acme"]
