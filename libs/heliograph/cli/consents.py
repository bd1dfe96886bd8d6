"""The opt-out ledger, and a person's word in it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from heliograph.cli.columns import Column, Columns, instant, shortened
from heliograph.cli.errors import Misused
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, NumberAt, OnlyNumber, OnlyRemote, Yes
from heliograph.cli.session import Session

MOST: Final = 200
"""Entries that the API gives at once."""

CONSENTS = (
    Column("remote", "remote"),
    Column("number", "number"),
    Column("opted out", "opted_out"),
    Column("to review", "in_doubt"),
    Column("since", "at", instant),
)
CONSENT = (*CONSENTS, Column("conversation", "conversation_id"))
HISTORY = (
    Column("said", "at", instant),
    Column("opted out", "opted_out"),
    Column("in doubt", "in_doubt"),
    Column("how", "source"),
    Column("rule", "rule"),
    Column("who", "who"),
    Column("text", "message_id"),
    Column("note", "note", shortened(60)),
)
ON_LIST: Columns = (Column("on the provider's list", "opted_out"),)

RemoteAt = Annotated[
    str, typer.Argument(metavar="REMOTE", help="The other person's number, such as +12125550147.")
]
Note = Annotated[str | None, typer.Option("--note", help="Kept in the ledger with the word.")]


def list_(
    session: Session,
    *,
    number: OnlyNumber = None,
    remote: OnlyRemote = None,
    review: Annotated[
        bool, typer.Option("--review", help="Only those that a person should review.")
    ] = False,
    lifted: Annotated[
        bool, typer.Option("--lifted", help="Only those who have opted in again.")
    ] = False,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List who has opted out, the newest word first."""
    if review and lifted:
        raise Misused("--review and --lifted exclude each other.", "Leave one of them out.")
    only: dict[str, Any] = {"in_doubt": "true"} if review else {}
    page = session.api.collect(
        session.at("consents"),
        limit=limit,
        everything=every,
        opted_out="false" if lifted else "true",
        number=number,
        remote=remote,
        **only,
    )
    empty = "Nobody has opted in again." if lifted else "Nobody has opted out."
    session.out.page(page, CONSENTS, empty="Nothing is to be reviewed." if review else empty)


def show(session: Session, number: NumberAt, remote: RemoteAt, limit: Limit = 50) -> None:
    """Show what a person has said to a number, with the evidence."""
    found = session.api.get(session.at("consents", number, remote), limit=min(limit, MOST)).body
    session.out.one(found, CONSENT)
    if not session.out.wants_json:
        history = {"items": found.get("history", []), "next": found.get("next")}
        session.out.page(history, HISTORY, empty="No entry.")


def add(session: Session, number: NumberAt, remote: RemoteAt, note: Note = None) -> None:
    """Opt a person out by hand. What waits to be sent to them is cancelled."""
    _say(session, number, remote, "opt-out", note)


def lift(
    session: Session,
    number: NumberAt,
    remote: RemoteAt,
    note: Annotated[
        str, typer.Option("--note", help="How and when they agreed: it is the evidence.")
    ],
    yes: Yes = False,
) -> None:
    """Opt a person in by hand, who has agreed to be texted again. Asks first."""
    session.ask.confirm(
        f"{remote} may be texted from {number} again. Without their agreement that is against the "
        "law in many countries; the note is kept for good.",
        f"Opt {remote} in?",
        yes=yes,
    )
    _say(session, number, remote, "opt-in", note)


def confirm(session: Session, number: NumberAt, remote: RemoteAt, note: Note = None) -> None:
    """Confirm that somebody's own words meant an opt-out."""
    _say(session, number, remote, "confirm", note)


def undo(session: Session, number: NumberAt, remote: RemoteAt, note: Note = None) -> None:
    """Undo an opt-out that somebody's own words were wrongly taken for."""
    _say(session, number, remote, "undo", note)


def check(session: Session, number: NumberAt, remote: RemoteAt) -> None:
    """Ask the provider whether its own list has the person as opted out."""
    place = session.at("consents", number, remote, "check")
    session.out.one(session.api.send("POST", place).body, ON_LIST)


def _say(session: Session, number: str, remote: str, verb: str, note: str | None) -> None:
    body = {} if note is None else {"note": note}
    done = session.api.send("POST", session.at("consents", number, remote, verb), body).body
    session.out.one(done, CONSENT)


NOUN = Noun(
    "opt-outs",
    "Who must not be texted, and why; opt-outs to review.",
    {
        "list": list_,
        "show": show,
        "add": add,
        "lift": lift,
        "confirm": confirm,
        "undo": undo,
        "check": check,
    },
)
