"""What a number falls back on: showing it, and choosing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.errors import Misused
from heliograph.cli.options import NumberAt
from heliograph.cli.session import Session

WAYS = (
    Column("order", "order"),
    Column("connection", "connection_id"),
    Column("name", "name"),
    Column("provider", "provider"),
    Column("status", "status"),
    Column("circuit", "circuit.state"),
    Column("since", "circuit.since", instant),
    Column("rests until", "circuit.rests_until", instant),
    Column("why", "circuit.reason"),
)

Chosen = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CONNECTION]...",
        help="The connections to fall back on, in order, without the number's own.",
        show_default=False,
    ),
]


def failover(
    session: Session,
    number: NumberAt,
    connections: Chosen = None,
    none: Annotated[bool, typer.Option("--none", help="Fall back on nothing.")] = False,
) -> None:
    """Show what a number falls back on, with the state of each connection, or choose it anew."""
    if none and connections:
        raise Misused("Either connections or --none.", "See `heliograph numbers failover --help`.")
    place = session.at("numbers", number, "failover")
    if none or connections:
        body = session.api.change("PUT", place, {"connection_ids": connections or []}).body
    else:
        body = session.api.get(place).body
    if session.out.wants_json:
        session.out.document(body)
        return
    session.out.table(ways_of(body), WAYS)
    if not body.get("failover"):
        session.out.note("It falls back on nothing.")


def ways_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The number's own connection, then those to fall back on, each with its place."""
    own = [{"order": "own"} | body["own"]] if body.get("own") else []
    others = enumerate(body.get("failover", ()), 1)
    return [*own, *({"order": str(place)} | way for place, way in others)]
