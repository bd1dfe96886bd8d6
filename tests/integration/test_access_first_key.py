"""`python -m health --make-key` makes a key that lets its holder in, and shows it once."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator

import pytest
from access_world import HERE, TENANT, AccessWorld, open_access

from common.secrets import generate_master_key
from common.store.schema import KEYS
from health.access.roles import Role

PATIENCE = 60.0


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[AccessWorld]:
    async with open_access(mongo_uri, mongo_database) as world:
        yield world


async def make(uri: str, database: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command."""
    environment = {
        "HELIOGRAPH_MONGODB_URI": uri,
        "HELIOGRAPH_MONGODB_DATABASE": database,
        "HELIOGRAPH_MONGODB_TIMEOUT": "20" if database else "0.3",
        "HELIOGRAPH_MASTER_KEY": generate_master_key(),
    }
    environment = {name: value for name, value in environment.items() if value}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "health", "--make-key", *arguments,
        env=environment, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize(("role", "tenant_id"), [(Role.OPERATOR, None), (Role.ADMIN, TENANT)])
async def test_a_key_made_on_the_machine_lets_its_holder_in(
    world: AccessWorld, mongo_uri: str, mongo_database: str, role: Role, tenant_id: str | None
) -> None:
    tenant = ("--tenant", tenant_id) if tenant_id else ()
    code, output, errors = await make(mongo_uri, mongo_database, role, "Jane Doe", *tenant)
    assert (code, output.count("\n"), errors) == (0, 1, "")
    signed_in = await world.door().sign_in(output.strip(), source=HERE)
    who = signed_in.principal
    assert (who.name, who.role, who.tenant_id) == ("Jane Doe", role, tenant_id)
    [entry] = await world.trail("key.created")
    assert (entry.actor.kind, entry.tenant_id, entry.target) == ("system", tenant_id, who.id)


@pytest.mark.parametrize(
    "arguments",
    [
        ("admin", "Jane", "--tenant", "nowhere"),
        ("admin", "Jane"),
        ("operator", "Jane", "--tenant", TENANT),
        ("god", "Jane"),
        ("operator", " "),
        ("operator", "x" * 101),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(
    world: AccessWorld, mongo_uri: str, mongo_database: str, arguments: tuple[str, ...]
) -> None:
    code, output, errors = await make(mongo_uri, mongo_database, *arguments)
    assert (code, output) == (1, "")
    assert errors.startswith("heliograph: no key was made: ")
    assert errors.count("\n") == 1
    assert await world.database.collection(KEYS).count_documents({}) == 0


async def test_without_a_store_no_key_is_made() -> None:
    code, output, errors = await make("mongodb://127.0.0.1:9/", "", "operator", "Jane")
    assert (code, output) == (2, "")
    assert errors.startswith("heliograph: no key was made: ")
