"""Signing in and out, and who one is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph.cli import credentials
from heliograph.cli.client import Client
from heliograph.cli.columns import Column
from heliograph.cli.credentials import Access
from heliograph.cli.errors import Misused
from heliograph.cli.paths import path
from heliograph.cli.session import Session

ME = (
    Column("name", "name"),
    Column("role", "role"),
    Column("tenant", "tenant_id"),
    Column("key", "id"),
)


def sign_in(
    session: Session,
    url: Annotated[str | None, typer.Option("--url", help="Where the health service is.")] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read the API key from stdin instead of asking.")
    ] = False,
) -> None:
    """Keep an API key on this machine, after the API has accepted it.

    The key is asked for without echo. It is kept in $XDG_CONFIG_HOME/heliograph/credentials.json,
    readable by you alone. HELIOGRAPH_URL, HELIOGRAPH_API_KEY and HELIOGRAPH_TENANT win over it.
    """
    address = _address(session, url, asks=not key_stdin)
    if credentials.travels_in_the_clear(address):
        session.out.note("The key travels unencrypted: others on the network can read it.")
    key = _key(session, from_stdin=key_stdin)
    with_it = Access(url=address, key=key)
    client = Client(with_it, session.world.transport)
    try:
        me = client.get(path("me")).body
    finally:
        client.close()
    tenant = session.named_tenant or me.get("tenant_id")
    kept = credentials.location(session.world.environment)
    credentials.save(kept, Access(url=address, key=key, tenant=tenant))
    session.out.note(f"Signed in at {address}; the key is kept in {kept}.")
    _overruled(session)
    session.out.one(me, ME)


def sign_out(session: Session) -> None:
    """Forget the key that is kept on this machine.

    The key itself stays good; `heliograph keys revoke` ends it.
    """
    kept = credentials.location(session.world.environment)
    gone = credentials.forget(kept)
    session.out.note(f"Removed {kept}." if gone else "Nobody was signed in.")
    _overruled(session)


def whoami(session: Session) -> None:
    """Show whose key is used, with which role, and where."""
    me: dict[str, Any] = session.api.get(path("me")).body
    session.out.one(me, ME)
    session.out.say(f"at {session.access.url}")


def _address(session: Session, named: str | None, *, asks: bool) -> str:
    configured = named or session.world.environment.get(credentials.URL)
    if configured is None and asks and session.ask.possible:
        configured = session.ask.text("Address", option="--url", default=credentials.DEFAULT_URL)
    return credentials.usable_url(configured or credentials.DEFAULT_URL)


def _key(session: Session, *, from_stdin: bool) -> str:
    if from_stdin:
        key = session.world.stdin.readline().strip()
    else:
        key = session.ask.secret("API key", option="--key-stdin").strip()
    # A header holds ASCII; whatever else was pasted is no key.
    if not key or not key.isascii() or not key.isprintable():
        raise Misused("That is no API key.", "A key begins with hg_ and is shown when it is made.")
    return key


def _overruled(session: Session) -> None:
    if session.world.environment.get(credentials.KEY):
        session.out.note("HELIOGRAPH_API_KEY is set and wins over what is kept.")
