"""What can be done with agents, and with the broker users that they speak as."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.bus.rights import agent_rights
from common.store.control import AgentKind, AgentRecord, Page
from common.store.control_ports import Agents, AuditTrail, NotFound, Tenants
from health.access.roles import Principal
from health.desk.broker_users import BrokerUnreachable, BrokerUsers, ForeignUser
from health.web.problems import Problem, ProblemCode


@dataclass(frozen=True, slots=True)
class CreatedAgent:
    """An agent with the password of its broker user, which is shown this once; None where the
    broker's management API is not configured."""

    agent: AgentRecord
    bus_password: str | None = field(repr=False)


class AgentDesk:
    """Agents, as API and console handle them.

    What is written stands even if the broker cannot be reached afterwards; the same change again
    makes it good, since it settles the broker user in any case.

    Args:
        users: None where the broker users are made by hand.
    """

    def __init__(
        self, agents: Agents, tenants: Tenants, audit: AuditTrail, users: BrokerUsers | None
    ):
        self._agents = agents
        self._tenants = tenants
        self._audit = audit
        self._users = users

    @property
    def provisions(self) -> bool:
        """Whether broker users are made here."""
        return self._users is not None

    async def create(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        name: str,
        kind: AgentKind,
        employee: str | None,
        bus_user: str | None,
        by: Principal,
    ) -> CreatedAgent:
        """An active agent, with a broker user `<tenant>.<agent>` unless another is named.

        Raises:
            Taken, BusUserTaken, NotFound: no such tenant.
            Problem: the fields do not fit together; the broker is away.
        """
        user = bus_user or f"{tenant_id}.{agent_id}"
        require_fitting(kind, employee)
        require_own(tenant_id, user)
        if self._users is not None:
            with _broker_problems():
                await self._users.require_usable(user)
        agent = await self._agents.create(
            tenant_id,
            agent_id,
            name=name,
            kind=kind,
            employee=employee,
            bus_user=user,
            by=by.actor,
        )
        return CreatedAgent(agent, await self._provision(agent))

    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[AgentRecord]:
        """A tenant's agents, by ID. Raises NotFound (no such tenant), BadCursor."""
        page = await self._agents.list(tenant_id, limit=limit, cursor=cursor)
        if not page.items and await self._tenants.get(tenant_id) is None:
            raise NotFound("There is no such tenant.")
        return page

    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord:
        """Raises NotFound."""
        agent = await self._agents.get(tenant_id, agent_id)
        if agent is None:
            raise NotFound("The tenant has no such agent.")
        return agent

    async def update(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Principal,
    ) -> AgentRecord:
        """Change some of `name`, `kind`, `employee`, `active`, `bus_user`. The user of an inactive
        agent loses its rights and its connections, an earlier user is deleted; a new user gets its
        password by `new_password`.

        Raises:
            NotFound, Stale, BusUserTaken.
            Problem: the fields do not fit together; the broker is away.
        """
        before = await self.get(tenant_id, agent_id)
        changes = completed(changes)
        require_fitting(changes.get("kind", before.kind), changes.get("employee", before.employee))
        if "bus_user" in changes and changes["bus_user"] != before.bus_user:
            require_own(tenant_id, changes["bus_user"])
            if self._users is not None:
                with _broker_problems():
                    await self._users.require_usable(changes["bus_user"])
        # The rules hold for what was read, so only that may be written over, whatever is wanted.
        agent = await self._agents.update(
            tenant_id,
            agent_id,
            changes=changes,
            version=before.version if version is None else version,
            by=by.actor,
        )
        await self._settle(before, agent, changes)
        return agent

    async def new_password(self, tenant_id: str, agent_id: str, *, by: Principal) -> CreatedAgent:
        """Make the agent's broker user, or give it a new password; the earlier one ends at once.

        Raises:
            NotFound.
            Problem: the agent is not active; users are made by hand; the broker is away.
        """
        agent = await self.get(tenant_id, agent_id)
        if self._users is None:
            raise Problem(
                ProblemCode.INVALID,
                "Broker users are made by hand here.",
                remedy="Set HELIOGRAPH_RABBITMQ_MANAGEMENT_URL, or set the password at the broker.",
            )
        if not agent.active:
            raise Problem(ProblemCode.INACTIVE_AGENT)
        password = await self._provision(agent)
        await self._audit.append(
            tenant_id=tenant_id,
            actor=by.actor,
            action="agent.password_made",
            target=agent_id,
            note=f"broker user {agent.bus_user}",
        )
        return CreatedAgent(agent, password)

    async def _provision(self, agent: AgentRecord) -> str | None:
        if self._users is None:
            return None
        with _broker_problems("The agent is there, but its broker user could not be made."):
            rights = agent_rights(agent.tenant_id, agent.id)
            return await self._users.provision(agent.bus_user, rights)

    async def _settle(
        self, before: AgentRecord, agent: AgentRecord, changes: Mapping[str, Any]
    ) -> None:
        """Bring the broker in line, even where the change changed nothing: an earlier try may have
        failed here."""
        if self._users is None:
            return
        if before.bus_user != agent.bus_user:
            left = f"The change is made, but delete the broker user {before.bus_user} by hand."
            with _broker_problems(left):
                await self._users.remove(before.bus_user)
        if "active" not in changes:
            return
        with _broker_problems("The change is made, but the broker user could not follow."):
            if agent.active:
                rights = agent_rights(agent.tenant_id, agent.id)
                await self._users.restore(agent.bus_user, rights)
            else:
                await self._users.disable(agent.bus_user)


def completed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with what follows from them: who stops being an assistant has no employee."""
    if changes.get("kind") is AgentKind.AGENT and "employee" not in changes:
        return {**changes, "employee": None}
    return dict(changes)


def require_fitting(kind: AgentKind, employee: str | None) -> None:
    """A personal assistant has an employee, and no other agent has one.

    Raises:
        Problem: it is otherwise.
    """
    if kind is AgentKind.PERSONAL_ASSISTANT and not employee:
        what = "A personal assistant needs the name of the employee whom it works for."
        raise Problem(ProblemCode.INVALID, what, fields={"employee": "missing"})
    if kind is AgentKind.AGENT and employee:
        what = "Only a personal assistant works for one employee."
        raise Problem(ProblemCode.INVALID, what, fields={"employee": "not for this kind"})


def require_own(tenant_id: str, bus_user: str) -> None:
    """A user's name with a dot in it begins with its tenant, so that nobody takes the names that
    other tenants' agents get by themselves.

    Raises:
        Problem: it is otherwise.
    """
    if "." in bus_user and not bus_user.startswith(f"{tenant_id}."):
        raise Problem(
            ProblemCode.INVALID,
            "The broker user bears the name of another tenant.",
            remedy=f"Begin it with {tenant_id}. or leave out the dot.",
            fields={"bus_user": f"with a dot, it begins with {tenant_id}."},
        )


@contextlib.contextmanager
def _broker_problems(what: str | None = None) -> Iterator[None]:
    try:
        yield
    except ForeignUser:
        raise Problem(
            ProblemCode.BUS_USER_TAKEN,
            "The broker has a user of this name that was not made here.",
            remedy="Choose another name for the agent's user.",
        ) from None
    except BrokerUnreachable as error:
        raise Problem(
            ProblemCode.UNAVAILABLE,
            f"{what} {error}" if what else str(error),
            remedy="Repeat the change when RabbitMQ's management API answers; where the agent is "
            "there already, ask for a new password of its broker user.",
        ) from None
