"""Numbers, and which agent and connection each has."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant, switch
from heliograph.cli.errors import Misused
from heliograph.cli.failover import failover
from heliograph.cli.nouns import Noun
from heliograph.cli.options import AgentAt, ConnectionAt, Every, Limit, NumberAt, Yes
from heliograph.cli.rules import rules
from heliograph.cli.session import Session

NUMBERS = (
    Column("number", "address"),
    Column("name", "name"),
    Column("type", "type"),
    Column("agent", "agent_id"),
    Column("gate", "gate_on", switch),
    Column("provider", "provider"),
    Column("connection", "connection_id"),
)
NUMBER = (
    *NUMBERS,
    Column("gate changed", "gate_changed_at", instant),
    Column("gate changed by", "gate_changed_by"),
    Column("owners", "owners"),
    Column("region", "region"),
    Column("falls back on", "failover"),
    Column("connected", "connected"),
    Column("created", "created_at", instant),
)

Name = Annotated[str | None, typer.Option("--name", help="What people call it.")]
Type = Annotated[
    str | None,
    typer.Option("--type", help="toll_free, short_code, local, alphanumeric or partner."),
]
Owners = Annotated[
    list[str] | None,
    typer.Option("--owner", help="Who may use it: a person or a team. Repeatable."),
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="Two letters (US): in which national numbers are read."),
]


def list_(
    session: Session,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="ID", help="Only of this connection.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="ID", help="Only of this agent.")
    ] = None,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List the connected numbers."""
    page = session.api.collect(
        session.at("numbers"),
        limit=limit,
        everything=every,
        connection_id=connection,
        agent_id=agent,
    )
    session.out.page(page, NUMBERS, empty="No number yet: heliograph numbers add")


def show(session: Session, number: NumberAt) -> None:
    """Show a number."""
    session.out.one(session.api.get(session.at("numbers", number)).body, NUMBER)


def add(
    session: Session,
    connection: ConnectionAt,
    number: NumberAt,
    *,
    number_type: Annotated[
        str, typer.Option("--type", help="toll_free, short_code, local, alphanumeric or partner.")
    ],
    agent: Annotated[str, typer.Option("--agent", metavar="ID", help="The agent that it reaches.")],
    name: Name = None,
    owners: Owners = None,
    region: Region = None,
) -> None:
    """Connect a number. Its gate is off."""
    body = {"address": number, "type": number_type, "agent_id": agent} | _given(
        name=name, owners=owners or None, region=region
    )
    made = session.api.send("POST", session.at("connections", connection, "numbers"), body)
    session.out.one(made.body, NUMBER)


def edit(
    session: Session,
    number: NumberAt,
    *,
    name: Name = None,
    number_type: Type = None,
    owners: Owners = None,
    region: Region = None,
) -> None:
    """Change what is said of a number. --owner replaces all owners."""
    changes = _given(name=name, type=number_type, owners=owners or None, region=region)
    if not changes:
        raise Misused("Nothing to change is named.", "See `heliograph numbers edit --help`.")
    session.out.one(
        session.api.change("PATCH", session.at("numbers", number), changes).body, NUMBER
    )


def move(session: Session, number: NumberAt, connection: ConnectionAt) -> None:
    """Move a number to another connection, of whatever provider. Its agent, its gate and its
    conversations stay.
    """
    _change(session, "POST", number, "move", {"connection_id": connection})


def assign(session: Session, number: NumberAt, agent: AgentAt) -> None:
    """Give a number to another agent, with its conversations and its gate."""
    _change(session, "PUT", number, "agent", {"agent_id": agent})


def remove(session: Session, number: NumberAt, yes: Yes = False) -> None:
    """Free a number. Its conversations stay."""
    place = session.at("numbers", number)
    found = session.api.get(place)
    session.ask.confirm(
        f"{number} is freed: texts to it are dropped, and its agent "
        f"({found.body.get('agent_id')}) can no longer send from it.",
        "Remove?",
        yes=yes,
    )
    done = session.api.send("DELETE", place, etag=found.etag).body
    if done:
        session.out.one(done, NUMBER)
    else:
        session.out.note(f"{number} is free.")


def _change(session: Session, method: str, number: str, what: str, body: dict[str, str]) -> None:
    place = session.at("numbers", number)
    there = session.at("numbers", number, what)
    session.out.one(session.api.change(method, there, body, of=place).body, NUMBER)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


NOUN = Noun(
    "numbers",
    "Numbers of connections: each has one agent.",
    {
        "list": list_,
        "show": show,
        "add": add,
        "edit": edit,
        "move": move,
        "assign": assign,
        "rules": rules,
        "failover": failover,
        "remove": remove,
    },
)
