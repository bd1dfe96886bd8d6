"""The kill switches: stop all sending of a tenant, or of everybody."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Yes
from heliograph.cli.paths import path
from heliograph.cli.session import Session

_EVERYBODYS = (
    Column("of all tenants since", "everywhere.at", instant),
    Column("by", "everywhere.by"),
    Column("reason", "everywhere.reason"),
)
EVERYBODY = (Column("stopped", "stopped"), *_EVERYBODYS)
TENANT = (
    Column("stopped", "stopped"),
    Column("of the tenant since", "tenant.at", instant),
    Column("by", "tenant.by"),
    Column("reason", "tenant.reason"),
    *_EVERYBODYS,
)

Everybody = Annotated[
    bool, typer.Option("--all", help="Of all tenants, not of one; for operators.")
]
Reason = Annotated[str, typer.Option("--reason", help="For those who see that it is stopped.")]


def show(session: Session, everybody: Everybody = False) -> None:
    """Show whether sending is stopped."""
    session.out.one(session.api.get(_place(session, everybody)).body, _columns(everybody))


def stop(
    session: Session, everybody: Everybody = False, reason: Reason = "", yes: Yes = False
) -> None:
    """Stop all sending, from the next text on. Asks first."""
    session.ask.confirm(
        f"{_whose(session, everybody)} agents can send nothing from now on. Texts that wait, also "
        "approved ones, are refused and not sent later.",
        "Stop all sending?",
        yes=yes,
    )
    _set(session, everybody, stopped=True, reason=reason)


def resume(session: Session, everybody: Everybody = False, yes: Yes = False) -> None:
    """Let sending go on, from the next text on. Asks first."""
    session.ask.confirm(
        f"{_whose(session, everybody)} agents text people again, by the gates of their numbers.",
        "Resume sending?",
        yes=yes,
    )
    _set(session, everybody, stopped=False, reason="")


def _set(session: Session, everybody: bool, *, stopped: bool, reason: str) -> None:
    body = {"stopped": stopped, "confirm": True} | ({"reason": reason} if reason else {})
    done = session.api.send("PUT", _place(session, everybody), body).body
    session.out.one(done, _columns(everybody))


def _place(session: Session, everybody: bool) -> str:
    return path("sending") if everybody else session.at("sending")


def _columns(everybody: bool) -> tuple[Column, ...]:
    return EVERYBODY if everybody else TENANT


def _whose(session: Session, everybody: bool) -> str:
    return "All tenants'" if everybody else f"The tenant {session.tenant_id}'s"


NOUN = Noun(
    "sending",
    "The kill switch: nothing is sent until somebody turns it on again.",
    {"show": show, "stop": stop, "resume": resume},
)
