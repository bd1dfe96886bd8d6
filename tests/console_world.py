"""The health service as a process, with its API and console, on the real servers.

Two tenants: `acme`, connected to a simulated ACS with one number and one agent, and `globex`, which
has an agent only. For each role there is a key in each of them; operators have no tenant.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from nursery import nursery

from common.bus.client import Bus
from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, open_database
from common.store.control import SYSTEM, AgentKind, KeyRecord
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_keys import MongoKeys
from common.store.mongo_control_tenants import MongoTenants
from health.access.roles import Role
from health.access.secrets import Hashing, new_key
from local.house import Address, House
from local.nodes import MongoNode, RabbitNode
from local.seed import ACCESS_KEY, Seed, plant
from local.simulator import Simulator

TENANT: Final = "acme"
FOREIGN: Final = "globex"
NUMBER: Final = "+18005550100"
FREE_NUMBERS: Final = ("+18005550101", "+18005550102", "+18005550103")
"""Numbers of the simulated resource that are not connected."""


@dataclass
class ConsoleWorld:
    """What a test holds."""

    house: House
    database: Database
    mongo_database: str
    simulator: Simulator
    seed: Seed
    master_key: str
    bus: Bus
    keys: dict[Role, str] = field(default_factory=dict)
    """API keys for `acme`, by role; the operator's reaches every tenant."""
    foreign_key: dict[Role, str] = field(default_factory=dict)
    """API keys for `globex`."""

    @property
    def url(self) -> str:
        """Where console and API listen."""
        return self.house.console_url

    @property
    def api(self) -> str:
        """Under which a tenant's things are."""
        return f"{self.url}/api/v1/tenants/{TENANT}"

    def headers(self, role: Role, **more: str) -> dict[str, str]:
        """Of a request that somebody of a role makes."""
        return {"Authorization": f"Bearer {self.keys[role]}", **more}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        role: Role = Role.ADMIN,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """Call the API: status, parsed body, headers. A path without host is one of `acme`."""
        url = path if path.startswith("http") else f"{self.api}{path}"
        async with (
            aiohttp.ClientSession(headers=self.headers(role)) as session,
            session.request(method, url, json=body, headers=headers) as answer,
        ):
            raw = await answer.read()
            parsed = await answer.json(content_type=None) if raw else None
            return answer.status, parsed, dict(answer.headers)


async def make_key(database: Database, role: Role, tenant_id: str | None) -> str:
    """An API key, as an administrator would make it."""
    key = new_key()
    await MongoKeys(database).create(
        KeyRecord(
            id=key.id,
            tenant_id=tenant_id,
            name=f"the {role.value}",
            role=role.value,
            hash=await Hashing().hash(key),
            created_at=datetime.now(UTC),
            created_by="test",
            expires_at=None,
            last_used_at=None,
            revoked_at=None,
        ),
        by=SYSTEM,
    )
    return key.text


@contextlib.asynccontextmanager
async def open_console(
    rabbit: RabbitNode, mongo: MongoNode, logs: Path, *names: str, **settings: str
) -> AsyncIterator[ConsoleWorld]:
    """The named services (by default the health service alone), started and ready."""
    name = f"console_{secrets.token_hex(6)}"
    master_key = generate_master_key()
    async with contextlib.AsyncExitStack() as stack:
        url = rabbit.add_vhost(name)
        stack.callback(rabbit.delete_vhost, name)
        simulator = await stack.enter_async_context(
            Simulator(access_key=ACCESS_KEY, numbers=[NUMBER, *FREE_NUMBERS], time_scale=0.001)
        )
        database = open_database(mongo.uri, name, timeout=5)
        stack.callback(database.close)
        bus = Bus(url, app="test")
        bus.start()
        stack.push_async_callback(bus.close)
        await bus.ready()
        seed = Seed(bus_user="agent", endpoint=simulator.url, number=NUMBER)
        await plant(seed, database=database, bus=bus, keys=MasterKeys.parse(master_key))
        house = House(
            logs,
            Address(
                rabbitmq_url=url,
                mongodb_uri=mongo.uri,
                mongodb_database=name,
                master_key=master_key,
            ),
            nursery(),
            **settings,
        )
        world = ConsoleWorld(house, database, name, simulator, seed, master_key, bus)
        await _people(world)
        stack.push_async_callback(house.stop)
        await house.start(*(names or ("health",)))
        yield world


async def _people(world: ConsoleWorld) -> None:
    keys = MasterKeys.parse(world.master_key)
    await MongoTenants(world.database).create(
        FOREIGN,
        name="Globex",
        features=("custom.acs_sms",),
        wrapped_key=keys.new_tenant_key(FOREIGN).to_document(),
        by=SYSTEM,
    )
    await MongoAgents(world.database).create(
        FOREIGN,
        "stranger",
        name="Stranger",
        kind=AgentKind.AGENT,
        employee=None,
        bus_user="globex.stranger",
        by=SYSTEM,
    )
    for role in Role:
        everywhere = role is Role.OPERATOR
        world.keys[role] = await make_key(world.database, role, None if everywhere else TENANT)
        if not everywhere:
            world.foreign_key[role] = await make_key(world.database, role, FOREIGN)
