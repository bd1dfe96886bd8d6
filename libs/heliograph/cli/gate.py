"""The gate of a number: whether its agent may send without a person."""

from __future__ import annotations

from heliograph.cli.columns import Column, instant, switch
from heliograph.cli.nouns import Noun
from heliograph.cli.options import NumberAt, Yes
from heliograph.cli.session import Session

GATE = (
    Column("number", "address"),
    Column("gate", "gate_on", switch),
    Column("agent", "agent_id"),
    Column("changed", "gate_changed_at", instant),
    Column("changed by", "gate_changed_by"),
)


def show(session: Session, number: NumberAt) -> None:
    """Show whether the gate is on."""
    session.out.one(session.api.get(session.at("numbers", number)).body, GATE)


def on(session: Session, number: NumberAt, yes: Yes = False) -> None:
    """Let the agent of a number send on its own, from its next text on. Asks first."""
    found = session.api.get(session.at("numbers", number)).body
    address = found.get("address", number)
    session.ask.confirm(
        f"{found.get('agent_id')} will send texts from {address} to real people, and no person "
        "reads them first. A text that is sent costs money and cannot be taken back.",
        f"Turn on autonomous sending for {address}?",
        yes=yes,
    )
    _set(session, number, on=True)


def off(session: Session, number: NumberAt) -> None:
    """Hold back every text of a number from now on, until somebody approves it."""
    _set(session, number, on=False)


def _set(session: Session, number: str, *, on: bool) -> None:
    body = {"on": on, "confirm": True}
    session.out.one(session.api.send("PUT", session.at("numbers", number, "gate"), body).body, GATE)


NOUN = Noun(
    "gate",
    "The switch of a number: off, a person approves each text; on, its agent sends on its own.",
    {"show": show, "on": on, "off": off},
)
