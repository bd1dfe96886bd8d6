"""Agents are made, read and changed within their tenant, each change with its line in the trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from common.store.client import Database, open_database
from common.store.control import AgentKind
from common.store.control_ports import BadCursor, NotFound, Stale, Taken
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_tenants import MongoTenants
from common.store.ports import BusUserTaken
from common.store.schema import AGENTS, ensure_schema
from health.access.roles import Principal, Role
from health.desk.agents import AgentDesk, CreatedAgent
from health.web.problems import Problem, ProblemCode

BY = Principal(kind="key", id="k1", name="Ada", role=Role.ADMIN, tenant_id="acme")
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Office:
    """A desk on a real database; broker users are made by hand."""

    database: Database
    desk: AgentDesk
    audit: MongoAudit

    async def make(self, agent_id: str, tenant_id: str = "acme", **fields: Any) -> CreatedAgent:
        """An agent."""
        fields = {"kind": AgentKind.AGENT, "employee": None, "bus_user": None} | fields
        return await self.desk.create(tenant_id, agent_id, name=agent_id.title(), by=BY, **fields)

    async def change(
        self, agent_id: str, version: int | None, tenant_id: str = "acme", **changes: Any
    ) -> Any:
        """Change an agent."""
        return await self.desk.update(tenant_id, agent_id, changes=changes, version=version, by=BY)

    async def actions(self, tenant_id: str = "acme") -> list[str]:
        """What the trail tells, oldest first."""
        page = await self.audit.list(tenant_id, limit=100)
        return [entry.action for entry in reversed(page.items)]


@pytest.fixture
async def office(mongo_uri: str, mongo_database: str) -> AsyncIterator[Office]:
    database = open_database(mongo_uri, mongo_database, 20)
    await ensure_schema(database)
    seeded = MongoConnections(database)
    for tenant_id in ("acme", "globex"):
        await seeded.put_tenant(tenant_id, name=tenant_id, wrapped_key={"blob": "b"})
    agents = MongoAgents(database, clock=lambda: NOW)
    audit = MongoAudit(database)
    yield Office(database, AgentDesk(agents, MongoTenants(database), audit, None), audit)
    database.close()


async def test_a_new_agent_is_active_and_has_a_user_of_its_own(office: Office) -> None:
    made = await office.make("desk")
    assert made.bus_password is None
    agent = made.agent
    assert (agent.id, agent.tenant_id, agent.name) == ("desk", "acme", "Desk")
    assert (agent.active, agent.kind, agent.employee) == (True, AgentKind.AGENT, None)
    assert (agent.bus_user, agent.version, agent.created_at) == ("acme.desk", 1, NOW)
    assert await office.desk.get("acme", "desk") == agent
    entry = (await office.audit.list("acme", limit=1)).items[0]
    assert (entry.action, entry.target, entry.actor) == ("agent.created", "desk", BY.actor)


async def test_a_personal_assistant_is_shown_with_its_employee(office: Office) -> None:
    made = await office.make("pa", kind=AgentKind.PERSONAL_ASSISTANT, employee="Jane Smith")
    assert made.agent.shown_as == "Pa - Jane Smith"
    plain = await office.change("pa", 1, kind=AgentKind.AGENT)
    assert (plain.shown_as, plain.employee) == ("Pa", None)
    with pytest.raises(Problem) as refused:
        await office.change("pa", 2, kind=AgentKind.PERSONAL_ASSISTANT)
    assert refused.value.fields == {"employee": "missing"}


async def test_one_id_and_one_broker_user_belong_to_one_agent(office: Office) -> None:
    await office.make("desk", bus_user="sally")
    with pytest.raises(Taken):
        await office.make("desk", bus_user="other")
    with pytest.raises(BusUserTaken):
        await office.make("two", bus_user="sally")
    with pytest.raises(BusUserTaken):
        await office.make("two", tenant_id="globex", bus_user="sally")
    assert (await office.make("desk", tenant_id="globex")).agent.bus_user == "globex.desk"
    with pytest.raises(BusUserTaken):
        await office.change("desk", 1, tenant_id="globex", bus_user="sally")
    assert await office.actions() == ["agent.created"]
    assert await office.actions("globex") == ["agent.created"]


async def test_two_that_make_the_same_agent_make_one(office: Office) -> None:
    results = await asyncio.gather(*(office.make("desk") for _ in range(3)), return_exceptions=True)
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds[0] == "CreatedAgent"
    assert set(kinds[1:]) <= {"Taken", "BusUserTaken"}
    assert await office.actions() == ["agent.created"]


async def test_an_agent_of_no_tenant_cannot_be(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.make("desk", tenant_id="nobody")
    assert await office.database.collection(AGENTS).count_documents({}) == 0


async def test_another_tenants_agent_does_not_exist(office: Office) -> None:
    await office.make("desk")
    with pytest.raises(NotFound):
        await office.desk.get("globex", "desk")
    with pytest.raises(NotFound):
        await office.change("desk", None, tenant_id="globex", active=False)
    with pytest.raises(NotFound):
        await office.desk.new_password("globex", "desk", by=BY)
    assert (await office.desk.list("globex", limit=10)).items == ()
    assert (await office.desk.get("acme", "desk")).active


@pytest.mark.parametrize("agent_id", ["nobody", "", "a/b", "$ne", "acme/desk", "\x00"])
async def test_an_id_that_names_nothing_is_not_found(office: Office, agent_id: str) -> None:
    await office.make("desk")
    with pytest.raises(NotFound):
        await office.desk.get("acme", agent_id)
    with pytest.raises(NotFound):
        await office.change(agent_id, None, name="N")


async def test_an_update_tells_what_differs_and_of_one_version_there_is_one(
    office: Office,
) -> None:
    await office.make("desk")
    changed = await office.change("desk", 1, active=False, name="Desk")
    assert (changed.active, changed.version) == (False, 2)
    entry = (await office.audit.list("acme", limit=1)).items[0]
    assert (entry.action, entry.before, entry.after) == (
        "agent.updated",
        {"active": True},
        {"active": False},
    )
    assert (await office.change("desk", 2, active=False)).version == 2
    with pytest.raises(Stale):
        await office.change("desk", 1, active=True)
    results = await asyncio.gather(
        *(office.change("desk", 2, name=name) for name in "AB"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["AgentRecord", "Stale"]
    assert await office.actions() == ["agent.created", "agent.updated", "agent.updated"]


async def test_a_list_goes_through_its_pages_by_id(office: Office) -> None:
    for agent_id in ("c", "a", "b"):
        await office.make(agent_id)
    await office.make("a0", tenant_id="globex")
    first = await office.desk.list("acme", limit=2)
    assert [agent.id for agent in first.items] == ["a", "b"]
    second = await office.desk.list("acme", limit=2, cursor=first.next)
    assert ([agent.id for agent in second.items], second.next) == (["c"], None)
    with pytest.raises(BadCursor):
        await office.desk.list("acme", limit=2, cursor="WzFd")
    with pytest.raises(NotFound):
        await office.desk.list("nobody", limit=2)


async def test_an_agent_of_the_seed_is_read_and_changed_like_any_other(office: Office) -> None:
    seeded = MongoConnections(office.database)
    await seeded.put_agent("acme", "old", name="Old", bus_user="old")
    agent = await office.desk.get("acme", "old")
    assert (agent.version, agent.kind, agent.employee) == (1, AgentKind.AGENT, None)
    assert (await office.change("old", 1, name="New")).version == 2


async def test_without_the_management_api_passwords_are_made_by_hand(office: Office) -> None:
    await office.make("desk")
    assert not office.desk.provisions
    with pytest.raises(Problem) as refused:
        await office.desk.new_password("acme", "desk", by=BY)
    assert refused.value.code is ProblemCode.INVALID
    assert "HELIOGRAPH_RABBITMQ_MANAGEMENT_URL" in refused.value.remedy
