"""A tenant's agents: the list with the form for a new one, and the page of one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from aiohttp import web

from common.store.control import AgentKind, AgentRecord
from health.access.roles import Role
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import (
    CONFIRMED,
    PAGE_SIZE,
    Form,
    ListQuery,
    Refused,
    Shown,
    attempt,
    done,
    read_form,
    require,
    whole,
)
from health.desk.agents import CreatedAgent
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route
from heliograph.wire import SLUG_PATTERN

_LIST: Final = "/t/{tenant_id}/agents"
_ONE: Final = _LIST + "/{agent_id}"
_ROWS: Final = 50
_SLUG: Final = re.compile(SLUG_PATTERN)

KINDS: Final[Mapping[AgentKind, str]] = {
    AgentKind.AGENT: "Agent",
    AgentKind.PERSONAL_ASSISTANT: "Personal assistant",
}
_FIELDS: Final = ("agent_id", "name", "kind", "employee", "bus_user")


async def agents(call: Call) -> web.Response:
    """The list."""
    return await show_agents(call)


async def show_agents(call: Call, refused: Refused | None = None) -> web.Response:
    """The list, after a refusal with what was refused."""
    shown = Shown(refused)
    listed = await call.desks.agents.list(
        call.tenant_id, limit=_ROWS, cursor=call.query.cursor if call.query else None
    )
    context: dict[str, Any] = {
        "listed": listed,
        "kinds": KINDS,
        "provisions": call.desks.agents.provisions,
        "shown": shown,
    }
    return render(call, "setup_agents.html", status=shown.status, **context)


async def agent(call: Call) -> web.Response:
    """One agent."""
    return await show_agent(call)


async def show_agent(call: Call, refused: Refused | None = None) -> web.Response:
    """The page of an agent, after a refusal with what was refused."""
    shown = Shown(refused)
    record = await call.desks.agents.get(call.tenant_id, call.at("agent_id"))
    numbers = await whole(
        lambda at: call.desks.numbers.list(
            call.tenant_id, agent_id=record.id, limit=PAGE_SIZE, cursor=at
        )
    )
    context: dict[str, Any] = {
        "agent": record,
        "numbers": numbers,
        "kinds": KINDS,
        "provisions": call.desks.agents.provisions,
        "shown": shown,
    }
    return render(call, "setup_agent.html", status=shown.status, **context)


async def create(call: Call) -> web.Response:
    """Create an agent. The password of its broker user is in this answer and nowhere else."""
    posted = await read_form(call)
    result = await attempt(_create(call, posted))
    if isinstance(result, Problem):
        refused = Refused("new", result, posted.kept(*_FIELDS), {"id": "agent_id"})
        return await show_agents(call, refused)
    return _made(call, result, fresh=True)


async def _create(call: Call, posted: Form) -> CreatedAgent:
    problem = require(posted, {"name": "Give the agent a name.", "agent_id": "Give it an ID."})
    if problem is not None:
        raise problem
    if not _SLUG.fullmatch(posted.text("agent_id")):
        text = "Small letters, digits, - and _; 64 at most; it begins with a letter or a digit."
        raise Problem(ProblemCode.INVALID, "The ID is not usable.", fields={"agent_id": text})
    kind = _kind_of(posted)
    return await call.desks.agents.create(
        call.tenant_id,
        posted.text("agent_id"),
        name=posted.text("name"),
        kind=kind,
        employee=_employee_of(posted, kind),
        bus_user=posted.text("bus_user") or None,
        by=call.principal,
    )


async def edit(call: Call) -> web.Response:
    """Rename it, or let it work for somebody else."""
    posted = await read_form(call)
    kept = posted.kept("name", "kind", "employee")
    return await _settle(call, "edit", _edit(call, posted), kept)


async def _edit(call: Call, posted: Form) -> AgentRecord:
    problem = require(posted, {"name": "Give the agent a name."})
    if problem is not None:
        raise problem
    kind = _kind_of(posted)
    changes = {"name": posted.text("name"), "kind": kind, "employee": _employee_of(posted, kind)}
    return await _update(call, posted, changes)


async def activate(call: Call) -> web.Response:
    """Let it work, or stop it."""
    posted = await read_form(call)
    return await _settle(call, "active", _activate(call, posted), {})


async def _activate(call: Call, posted: Form) -> AgentRecord:
    return await _update(call, posted, {"active": posted.values.get("active") == CONFIRMED})


async def _update(call: Call, posted: Form, changes: Mapping[str, Any]) -> AgentRecord:
    return await call.desks.agents.update(
        call.tenant_id,
        call.at("agent_id"),
        changes=changes,
        version=posted.version,
        by=call.principal,
    )


async def password(call: Call) -> web.Response:
    """Give its broker user a new password, which is in this answer and nowhere else."""
    work = call.desks.agents.new_password(call.tenant_id, call.at("agent_id"), by=call.principal)
    result = await attempt(work)
    if isinstance(result, Problem):
        return await show_agent(call, Refused("password", result))
    return _made(call, result, fresh=False)


def _made(call: Call, made: CreatedAgent, *, fresh: bool) -> web.Response:
    return render(call, "setup_agent_made.html", made=made, fresh=fresh)


async def _settle(
    call: Call, name: str, work: Awaitable[object], kept: Mapping[str, str]
) -> web.Response:
    result = await attempt(work)
    if isinstance(result, Problem):
        return await show_agent(call, Refused(name, result, kept))
    return done(call, f"/t/{call.tenant_id}/agents/{call.at('agent_id')}", "agent_updated")


def _kind_of(posted: Form) -> AgentKind:
    try:
        return AgentKind(posted.text("kind") or AgentKind.AGENT)
    except ValueError:
        fields = {"kind": "Choose one of the two."}
        raise Problem(ProblemCode.INVALID, "There is no such kind.", fields=fields) from None


def _employee_of(posted: Form, kind: AgentKind) -> str | None:
    """Whom it works for; what is left in the field of another kind is not meant."""
    return posted.text("employee") or None if kind is AgentKind.PERSONAL_ASSISTANT else None


ROUTES: Final[tuple[Route, ...]] = (
    page("agents_page", _LIST, agents, query=ListQuery),
    form("agent_new", _LIST, create, needs=Role.ADMIN),
    page("agent_page", _ONE, agent),
    form("agent_edit", f"{_ONE}/edit", edit, needs=Role.ADMIN),
    form("agent_active", f"{_ONE}/active", activate, needs=Role.ADMIN),
    form("agent_password", f"{_ONE}/password", password, needs=Role.ADMIN),
)
