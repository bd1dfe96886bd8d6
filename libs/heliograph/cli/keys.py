"""API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.instants import later
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit
from heliograph.cli.paths import path
from heliograph.cli.session import Session

KEYS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("role", "role"),
    Column("created", "created_at", instant),
    Column("created by", "created_by"),
    Column("expires", "expires_at", instant),
    Column("last used", "last_used_at", instant),
    Column("revoked", "revoked_at", instant),
)

Operators = Annotated[
    bool, typer.Option("--operators", help="Of the operators, who belong to no tenant.")
]


def list_(
    session: Session, operators: Operators = False, limit: Limit = 50, every: Every = False
) -> None:
    """List keys, the newest first. Nobody can see a key itself again."""
    page = session.api.collect(_keys(session, operators), limit=limit, everything=every)
    session.out.page(page, KEYS, empty="No key.")


def make(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what will use it.")],
    role: Annotated[
        str,
        typer.Option(
            "--role", help="viewer, approver or admin; each may do what the ones before it may."
        ),
    ] = "viewer",
    operators: Operators = False,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="WHEN", help="90d, or an instant.")
    ] = None,
) -> None:
    """Make a key. It is shown this once."""
    body: dict[str, Any] = {"name": name}
    if not operators:  # An operator's key has no other role.
        body["role"] = role
    expires_at = later(expires, datetime.now(UTC))
    if expires_at:
        body["expires_at"] = expires_at
    made = session.api.send("POST", _keys(session, operators), body).body
    session.out.one(made, (Column("key", "key"), *KEYS[:6]))
    session.out.note("The key is shown this once. Keep it where only its user can read it.")


def revoke(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The ID, as `keys list` shows it.")],
    operators: Operators = False,
) -> None:
    """End a key, at once and for ever, with every console session of it."""
    done = session.api.send("DELETE", _keys(session, operators, key)).body
    if done:
        session.out.one(done, KEYS)
    else:
        session.out.note(f"{key} is good no longer.")


def _keys(session: Session, operators: bool, *steps: str) -> str:
    return path("keys", *steps) if operators else session.at("keys", *steps)


NOUN = Noun("keys", "API keys: who may do what.", {"list": list_, "make": make, "revoke": revoke})
