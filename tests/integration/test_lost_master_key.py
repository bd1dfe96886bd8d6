"""A master key that is gone for good: new data keys, and credentials that a person enters anew."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from typing import Any

import pytest
from connection_world import (
    ADMIN,
    FOREIGN,
    OTHER_NUMBER,
    TENANT,
    World,
    new_number,
    open_world,
)

from common.master_key_check import master_key_problem
from common.secrets import MasterKeys, generate_master_key
from common.store.control import CLEARED
from common.store.mongo_tenant_keys import MongoTenantKeys
from common.store.records import ConnectionStatus
from common.store.schema import AUDIT, CONNECTIONS, NUMBERS, TENANTS
from health.lost_keys import EXIT_AWAY, EXIT_DONE, EXIT_SOME_LOST, WHY, Report, replace
from health.web.problems import Problem, ProblemCode

PATIENCE = 60.0
NEW_KEY = f"k2:{generate_master_key()}"


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    """Two tenants, `acme` with a connection and a number, under a key that nobody has any more."""
    async with open_world(mongo_uri, mongo_database) as it:
        await it.connect(new_number())
        yield it


@pytest.fixture
def after(world: World) -> World:
    """The same house with a new master key."""
    return World(world.database, world.sim, keys=MasterKeys.parse(NEW_KEY))


async def everything(world: World) -> list[Any]:
    return [await world.documents(name) for name in (TENANTS, CONNECTIONS, NUMBERS, AUDIT)]


async def replaced(world: World, *, confirmed: bool = True) -> tuple[Report, list[str]]:
    lines: list[str] = []
    keys = MongoTenantKeys(world.database)
    return await replace(keys, world.keys, confirmed=confirmed, say=lines.append), lines


async def test_until_it_is_confirmed_it_says_whose_keys_are_lost_and_changes_nothing(
    world: World, after: World
) -> None:
    before = await everything(world)
    report, lines = await replaced(after, confirmed=False)
    assert (report.opened, report.replaced, report.lost) == (0, 0, 2)
    assert [line.partition(":")[0] for line in lines] == [TENANT, FOREIGN]
    assert "Add the key 'k1' to HELIOGRAPH_MASTER_KEY" in lines[0]
    assert await everything(world) == before


async def test_afterwards_the_services_may_start_and_the_console_asks_for_credentials(
    world: World, after: World
) -> None:
    keys = MongoTenantKeys(world.database)
    assert await master_key_problem(keys, after.keys) is not None
    (view,) = (await world.desk.list(TENANT, limit=9)).items
    report, lines = await replaced(after)
    assert (report.opened, report.replaced, report.lost) == (0, 2, 0)
    assert lines == [
        f"{TENANT}: new data key; credentials dropped: {view.id}.",
        f"{FOREIGN}: new data key; credentials dropped: none.",
    ]
    assert await master_key_problem(keys, after.keys) is None
    lost = await after.desk.get(TENANT, view.id)
    assert (lost.status, lost.error, lost.numbers) == (ConnectionStatus.ERROR, WHY, 1)
    (document,) = await world.documents(CONNECTIONS)
    assert document["sealed"] == CLEARED
    assert document["public"] == view.public, "it was never sealed"


async def test_a_person_enters_the_credentials_anew(world: World, after: World) -> None:
    (view,) = (await world.desk.list(TENANT, limit=9)).items
    change: dict[str, Any] = {"parameters": after.parameters, "partner": None, "by": ADMIN}
    with pytest.raises(Problem, check=lambda it: it.code is ProblemCode.UNAVAILABLE):
        await after.desk.set_credentials(TENANT, view.id, version=None, **change)
    await replaced(after)
    mended = await after.desk.set_credentials(TENANT, view.id, version=None, **change)
    assert (mended.status, mended.error, mended.numbers) == (ConnectionStatus.ACTIVE, None, 1)
    record = await after.connections.get(TENANT, view.id)
    assert record is not None
    assert after.vault.open(record) == after.parameters
    report, lines = await replaced(after)
    assert (report.opened, report.replaced, lines) == (2, 0, [])
    assert after.vault.open(record) == after.parameters


async def test_each_tenant_and_each_connection_is_on_record(world: World, after: World) -> None:
    await world.connect(new_number(OTHER_NUMBER))
    before = {entry.id for entry in await world.trail()}
    await replaced(after)
    entries = [entry for entry in await world.trail() if entry.id not in before]
    assert sorted(entry.action for entry in entries) == [
        "connection.credentials_lost",
        "connection.credentials_lost",
        "tenant.key_replaced",
    ]
    for entry in entries:
        assert (entry.actor.kind, entry.note) == ("system", WHY)
        told = entry.after or {}
        if entry.action == "tenant.key_replaced":
            assert told["master_key_id"] == "k2"
        else:
            assert told["status"] == "error"


async def test_who_can_still_be_opened_is_left_as_it_is(world: World, after: World) -> None:
    await world.database.collection(TENANTS).update_one(
        {"_id": FOREIGN},
        {"$set": {"wrapped_key": after.keys.new_tenant_key(FOREIGN).to_document()}},
    )
    before = await world.database.collection(TENANTS).find_one({"_id": FOREIGN})
    report, lines = await replaced(after)
    assert (report.opened, report.replaced, len(lines)) == (1, 1, 1)
    assert await world.database.collection(TENANTS).find_one({"_id": FOREIGN}) == before
    assert await world.trail(FOREIGN) == await after.trail(FOREIGN)


async def test_what_was_disconnected_stays_so(world: World, after: World) -> None:
    (view,) = (await world.desk.list(TENANT, limit=9)).items
    await world.desk.disconnect(TENANT, view.id, version=None, by=ADMIN)
    before = await world.documents(CONNECTIONS)
    _, lines = await replaced(after)
    assert lines[0] == f"{TENANT}: new data key; credentials dropped: none."
    assert await world.documents(CONNECTIONS) == before


async def test_a_key_that_changed_meanwhile_is_not_replaced(world: World, after: World) -> None:
    keys, before = MongoTenantKeys(world.database), await everything(world)
    fresh = after.keys.new_tenant_key(TENANT).to_document()
    assert await keys.replace_lost(TENANT, fresh, fresh, why=WHY) is None
    assert await everything(world) == before


async def test_a_tenant_without_any_key_gets_one(world: World, after: World) -> None:
    await world.database.collection(TENANTS).update_one(
        {"_id": TENANT}, {"$unset": {"wrapped_key": True}}
    )
    report, _ = await replaced(after)
    assert report.replaced == 2
    assert await after.vault.seal(TENANT, "con-1", {"a": "b"})


# The command


async def command(world_uri: str, database: str, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "health",
        "--replace-lost-keys",
        *arguments,
        env={
            "HELIOGRAPH_MONGODB_URI": world_uri,
            "HELIOGRAPH_MONGODB_DATABASE": database,
            "HELIOGRAPH_MONGODB_TIMEOUT": "5",
            "HELIOGRAPH_MASTER_KEY": NEW_KEY,
        },
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
    assert NEW_KEY.partition(":")[2].encode() not in output + errors
    return process.returncode, output.decode(), errors.decode()


async def test_the_command_asks_does_it_once_and_says_what_it_did(
    world: World, mongo_uri: str, mongo_database: str
) -> None:
    code, output, _ = await command(mongo_uri, mongo_database)
    assert code == EXIT_SOME_LOST
    assert "0 opened, 0 replaced, 2 lost." in output
    assert "Nothing was changed." in output
    assert "--yes" in output
    code, output, _ = await command(mongo_uri, mongo_database, "--yes")
    assert code == EXIT_DONE
    lines = output.splitlines()
    assert lines[0].startswith(f"{TENANT}: new data key; credentials dropped: con-")
    assert lines[2] == "0 opened, 2 replaced, 0 lost."
    assert "callback addresses" in lines[3]
    before = await everything(world)
    code, output, _ = await command(mongo_uri, mongo_database, "--yes")
    assert (code, output) == (EXIT_DONE, "2 opened, 0 replaced, 0 lost.\n")
    assert await everything(world) == before


async def test_the_command_without_a_store_says_so() -> None:
    code, output, errors = await command("mongodb://127.0.0.1:9/?connectTimeoutMS=300", "nothing")
    assert (code, output) == (EXIT_AWAY, "")
    assert errors.startswith("heliograph: the replacement stopped: ")


async def test_the_health_service_starts_again(
    world: World, after: World, mongo_uri: str, mongo_database: str, vhost_url: str
) -> None:
    await replaced(after)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "health",
        env={
            "HELIOGRAPH_MONGODB_URI": mongo_uri,
            "HELIOGRAPH_MONGODB_DATABASE": mongo_database,
            "HELIOGRAPH_RABBITMQ_URL": vhost_url,
            "HELIOGRAPH_MASTER_KEY": NEW_KEY,
            "HELIOGRAPH_MANAGEMENT_HOST": "127.0.0.1",
            "HELIOGRAPH_MANAGEMENT_PORT": "0",
            "HELIOGRAPH_HEALTH_HOST": "127.0.0.1",
            "HELIOGRAPH_HEALTH_PORT": "0",
        },
        stdout=PIPE,
        stderr=STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            lines: list[bytes] = []
            async for line in process.stdout:
                lines.append(line)
                if b"console.listening" in line:
                    break
            else:
                pytest.fail(b"".join(lines).decode())
    finally:
        process.kill()
        await process.communicate()
