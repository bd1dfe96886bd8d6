"""Agents, and the broker user of each."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, activity, instant
from heliograph.cli.errors import Misused
from heliograph.cli.nouns import Noun
from heliograph.cli.options import AgentAt, Every, Limit
from heliograph.cli.session import Session

AGENTS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("kind", "kind"),
    Column("for", "employee"),
    Column("state", "active", activity),
    Column("numbers", "numbers"),
    Column("broker user", "bus_user"),
    Column("created", "created_at", instant),
)
CREATED = (*AGENTS, Column("broker password", "bus_password"))

Kind = Annotated[str | None, typer.Option("--kind", help="agent or personal_assistant.")]
Employee = Annotated[
    str | None, typer.Option("--employee", help="Whom a personal assistant works for.")
]
BusUser = Annotated[
    str | None, typer.Option("--bus-user", help="Its RabbitMQ user, where you made one by hand.")
]


def list_(session: Session, limit: Limit = 50, every: Every = False) -> None:
    """List agents."""
    page = session.api.collect(session.at("agents"), limit=limit, everything=every)
    session.out.page(page, AGENTS, empty="No agent yet: heliograph agents create")


def show(session: Session, agent: AgentAt) -> None:
    """Show an agent."""
    session.out.one(session.api.get(session.at("agents", agent)).body, AGENTS)


def create(
    session: Session,
    agent: AgentAt,
    *,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    kind: Kind = None,
    employee: Employee = None,
    bus_user: BusUser = None,
) -> None:
    """Make an agent. Where the service may administer the broker, its user is made too, and the
    password is shown this once.
    """
    body = {"id": agent, "name": name} | _given(kind=kind, employee=employee, bus_user=bus_user)
    _created(session, session.api.send("POST", session.at("agents"), body).body)


def update(
    session: Session,
    agent: AgentAt,
    *,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    kind: Kind = None,
    employee: Employee = None,
    bus_user: BusUser = None,
) -> None:
    """Change what is said of an agent. --employee "" takes the employee away."""
    changes = _given(name=name, kind=kind, employee=employee, bus_user=bus_user)
    if employee == "":
        changes["employee"] = None
    if not changes:
        raise Misused("Nothing to change is named.", "See `heliograph agents update --help`.")
    _change(session, agent, changes)


def activate(session: Session, agent: AgentAt) -> None:
    """Let numbers be given to an agent again."""
    _change(session, agent, {"active": True})


def deactivate(session: Session, agent: AgentAt) -> None:
    """Take away an agent's right to send; no number can be given to it any more."""
    changed = _change(session, agent, {"active": False})
    if many := changed.get("numbers"):
        which = "A number still reaches" if many == 1 else f"{many} numbers still reach"
        session.out.note(f"{which} it, and nobody answers: heliograph numbers list --agent {agent}")


def password(session: Session, agent: AgentAt) -> None:
    """Give an agent's broker user a new password, shown this once. The old one ends at once."""
    _created(session, session.api.send("POST", session.at("agents", agent, "bus-user")).body)


def _change(session: Session, agent: str, changes: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = session.api.change("PATCH", session.at("agents", agent), changes).body
    session.out.one(changed, AGENTS)
    return changed


def _created(session: Session, body: dict[str, Any]) -> None:
    session.out.one(body, CREATED)
    if body.get("bus_password"):
        session.out.note("The password is shown this once. Give it to the agent's author.")
    else:
        session.out.note("No password was made: make the broker's user by hand.")


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


NOUN = Noun(
    "agents",
    "Agents of a tenant.",
    {
        "list": list_,
        "show": show,
        "create": create,
        "update": update,
        "activate": activate,
        "deactivate": deactivate,
        "password": password,
    },
)
