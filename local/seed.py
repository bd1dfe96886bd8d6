"""One tenant with one agent, one connection and one number, as an administrator would make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.bus.client import Bus
from common.bus.messages import Outgoing, Unroutable
from common.bus.topology import CHANGES_EXCHANGE, SERVICES, agent_topology
from common.events import ConnectionChanged
from common.ids import derive
from common.providers.specs import SPECS
from common.secrets import MasterKeys, WrappedKey
from common.store.client import Database
from common.store.control import SYSTEM
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_tenants import MongoTenants
from common.store.schema import ensure_schema
from heliograph.models import now

ACCESS_KEY: Final = "aGVsaW9ncmFwaC1sb2NhbC1zaW11bGF0b3Ita2V5ISE="
"""The simulator's access key: made up, known to everybody, of use nowhere else."""

FREE_NUMBER: Final = "+18005550101"
"""A second number of the simulated resource, for a person to connect in the console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What to create."""

    tenant_id: str = "acme"
    agent_id: str = "front-desk"
    connection_id: str = "acme-acs"
    bus_user: str = "guest"
    number: str = "+18005550100"
    region: str = "US"
    endpoint: str = "http://127.0.0.1:8500"
    access_key: str = ACCESS_KEY

    @property
    def connection_string(self) -> str:
        """As the Azure portal shows it; plain http is allowed for this machine only."""
        return f"endpoint={self.endpoint}/;accesskey={self.access_key}"


async def plant(seed: Seed, *, database: Database, bus: Bus, keys: MasterKeys) -> None:
    """Create what the seed says; doing it again changes nothing but the credentials."""
    await ensure_schema(database)
    connections = MongoConnections(database)
    fresh = keys.new_tenant_key(seed.tenant_id)
    wrapped = await connections.put_tenant(
        seed.tenant_id, name=seed.tenant_id.title(), wrapped_key=fresh.to_document()
    )
    await MongoTenants(database).update(
        seed.tenant_id, features=(SPECS["acs"].feature,), version=None, by=SYSTEM
    )
    key = keys.unwrap(seed.tenant_id, WrappedKey.from_document(wrapped))
    sealed = key.seal(seed.connection_id, {"connection_string": seed.connection_string})
    await connections.put_agent(
        seed.tenant_id, seed.agent_id, name=seed.agent_id, bus_user=seed.bus_user
    )
    await connections.put_connection(
        seed.tenant_id,
        seed.connection_id,
        name="Simulated ACS",
        provider="acs",
        sealed=sealed.to_document(),
    )
    await bus.declare(SERVICES)
    await bus.declare(agent_topology(seed.tenant_id, seed.agent_id))
    await connections.put_number(
        seed.tenant_id,
        seed.connection_id,
        address=seed.number,
        region=seed.region,
        agent_id=seed.agent_id,
    )
    await announce(bus, seed, "number.connected")


async def announce(bus: Bus, seed: Seed, what: str) -> None:
    """Tell every cache that something changed."""
    changed = ConnectionChanged(
        tenant_id=seed.tenant_id, connection_id=seed.connection_id, what=what, at=now()
    )
    message = Outgoing.of(
        changed,
        exchange=CHANGES_EXCHANGE,
        key="",
        message_id=derive("change", seed.connection_id, what, changed.at.isoformat()),
    )
    try:
        await bus.publish(message)
    except Unroutable:
        return  # Nobody holds a cache yet.
