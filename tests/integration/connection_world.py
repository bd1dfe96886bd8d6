"""The desks of connections and numbers on a real MongoDB, with the simulated ACS as the provider
and a bus in memory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.announcing import Announcer
from common.bus.messages import BusUnavailable, Outgoing
from common.bus.topology import Topology
from common.events import ConnectionChanged
from common.metrics import Metrics
from common.providers.port import Provider
from common.providers.registry import PROVIDERS
from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, Document, open_database
from common.store.control import AgentKind, AuditEntry, ConnectionView, NewNumber, NumberType
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_connections import MongoConnectionDirectory
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_control_tenants import MongoTenants
from common.store.mongo_outbound import MongoOutbound
from common.store.records import Route
from common.store.schema import ensure_schema
from health.access.roles import Principal, Role
from health.checking import Checker
from health.desk.agent_queues import AgentQueues
from health.desk.asking import Asking
from health.desk.connections import ConnectionDesk
from health.desk.numbers import NumberDesk
from health.desk.permission import Permission
from health.desk.vault import Vault
from health.validation import Validation
from local.simulator import Simulator

TENANT = "acme"
FOREIGN = "globex"
FIRST_KEY = "Zmlyc3Qta2V5LWZpcnN0LWtleS1maXJzdC1rZXkhISE="
SECOND_KEY = "c2Vjb25kLWtleS1zZWNvbmQta2V5LXNlY29uZC1rZXk="
THIRD_KEY = "dGhpcmQta2V5LXRoaXJkLWtleS10aGlyZC1rZXkhISE="
NUMBER = "+18005550100"
OTHER_NUMBER = "+18005550101"
FOREIGN_NUMBER = "+18005550999"
"""Not on the simulated resource."""

ADMIN = Principal(kind="key", id="k1", name="Ada", role=Role.ADMIN, tenant_id=TENANT)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class RecordingBus:
    """Remembers what was declared and published."""

    declared: list[str] = field(default_factory=list)
    changes: list[ConnectionChanged] = field(default_factory=list)
    away: bool = False

    async def declare(self, topology: Topology) -> None:
        if self.away:
            raise BusUnavailable("away")
        self.declared.extend(queue.name for queue in topology.queues)

    async def publish(self, message: Outgoing) -> None:
        if self.away:
            raise BusUnavailable("away")
        self.changes.append(ConnectionChanged.decode(message.body))

    @property
    def told(self) -> list[str]:
        return [change.what for change in self.changes]


def new_number(address: str = NUMBER, agent_id: str = "support", **changes: Any) -> NewNumber:
    fields: dict[str, Any] = {
        "address": address,
        "name": "Desk",
        "type": NumberType.TOLL_FREE,
        "owners": ("sales",),
        "region": "US",
        "agent_id": agent_id,
    }
    return NewNumber(**(fields | changes))


class World:
    """What a test holds."""

    def __init__(
        self,
        database: Database,
        sim: Simulator,
        providers: Mapping[str, Provider] = PROVIDERS,
        *,
        keys: MasterKeys | None = None,
    ):
        self.providers = providers
        self.database = database
        self.sim = sim
        self.keys = keys or MasterKeys.parse(generate_master_key())
        self.bus = RecordingBus()
        self.directory = MongoConnectionDirectory(database)
        self.numbers = MongoNumbers(database)
        self.connections = MongoConnections(database)
        self.tenants = MongoTenants(database)
        self.agents = MongoAgents(database)
        self.audit = MongoAudit(database)
        self.vault = Vault(self.tenants, self.keys)
        asking = Asking(providers, timeout=5)
        queues, announcer = AgentQueues(self.agents, self.bus), Announcer(self.bus)
        self.desk = ConnectionDesk(
            directory=self.directory,
            connections=self.connections,
            tenants=self.tenants,
            audit=self.audit,
            queues=queues,
            asking=asking,
            permission=Permission(self.tenants, asking),
            vault=self.vault,
            validation=Validation(
                connections=self.connections,
                checker=Checker(providers, self.keys, timeout=5, pause=0),
                bus=self.bus,
                metrics=Metrics(),
                concurrency=2,
                now=lambda: NOW,
            ),
            announcer=announcer,
            loopback=True,
        )
        self.number_desk = NumberDesk(
            numbers=self.numbers,
            connections=self.connections,
            tenants=self.tenants,
            queues=queues,
            asking=asking,
            vault=self.vault,
            announcer=announcer,
        )

    async def people(self) -> None:
        """Two tenants with an active agent each; `acme` has an inactive one as well."""
        for tenant_id in (TENANT, FOREIGN):
            await self.tenants.create(
                tenant_id,
                name=tenant_id.title(),
                features=("custom.acs_sms",),
                wrapped_key=self.keys.new_tenant_key(tenant_id).to_document(),
                by=ADMIN.actor,
            )
            await self.agent("support", tenant_id)
        await self.agent("sales")
        await self.agent("retired", active=False)

    async def agent(self, agent_id: str, tenant_id: str = TENANT, *, active: bool = True) -> None:
        await self.agents.create(
            tenant_id,
            agent_id,
            name=agent_id.title(),
            kind=AgentKind.AGENT,
            employee=None,
            bus_user=f"{tenant_id}.{agent_id}",
            by=ADMIN.actor,
        )
        if not active:
            await self.agents.update(
                tenant_id, agent_id, changes={"active": False}, version=None, by=ADMIN.actor
            )

    def connection_string(self, key: str = FIRST_KEY) -> str:
        return f"endpoint={self.sim.url}/;accesskey={key}"

    def provider_accepts(self, *keys: str) -> None:
        """Which access keys the resource has from now on."""
        self.sim.keys.accept_only(*keys)

    @property
    def parameters(self) -> dict[str, str]:
        return {"connection_string": self.connection_string()}

    async def connect(
        self, *numbers: NewNumber, tenant_id: str = TENANT, **changes: Any
    ) -> ConnectionView:
        fields: dict[str, Any] = {
            "name": "Main line",
            "description": "",
            "provider": "acs",
            "parameters": self.parameters,
            "partner": None,
            "accept_opt_out": True,
            "numbers": numbers,
            "by": ADMIN,
        }
        return await self.desk.connect(tenant_id, **(fields | changes))

    async def route(self, address: str = NUMBER, tenant_id: str = TENANT) -> Route:
        route = await MongoOutbound(self.database).route(tenant_id, address)
        assert route is not None
        return route

    async def documents(self, collection: str) -> list[Document]:
        found: list[Document] = await self.database.collection(collection).find().to_list(None)
        return found

    async def trail(self, tenant_id: str = TENANT) -> Sequence[AuditEntry]:
        """The audit trail, newest first."""
        return (await self.audit.list(tenant_id, limit=200)).items


@contextlib.asynccontextmanager
async def open_world(
    mongo_uri: str, mongo_database: str, providers: Mapping[str, Provider] = PROVIDERS
) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 20)
    await ensure_schema(database)
    async with Simulator(
        access_key=FIRST_KEY, secondary_key=SECOND_KEY, numbers=[NUMBER, OTHER_NUMBER]
    ) as sim:
        world = World(database, sim, providers)
        await world.people()
        yield world
    database.close()
