"""Connections: a tenant's credentials at providers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant, plain, shortened
from heliograph.cli.errors import Misused
from heliograph.cli.nouns import Noun
from heliograph.cli.options import ConnectionAt, Every, Limit, Partner, Set, SetFile, Yes
from heliograph.cli.parameters import gather, named, provider_of
from heliograph.cli.session import Session


def _numbers(senders: Any) -> str:
    return plain([sender.get("number") for sender in senders or ()])


CONNECTIONS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("provider", "provider"),
    Column("status", "status"),
    Column("numbers", "numbers"),
    Column("checked", "checked_at", instant),
    Column("error", "error", shortened(60)),
)
CONNECTION = (
    Column("id", "id"),
    Column("name", "name"),
    Column("description", "description"),
    Column("provider", "provider"),
    Column("partner", "partner"),
    Column("status", "status"),
    Column("error", "error"),
    Column("circuit", "circuit.state"),
    Column("circuit open since", "circuit.since", instant),
    Column("rests until", "circuit.rests_until", instant),
    Column("circuit open because", "circuit.reason"),
    Column("refused as sender", "circuit.senders", _numbers),
    Column("checked", "checked_at", instant),
    Column("numbers", "numbers"),
    Column("parameters", "public"),
    Column("secrets", "secrets"),
    Column("created", "created_at", instant),
    Column("created by", "created_by"),
    Column("disconnected", "disconnected_at", instant),
)

CALLBACK = (
    Column("what", "label"),
    Column("address", "url"),
    Column("user name", "username"),
    Column("password", "password"),
    Column("topics", "topics"),
    Column("where", "help"),
)


def list_(
    session: Session,
    status: Annotated[
        str | None, typer.Option("--status", help="active, error or disconnected.")
    ] = None,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List connections, the newest first."""
    page = session.api.collect(
        session.at("connections"), limit=limit, everything=every, status=status
    )
    session.out.page(page, CONNECTIONS, empty="No connection yet: heliograph connect")


def show(session: Session, connection: ConnectionAt) -> None:
    """Show a connection: of its secrets, only the names."""
    session.out.one(session.api.get(session.at("connections", connection)).body, CONNECTION)


def callbacks(session: Session, connection: ConnectionAt) -> None:
    """Show what to tell the provider, so that its texts and reports arrive. Keep it to yourself:
    whoever knows the address may deliver texts, as far as the provider proves no more.
    """
    found = session.api.get(session.at("connections", connection, "callbacks")).body
    if session.out.wants_json:
        session.out.document(found)
        return
    for item in found["items"]:
        session.out.one(item, CALLBACK)


def check(session: Session, connection: ConnectionAt) -> None:
    """Try the credentials with the provider now, without sending anything.

    Ends with 1 where they do not work.
    """
    found = session.api.send("POST", session.at("connections", connection, "check")).body
    session.out.one(found, CONNECTION)
    if found.get("status") != "active":
        raise typer.Exit(1)


def update(
    session: Session,
    connection: ConnectionAt,
    *,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    given: Set = None,
    files: SetFile = None,
    partner: Partner = None,
    credentials: Annotated[
        bool, typer.Option("--credentials", help="Ask for new credentials.")
    ] = False,
) -> None:
    """Change the name or the description, or replace the credentials, all of them; that also
    repairs a connection in error.
    """
    words = {"name": name, "description": description}
    changes = {key: value for key, value in words.items() if value is not None}
    replaces = bool(given or files or partner or credentials)
    if not changes and not replaces:
        raise Misused("Nothing to change is named.", "See `heliograph connections update --help`.")
    place = session.at("connections", connection)
    done: dict[str, Any] = {}
    if changes:
        done = session.api.change("PATCH", place, changes).body
    if replaces:
        body = _credentials(session, connection, given, files, partner)
        there = session.at("connections", connection, "credentials")
        done = session.api.change("PUT", there, body, of=place).body
    session.out.one(done, CONNECTION)


def rotate(
    session: Session,
    connection: ConnectionAt,
    parameter: Annotated[
        str | None,
        typer.Argument(metavar="PARAMETER", help="Which of the two secrets; else it is asked."),
    ] = None,
    given: Set = None,
    files: SetFile = None,
) -> None:
    """Replace one of two secrets that stand for each other, while the other one works."""
    place = session.at("connections", connection)
    spec = provider_of(session, session.api.get(place).body["provider"])
    pair = spec.get("rotating") or ()
    if not pair:
        raise Misused(f"{spec['title']} has no pair of secrets.", "Use `connections update`.")
    named_ones = [*named(given), *named(files)]
    if parameter is None:
        parameter = (
            named_ones[0]
            if named_ones
            else session.ask.choose("Which", list(pair), option="PARAMETER")
        )
    values = gather(session, _required(spec), given=given, files=files, only=[parameter])
    if list(values) != [parameter]:
        raise Misused(f"Name the new value of {parameter} and nothing else.")
    body = {"parameter": parameter, "value": values[parameter]}
    there = session.at("connections", connection, "rotate")
    session.out.one(session.api.change("POST", there, body, of=place).body, CONNECTION)


def disconnect(session: Session, connection: ConnectionAt, yes: Yes = False) -> None:
    """Erase the credentials and free the numbers. Conversations stay, and one can reconnect."""
    place = session.at("connections", connection)
    found = session.api.get(place)
    session.ask.confirm(
        f"The credentials of {found.body.get('name', connection)} are erased and its numbers "
        f"({found.body.get('numbers', 0)}) freed; their agents can no longer send.",
        "Disconnect?",
        yes=yes,
    )
    there = session.at("connections", connection, "disconnect")
    # The version that the question was about.
    done = session.api.send("POST", there, {"confirm": True}, etag=found.etag)
    session.out.one(done.body, CONNECTION)


def reconnect(
    session: Session,
    connection: ConnectionAt,
    given: Set = None,
    files: SetFile = None,
    partner: Partner = None,
) -> None:
    """Make a disconnected connection live again, with new credentials. Its numbers are added
    again with `heliograph numbers add`.
    """
    body = _credentials(session, connection, given, files, partner)
    there = session.at("connections", connection, "reconnect")
    place = session.at("connections", connection)
    session.out.one(session.api.change("POST", there, body, of=place).body, CONNECTION)


def _credentials(
    session: Session,
    connection: str,
    given: list[str] | None,
    files: list[str] | None,
    partner: str | None,
) -> dict[str, Any]:
    found = session.api.get(session.at("connections", connection)).body
    partner = partner or found.get("partner")
    spec = provider_of(session, found["provider"])
    body: dict[str, Any] = {
        "parameters": gather(session, spec, given=given, files=files, partner=partner)
    }
    if partner:
        body["partner"] = partner
    return body


def _required(spec: dict[str, Any]) -> dict[str, Any]:
    """The provider with every parameter required: what is rotated has a value."""
    return spec | {"parameters": [item | {"required": True} for item in spec["parameters"]]}


NOUN = Noun(
    "connections",
    "A tenant's credentials at providers.",
    {
        "list": list_,
        "show": show,
        "callbacks": callbacks,
        "check": check,
        "update": update,
        "rotate": rotate,
        "disconnect": disconnect,
        "reconnect": reconnect,
    },
)
