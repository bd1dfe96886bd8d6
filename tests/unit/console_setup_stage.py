"""The set-up pages over desks in memory, served on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from common.metrics import Metrics
from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS
from common.secrets import MasterKeys, generate_master_key
from common.store.control import (
    AgentKind,
    AgentRecord,
    ConnectionView,
    KeyRecord,
    NewNumber,
    NumberRecord,
    NumberType,
    Page,
    TenantRecord,
)
from common.store.control_ports import NotFound, Stale
from common.store.records import ConnectionStatus
from health.access.roles import Principal, Role
from health.console import rendering
from health.console.table import ROUTES
from health.desk.agents import CreatedAgent
from health.desk.callbacks import CallbackAddress, addresses
from health.desks import Desks
from health.web.problems import Problem
from health.web.serve import Server
from tests.unit import console_samples as samples
from tests.unit.console_stage import (
    CSRF,
    Stage,
    StageApprovals,
    StageConsents,
    StageDoor,
    StageHolds,
    StageLive,
    StageSwitches,
)

LOCAL: Final = "+12065550171"
PASSWORD: Final = "a-password-of-the-broker-0123456789"
KEY: Final = "hg_sample_0123456789abcdef"


def number(address: str = samples.NUMBER, **given: Any) -> NumberRecord:
    known: dict[str, Any] = {
        "address": address,
        "tenant_id": samples.TENANT,
        "connection_id": "con-support",
        "provider": "acs",
        "name": "Repairs",
        "type": NumberType.TOLL_FREE,
        "owners": ("Service", "Jane Smith"),
        "region": "US",
        "agent_id": "front-desk",
        "gate_on": False,
        "gate_changed_at": None,
        "gate_changed_by": None,
        "connected": True,
        "created_at": samples.ago(days=20),
        "version": 4,
    }
    return NumberRecord(**known | given)


def agent(identifier: str = "front-desk", **given: Any) -> AgentRecord:
    known: dict[str, Any] = {
        "id": identifier,
        "tenant_id": samples.TENANT,
        "name": "Front desk",
        "kind": AgentKind.AGENT,
        "employee": None,
        "active": True,
        "bus_user": f"acme.{identifier}",
        "created_at": samples.ago(days=20),
        "version": 2,
    }
    return AgentRecord(**known | given)


def key(identifier: str = "k-jane", **given: Any) -> KeyRecord:
    known: dict[str, Any] = {
        "id": identifier,
        "tenant_id": samples.TENANT,
        "name": "Jane Smith",
        "role": "admin",
        "hash": "argon2",
        "created_at": samples.ago(days=20),
        "created_by": "Ops",
        "expires_at": samples.NOW + timedelta(days=70),
        "last_used_at": samples.ago(minutes=1),
        "revoked_at": None,
    }
    return KeyRecord(**known | given)


@dataclass
class Asked:
    """What the pages asked the desks for; `refusal` is what they get for a change."""

    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusal: Exception | None = None

    def note(self, what: str, **given: Any) -> None:
        self.changes.append((what, given))
        if self.refusal is not None:
            raise self.refusal

    @property
    def last(self) -> tuple[str, dict[str, Any]]:
        return self.changes[-1]


def _at(version: int, given: int | None) -> None:
    if given is not None and given != version:
        raise Stale


@dataclass
class SetupConnections:
    """Connections by ID."""

    asked: Asked
    held: dict[str, ConnectionView]
    available: frozenset[str] = frozenset({"acs"})

    async def list(self, tenant_id: str, **_: Any) -> Page[ConnectionView]:
        return Page(tuple(self.held.values()))

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionView:
        if connection_id not in self.held:
            raise NotFound
        return self.held[connection_id]

    async def connect(self, tenant_id: str, **given: Any) -> ConnectionView:
        self.asked.note("connect", **given)
        made = samples.connection(id="con-new", name=given["name"], provider=given["provider"])
        self.held[made.id] = made
        return made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def change(tenant_id: str, connection_id: str, **given: Any) -> ConnectionView:
            view = await self.get(tenant_id, connection_id)
            self.asked.note(name, **given)
            _at(view.version, given.get("version"))
            return view

        return change


class SetupCallbacks:
    """Addresses of ours, with tokens made of a key that is made up anew each time."""

    def __init__(self, public_url: str, connections: Sequence[ConnectionView]):
        keys = MasterKeys.parse(generate_master_key())
        self.key = keys.unwrap("acme", keys.new_tenant_key("acme"))
        self.public_url = public_url
        self._providers = {it.id: it.provider for it in connections}

    def described(
        self, spec: ProviderSpec, *, connection_id: str | None = None
    ) -> tuple[CallbackAddress, ...]:
        return addresses(spec, self.public_url, connection_id=connection_id)

    async def of(self, tenant_id: str, connection_id: str) -> tuple[CallbackAddress, ...]:
        spec = SPECS[self._providers.get(connection_id, "acs")]
        return addresses(spec, self.public_url, connection_id=connection_id, key=self.key)


@dataclass
class SetupNumbers:
    """Numbers by address."""

    asked: Asked
    held: dict[str, NumberRecord]

    async def list(
        self,
        tenant_id: str,
        *,
        connection_id: str | None = None,
        agent_id: str | None = None,
        **_: Any,
    ) -> Page[NumberRecord]:
        return Page(
            tuple(
                item
                for item in self.held.values()
                if connection_id in {None, item.connection_id} and agent_id in {None, item.agent_id}
            )
        )

    async def get(self, tenant_id: str, address: str) -> NumberRecord:
        if address not in self.held:
            raise NotFound
        return self.held[address]

    async def add(
        self, tenant_id: str, connection_id: str, new: NewNumber, *, by: Principal
    ) -> NumberRecord:
        self.asked.note("add", number=new)
        return number(new.address)

    async def set_gate(
        self, tenant_id: str, address: str, *, on: bool, confirmed: bool, by: Principal
    ) -> NumberRecord:
        self.asked.note("set_gate", on=on, confirmed=confirmed)
        self.held[address] = replace(
            self.held[address],
            gate_on=on,
            gate_changed_at=samples.NOW,
            gate_changed_by=by.name,
        )
        return self.held[address]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def change(tenant_id: str, address: str, *given: Any, **named: Any) -> NumberRecord:
            self.asked.note(name, given=given, **named)
            _at(self.held[address].version, named.get("version"))
            return self.held[address]

        return change


@dataclass
class SetupAgents:
    """Agents by ID."""

    asked: Asked
    held: dict[str, AgentRecord]
    provisions: bool = True

    async def list(self, tenant_id: str, **_: Any) -> Page[AgentRecord]:
        return Page(tuple(self.held.values()))

    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord:
        if agent_id not in self.held:
            raise NotFound
        return self.held[agent_id]

    async def create(self, tenant_id: str, agent_id: str, **given: Any) -> CreatedAgent:
        self.asked.note("create", agent_id=agent_id, **given)
        made = agent(agent_id, name=given["name"], kind=given["kind"], employee=given["employee"])
        self.held[agent_id] = made
        return CreatedAgent(made, PASSWORD if self.provisions else None)

    async def new_password(self, tenant_id: str, agent_id: str, **given: Any) -> CreatedAgent:
        self.asked.note("new_password", **given)
        return CreatedAgent(self.held[agent_id], PASSWORD)

    async def update(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        changes: Mapping[str, Any],
        version: int,
        by: Principal,
    ) -> AgentRecord:
        self.asked.note("update", changes=changes, version=version)
        _at(self.held[agent_id].version, version)
        return self.held[agent_id]


@dataclass
class SetupKeys:
    """Keys in a list."""

    asked: Asked
    held: tuple[KeyRecord, ...]

    async def list(self, tenant_id: str, **_: Any) -> Page[KeyRecord]:
        return Page(self.held)

    async def make(self, tenant_id: str, **given: Any) -> tuple[KeyRecord, str]:
        self.asked.note("make", **given)
        made = key("k-new", name=given["name"], role=given["role"].value)
        return replace(made, expires_at=given["expires_at"]), KEY

    async def revoke(self, tenant_id: str, key_id: str, *, by: Principal) -> KeyRecord:
        self.asked.note("revoke", key_id=key_id)
        return key(key_id)


@dataclass
class SetupTenants:
    """One tenant."""

    record: TenantRecord

    async def get(self, tenant_id: str) -> TenantRecord:
        return self.record


@dataclass
class SetupStage(Stage):
    """What a test holds."""

    asked: Asked = field(default_factory=Asked)

    def refuse(self, problem: Problem | Exception) -> None:
        self.asked.refusal = problem

    async def post(self, path: str, form: Mapping[str, str], **given: Any) -> tuple[int, str]:
        """Status, and the page or where a redirect leads."""
        body = {"csrf": CSRF, **form}
        async with self.client.post(path, data=body, allow_redirects=False, **given) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()


def setup_desks(asked: Asked, public_url: str) -> Any:
    """Desks with samples in them."""
    broken = samples.connection(
        id="con-orders",
        name="Orders",
        description="",
        status=ConnectionStatus.ERROR,
        error="Azure refuses the access key: it is not one of the resource's.",
        public={"endpoint": "acme-orders.unitedstates.communication.azure.com"},
        numbers=0,
    )
    texts = samples.connection(id="con-link", name="Nordic", provider="link", numbers=0)
    past = samples.connection(
        id="con-old",
        name="Trade fair",
        status=ConnectionStatus.DISCONNECTED,
        disconnected_at=samples.ago(days=9),
        secrets=(),
        numbers=0,
    )
    support = samples.connection(
        secrets=("connection_string",),
        public={"endpoint": "acme.unitedstates.communication.azure.com"},
    )
    jane = agent(
        "sales-pa",
        name="Sales PA",
        kind=AgentKind.PERSONAL_ASSISTANT,
        employee="Jane Smith",
    )
    open_gate = number(
        LOCAL,
        name="Sales",
        type=NumberType.LOCAL,
        agent_id="sales-pa",
        owners=(),
        gate_on=True,
        gate_changed_at=samples.ago(hours=5),
        gate_changed_by="Jane Smith",
    )
    every = (support, broken, texts, past)
    return SimpleNamespace(
        callbacks=SetupCallbacks(public_url, every),
        door=StageDoor(),
        tenants=SetupTenants(samples.tenant(opt_out_accepted_at=None, opt_out_accepted_by=None)),
        connections=SetupConnections(asked, {item.id: item for item in every}),
        numbers=SetupNumbers(asked, {item.address: item for item in (number(), open_gate)}),
        agents=SetupAgents(
            asked,
            {item.id: item for item in (agent(), jane, agent("old", name="Old", active=False))},
        ),
        keys=SetupKeys(
            asked,
            (
                key(),
                key("k-crm", name="CRM", role="approver", expires_at=None, last_used_at=None),
                key("k-gone", name="Trainee", role="viewer", revoked_at=samples.ago(days=2)),
            ),
        ),
        approvals=StageApprovals({}),
        switches=StageSwitches(),
        holds=StageHolds(),
        consents=StageConsents((), ()),
        live=StageLive(),
    )


@contextlib.asynccontextmanager
async def open_setup_stage(
    *, role: Role = Role.ADMIN, public_url: str = "https://texts.acme.example", port: int = 0
) -> AsyncIterator[SetupStage]:
    """The set-up pages on loopback, somebody signed in."""
    asked = Asked()
    desks = setup_desks(asked, public_url)
    desks.door.let_in(role)
    app = web.Application()
    rendering.install(app, clock=lambda: samples.NOW)
    Server(cast("Desks", desks), ROUTES, Metrics(), rendering.render_problem).add_to(app)
    async with TestClient(TestServer(app, port=port)) as client:
        yield SetupStage(client, desks.door, desks.approvals, desks.live, desks, asked)
