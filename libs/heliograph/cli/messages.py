"""Finding texts, and the life of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from heliograph.cli.columns import Column, fine, first_instant, instant, last_step, shortened
from heliograph.cli.instants import earlier
from heliograph.cli.nouns import Noun
from heliograph.cli.options import (
    Every,
    Limit,
    MessageAt,
    OnlyNumber,
    OnlyRemote,
    Since,
    Until,
)
from heliograph.cli.session import Session

MESSAGES = (
    Column("at", "at", instant),
    Column("direction", "direction"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("status", "status"),
    Column("text", "body", shortened(40)),
    Column("id", "id"),
)
MESSAGE = (
    Column("id", "id"),
    Column("direction", "direction"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("agent", "agent_id"),
    Column("at", "at", instant),
    Column("state", "state"),
    Column("status", "status"),
    Column("code", "code"),
    Column("text", "body"),
    Column("as the agent wrote it", "original_body"),
    Column("segments", "segments"),
    Column("encoding", "encoding"),
    Column("keyword", "keyword"),
    Column("held", "held_at", instant),
    Column("decision", "decision"),
    Column("decided by", "decided_by"),
    Column("reason", "reason"),
    Column("sent", "sent_at", instant),
    Column("delivery", "report_status"),
    Column("delivery code", "report_code"),
    Column("report missing since", "report_missing_at", instant),
    Column("parts", "parts"),
    Column("parts delivered", "parts_delivered"),
    Column("at the provider", "provider_message_id"),
    Column("command", "command_id"),
    Column("answers", "in_reply_to"),
    Column("conversation", "conversation_id"),
    Column("trace", "trace_id"),
)
STEPS = (
    Column("at", "at", fine),
    Column("step", "what"),
    Column("detail", "detail"),
)
EXECUTIONS = (
    Column("came in", "steps", first_instant),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("last step", "steps", last_step),
    Column("message", "message_id"),
)
EXECUTION = (
    Column("message", "message_id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("duplicates", "duplicates"),
)


def search(
    session: Session,
    *,
    number: OnlyNumber = None,
    remote: OnlyRemote = None,
    since: Since = None,
    until: Until = None,
    direction: Annotated[
        str | None, typer.Option("--direction", help="INBOUND or OUTBOUND.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Such as sent, held, uncertain, delivered.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="How far an outbound text has come.")
    ] = None,
    report_missing: Annotated[
        bool,
        typer.Option(
            "--report-missing", help="Only texts of which no delivery report came in time."
        ),
    ] = False,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """Find texts of all conversations, the newest first."""
    now = datetime.now(UTC)
    page = session.api.collect(
        session.at("messages"),
        limit=limit,
        everything=every,
        number=number,
        remote=remote,
        since=earlier(since, now),
        until=earlier(until, now),
        direction=direction.upper() if direction else None,
        status=status,
        state=state,
        report_missing="true" if report_missing else None,
    )
    session.out.page(page, MESSAGES, empty="No such text.")


def show(session: Session, message: MessageAt) -> None:
    """Show a text with all that is known of it."""
    session.out.one(session.api.get(session.at("messages", message)).body, MESSAGE)


def executions(
    session: Session,
    *,
    number: OnlyNumber = None,
    remote: OnlyRemote = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    every: Every = False,
) -> None:
    """List the lives of texts that came in, the newest first."""
    now = datetime.now(UTC)
    page = session.api.collect(
        session.at("executions"),
        limit=limit,
        everything=every,
        number=number,
        remote=remote,
        since=earlier(since, now),
        until=earlier(until, now),
    )
    session.out.page(page, EXECUTIONS, empty="No text has come in.")


def execution(session: Session, message: MessageAt) -> None:
    """Show the life of a text: each step with its instant."""
    found = session.api.get(session.at("messages", message, "execution")).body
    session.out.one(found, EXECUTION)
    if not session.out.wants_json:
        session.out.table(found.get("steps", []), STEPS)


NOUN = Noun(
    "messages",
    "Texts of all conversations.",
    {"search": search, "show": show, "executions": executions},
)
