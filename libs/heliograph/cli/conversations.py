"""Conversations, as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from heliograph.cli.columns import Column, instant, shortened
from heliograph.cli.following import state_of
from heliograph.cli.instants import earlier
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, OnlyNumber, OnlyRemote, Since, Until
from heliograph.cli.session import Session

CONVERSATIONS = (
    Column("id", "id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("newest", "newest.at", instant),
    Column("text", "newest.body", shortened(40)),
    Column("held", "held"),
    Column("opted out", "opted_out"),
)
CONVERSATION = (
    Column("id", "id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("held", "held"),
    Column("opted out", "opted_out"),
)
_WRITERS: Final = {"INBOUND": "person", "OUTBOUND": "agent"}

HELD = (
    Column("id", "conversation_id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("held since", "held_since", instant),
    Column("reason", "reason"),
    Column("resumed", "resumed_at", instant),
    Column("resumed by", "resumed_by"),
)
ConversationAt = Annotated[
    str, typer.Argument(metavar="CONVERSATION", help="The ID, as `conversations list` shows it.")
]


def list_(
    session: Session,
    *,
    number: OnlyNumber = None,
    remote: OnlyRemote = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            help="held (a text waits for a person), opted_out, uncertain or report_missing.",
        ),
    ] = None,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List conversations, the one with the newest text first. --since and --until are of that."""
    now = datetime.now(UTC)
    page = session.api.collect(
        session.at("conversations"),
        limit=limit,
        everything=every,
        number=number,
        remote=remote,
        since=earlier(since, now),
        until=earlier(until, now),
        state=state,
    )
    session.out.page(page, CONVERSATIONS, empty="No conversation yet.")


def show(
    session: Session, conversation: ConversationAt, limit: Limit = 50, every: Every = False
) -> None:
    """Show a conversation: its newest texts, the oldest of them first."""
    found = session.api.get(session.at("conversations", conversation)).body
    there = session.at("conversations", conversation, "messages")
    page = session.api.collect(there, limit=limit, everything=every)
    if session.out.wants_json:
        session.out.document({"conversation": found, "messages": page})
        return
    session.out.one(found, CONVERSATION)
    session.out.say("")
    for text in reversed(page["items"]):
        session.out.say(as_line(text))
    if page["next"] is not None:
        session.out.note("There are older ones: --limit N, or --all.")


def held(session: Session, limit: Limit = 50, every: Every = False) -> None:
    """List the conversations that wait for a person, since they looked like a loop."""
    page = session.api.collect(session.at("held-conversations"), limit=limit, everything=every)
    session.out.page(page, HELD, empty="No conversation waits for a person.")


def resume(session: Session, conversation: ConversationAt) -> None:
    """Let a held conversation go on: its agent may answer again. What is held for approval keeps
    waiting.
    """
    place = session.at("conversations", conversation, "resume")
    session.out.one(session.api.send("POST", place).body, HELD)


def as_line(text: Mapping[str, Any]) -> str:
    """A text on one line: when, who wrote it, what became of it, and the words."""
    at, writer = instant(text.get("at")), _WRITERS.get(str(text.get("direction")), "-")
    return f"{at}  {writer:6}  {state_of(text):13}  {text.get('body', '')}"


NOUN = Noun(
    "conversations",
    "What people and agents wrote to each other.",
    {"list": list_, "show": show, "held": held, "resume": resume},
)
