"""One tenant with one agent, one connection and one number, as an administrator would make them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.bus.client import Bus
from common.bus.messages import Outgoing, Unroutable
from common.bus.topology import CHANGES_EXCHANGE, SERVICES, agent_topology
from common.events import ConnectionChanged
from common.ids import derive
from common.providers.acs_spec import CONNECTION_STRING
from common.providers.spec import Form, ProviderSpec
from common.providers.specs import SPECS
from common.secrets import MasterKeys, SecretUnreadable, TenantKey, WrappedKey
from common.sending_rules import DEFAULT, SendingRules
from common.store.client import Database
from common.store.connection_documents import RECONNECTED
from common.store.control import SYSTEM, AgentKind, NewConnection, NewNumber, NumberType
from common.store.control_ports import Taken
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_connections import MongoConnectionDirectory
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_control_tenants import MongoTenants
from common.store.mongo_tenant_keys import MongoTenantKeys
from common.store.ports import NumberTaken
from common.store.records import ConnectionStatus
from common.store.schema import ensure_schema
from heliograph.models import now

ACCESS_KEY: Final = "aGVsaW9ncmFwaC1sb2NhbC1zaW11bGF0b3Ita2V5ISE="
"""The simulator's access key: made up, known to everybody, of use nowhere else."""

_SHORT_NAMES: Final = {"acs": "ACS"}
"""What a provider is called where its whole name is long."""

UNLIMITED: Final = SendingRules(
    requests_per_minute=60_000, units_per_minute=60_000, loop_replies=None
)
"""Rules of a number under load, where something else than its limits is of interest."""


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
    rules: SendingRules = DEFAULT
    """Of the number, where they are not the usual ones."""
    provider: str = "acs"
    parameters: Mapping[str, str] | None = None
    """What an administrator enters; None: the connection string."""
    number_type: NumberType = NumberType.TOLL_FREE

    @property
    def connection_string(self) -> str:
        """As the Azure portal shows it; plain http is allowed for this machine only."""
        return f"endpoint={self.endpoint}/;accesskey={self.access_key}"

    @property
    def spec(self) -> ProviderSpec:
        """The provider's description."""
        return SPECS[self.provider]

    @property
    def form(self) -> Form:
        """The connection's parameters in normal form."""
        given = self.parameters or {CONNECTION_STRING: self.connection_string}
        return self.spec.read(self.spec, given, True)


async def plant(seed: Seed, *, database: Database, bus: Bus, keys: MasterKeys) -> TenantKey:
    """Create what the seed says; doing it again changes nothing but the credentials. Gives the
    tenant's data key, which callback addresses are derived from."""
    await ensure_schema(database)
    await bus.declare(SERVICES)
    await bus.declare(agent_topology(seed.tenant_id, seed.agent_id))
    key = await _tenant(seed, database, keys)
    await _agent(seed, MongoAgents(database))
    sealed = key.seal(seed.connection_id, seed.form.values).to_document()
    await _connection(seed, database, sealed)
    if seed.rules != DEFAULT:
        await MongoNumbers(database).set_rules(
            seed.tenant_id, seed.number, seed.rules, version=None, by=SYSTEM
        )
    await announce(bus, seed, "number.connected")
    return key


async def _tenant(seed: Seed, database: Database, keys: MasterKeys) -> TenantKey:
    """The tenant and its data key. One of an earlier run, under a master key that is gone, is
    replaced: nothing that it sealed is of use any more."""
    fresh, stored = keys.new_tenant_key(seed.tenant_id), MongoTenantKeys(database)
    with contextlib.suppress(Taken):
        await MongoTenants(database).create(
            seed.tenant_id,
            name=seed.tenant_id.title(),
            features=(seed.spec.feature,),
            wrapped_key=fresh.to_document(),
            by=SYSTEM,
        )
    document = await stored.get(seed.tenant_id) or {}
    try:
        return keys.unwrap(seed.tenant_id, WrappedKey.from_document(document))
    except SecretUnreadable:
        await stored.replace(seed.tenant_id, document, fresh.to_document())
        return keys.unwrap(seed.tenant_id, fresh)


async def _agent(seed: Seed, agents: MongoAgents) -> None:
    try:
        await agents.create(
            seed.tenant_id,
            seed.agent_id,
            name="Front desk",
            kind=AgentKind.AGENT,
            employee=None,
            bus_user=seed.bus_user,
            by=SYSTEM,
        )
    except Taken:
        await agents.update(
            seed.tenant_id,
            seed.agent_id,
            changes={"bus_user": seed.bus_user, "active": True},
            version=None,
            by=SYSTEM,
        )


async def _connection(seed: Seed, database: Database, sealed: Mapping[str, str]) -> None:
    directory, numbers = MongoConnectionDirectory(database), MongoNumbers(database)
    number = NewNumber(
        address=seed.number,
        name="",
        type=seed.number_type,
        owners=(),
        region=seed.region,
        agent_id=seed.agent_id,
    )
    hidden = tuple(name for name in seed.form.values if name in seed.spec.secrets)
    public = {name: value for name, value in seed.form.values.items() if name not in hidden}
    shown = public | dict(seed.form.shown)
    known = await directory.get(seed.tenant_id, seed.connection_id)
    if known is None:
        new = NewConnection(
            id=seed.connection_id,
            name=f"Simulated {_SHORT_NAMES.get(seed.provider, seed.spec.title)}",
            description="",
            provider=seed.provider,
            partner=None,
            public=shown,
            secrets=hidden,
            sealed=sealed,
        )
        await directory.create(seed.tenant_id, new, numbers=[number], by=SYSTEM)
        return
    await directory.set_credentials(
        seed.tenant_id,
        seed.connection_id,
        sealed=sealed,
        public=shown,
        secrets=hidden,
        partner=None,
        version=None,
        action=RECONNECTED
        if known.status is ConnectionStatus.DISCONNECTED
        else "connection.credentials",
        by=SYSTEM,
    )
    with contextlib.suppress(NumberTaken):
        await numbers.add(seed.tenant_id, seed.connection_id, number, by=SYSTEM)


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
