"""Who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.instants import earlier
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, Since, Until
from heliograph.cli.paths import path
from heliograph.cli.session import Session

ENTRIES = (
    Column("at", "at", instant),
    Column("who", "actor.name"),
    Column("role", "actor.role"),
    Column("action", "action"),
    Column("target", "target"),
    Column("before", "before"),
    Column("after", "after"),
    Column("note", "note"),
)


def list_(
    session: Session,
    *,
    action: Annotated[str | None, typer.Option("--action", help="Such as number.gate_on.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="ID", help="What it was done to.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="WHO", help="The ID or the name of who did it.")
    ] = None,
    since: Since = None,
    until: Until = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Of every tenant and of none; for operators.")
    ] = False,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List who did what, when, and what changed by it; the newest first."""
    there = path("audit") if all_tenants else session.at("audit")
    now = datetime.now(UTC)
    page = session.api.collect(
        there,
        limit=limit,
        everything=every,
        action=action,
        target=target,
        actor=actor,
        since=earlier(since, now),
        until=earlier(until, now),
    )
    session.out.page(page, ENTRIES, empty="Nothing happened.")


NOUN = Noun("audit", "Who did what, and when.", {"list": list_})
