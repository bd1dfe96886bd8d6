"""Agents of a tenant, and the broker users that they speak as."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from common.store.control import AgentKind, AgentRecord
from health.access.roles import Role
from health.api.paths import TENANT, AgentSlug, BusUser, ListQuery, Name
from health.desk.agents import CreatedAgent
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View

AGENT: Final = f"{TENANT}/agents/{{agent_id}}"


class NewAgent(Body):
    """An agent to be made."""

    id: AgentSlug
    name: Name
    kind: AgentKind = AgentKind.AGENT
    employee: Name | None = Field(
        None, description="Whom a personal assistant works for; no other agent has one."
    )
    bus_user: BusUser | None = Field(
        None, description="Its RabbitMQ user; `<tenant>.<agent>` unless another is named."
    )


class AgentChanges(Body):
    """What to change of an agent; what is left out stays."""

    name: Name | None = None
    kind: AgentKind | None = None
    employee: Name | None = Field(None, description="null takes it away.")
    active: bool | None = None
    bus_user: BusUser | None = None

    def given(self) -> dict[str, Any]:
        """What was given; null counts for the employee only."""
        return {
            name: value
            for name, value in self
            if name in self.model_fields_set and (value is not None or name == "employee")
        }


class AgentView(View):
    """An agent."""

    id: str
    name: str
    shown_as: str
    kind: AgentKind
    employee: str | None
    active: bool
    bus_user: str
    numbers: int = Field(
        description="How many connected numbers reach it. While it is inactive, texts to them are "
        "recorded, and nobody answers."
    )
    created_at: datetime
    version: int

    @classmethod
    def of(cls, agent: AgentRecord, **more: Any) -> Self:
        """As the API shows it."""
        return cls(
            id=agent.id,
            name=agent.name,
            shown_as=agent.shown_as,
            kind=agent.kind,
            employee=agent.employee,
            active=agent.active,
            bus_user=agent.bus_user,
            numbers=agent.numbers,
            created_at=agent.created_at,
            version=agent.version,
            **more,
        )


class CreatedAgentView(AgentView):
    """An agent with the password of its broker user."""

    bus_password: str | None = Field(
        repr=False,
        description="Shown this once; null where broker users are made by hand.",
    )


async def list_agents(call: Call) -> Answer:
    """A tenant's agents."""
    page = await call.desks.agents.list(
        call.tenant_id, limit=call.query.limit, cursor=call.query.cursor
    )
    items = tuple(AgentView.of(agent) for agent in page.items)
    return Answer(body=ListView[AgentView](items=items, next=page.next))


async def create_agent(call: Call) -> Answer:
    """A new agent, with its broker user where those are made here."""
    wanted: NewAgent = call.body
    created = await call.desks.agents.create(
        call.tenant_id,
        wanted.id,
        name=wanted.name,
        kind=wanted.kind,
        employee=wanted.employee,
        bus_user=wanted.bus_user,
        by=call.principal,
    )
    location = AGENT.format(tenant_id=call.tenant_id, agent_id=wanted.id)
    return _created(created, status=201, location=location)


async def get_agent(call: Call) -> Answer:
    """One agent."""
    agent = await call.desks.agents.get(call.tenant_id, call.at("agent_id"))
    return Answer(body=AgentView.of(agent), version=agent.version)


async def update_agent(call: Call) -> Answer:
    """Another name, kind, employee, state or broker user."""
    wanted: AgentChanges = call.body
    agent = await call.desks.agents.update(
        call.tenant_id,
        call.at("agent_id"),
        changes=wanted.given(),
        version=call.version,
        by=call.principal,
    )
    return Answer(body=AgentView.of(agent), version=agent.version)


async def new_bus_password(call: Call) -> Answer:
    """The agent's broker user, made or given a new password."""
    created = await call.desks.agents.new_password(
        call.tenant_id, call.at("agent_id"), by=call.principal
    )
    return _created(created)


def _created(created: CreatedAgent, status: int = 200, location: str | None = None) -> Answer:
    view = CreatedAgentView.of(created.agent, bus_password=created.bus_password)
    return Answer(body=view, status=status, version=created.agent.version, location=location)


_TAG: Final = "Agents"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_agents",
        method="GET",
        path=f"{TENANT}/agents",
        needs=Role.VIEWER,
        handler=list_agents,
        summary="List agents",
        query=ListQuery,
        answer=ListView[AgentView],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="create_agent",
        method="POST",
        path=f"{TENANT}/agents",
        needs=Role.ADMIN,
        handler=create_agent,
        summary="Make an agent",
        body=NewAgent,
        answer=CreatedAgentView,
        status=201,
        problems=(ProblemCode.TAKEN, ProblemCode.BUS_USER_TAKEN),
        tag=_TAG,
    ),
    Route(
        name="get_agent",
        method="GET",
        path=AGENT,
        needs=Role.VIEWER,
        handler=get_agent,
        summary="Read an agent",
        answer=AgentView,
        tag=_TAG,
    ),
    Route(
        name="update_agent",
        method="PATCH",
        path=AGENT,
        needs=Role.ADMIN,
        handler=update_agent,
        summary="Change an agent",
        body=AgentChanges,
        answer=AgentView,
        versioned=True,
        problems=(ProblemCode.BUS_USER_TAKEN,),
        tag=_TAG,
    ),
    Route(
        name="new_bus_password",
        method="POST",
        path=f"{AGENT}/bus-user",
        needs=Role.ADMIN,
        handler=new_bus_password,
        summary="Make the agent's broker user, or give it a new password",
        answer=CreatedAgentView,
        problems=(ProblemCode.INVALID, ProblemCode.INACTIVE_AGENT, ProblemCode.BUS_USER_TAKEN),
        tag=_TAG,
    ),
)
