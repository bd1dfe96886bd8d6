"""Messages of the bus that could not be processed, for operators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.errors import Misused
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, Yes
from heliograph.cli.parked_rounds import forecast_many, go_through
from heliograph.cli.paths import path
from heliograph.cli.session import Session

QUEUES = (Column("queue", "name"), Column("messages", "count"))
LETTERS = (
    Column("ref", "ref"),
    Column("first failed", "first_seen", instant),
    Column("type", "type"),
    Column("reason", "reason"),
    Column("detail", "detail"),
    Column("replays", "replays"),
    Column("edited", "edited"),
    Column("id", "message_id"),
)
CONTENT = (
    Column("ref", "ref"),
    Column("id", "message_id"),
    Column("type", "type"),
    Column("published by", "user"),
    Column("routing key", "routing_key"),
    Column("edited", "edited_at", instant),
    Column("edited by", "edited_by"),
    Column("a replay", "forecast.effect"),
    Column("because", "forecast.what"),
)
FORECAST = (
    Column("ref", "ref"),
    Column("effect", "effect"),
    Column("code", "code"),
    Column("exchange", "exchange"),
    Column("key", "key"),
    Column("what", "what"),
)
PAGE: Final = 100
"""Messages that the API gives at once."""

QueueAt = Annotated[str, typer.Argument(metavar="QUEUE", help="As `dead-letters list` shows it.")]
MessageAt = Annotated[
    str, typer.Argument(metavar="MESSAGE", help="Its ref, or its ID where no other one has it.")
]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[MESSAGE]", help="Its ref or its ID; or give --all.")
]
Why = Annotated[
    str, typer.Option("--reason", help="Why; kept in the audit trail. No number, no words.")
]
MaybeWhy = Annotated[
    str | None,
    typer.Option("--reason", help="Why; kept in the audit trail. Not needed for a dry run."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]
OnlyReason = Annotated[
    str | None, typer.Option("--only-reason", metavar="CODE", help="Only those parked for it.")
]
OnlyType = Annotated[
    str | None, typer.Option("--only-type", metavar="TYPE", help="Only those of this type.")
]


def list_(session: Session) -> None:
    """List the queues with parked messages, and how many each holds."""
    page = session.api.get(path("dead-letters")).body
    session.out.page(page, QUEUES, empty="Nothing is parked.")


def show(
    session: Session,
    queue: QueueAt,
    *,
    only_reason: OnlyReason = None,
    only_type: OnlyType = None,
    limit: Limit = 20,
    every: Every = False,
) -> None:
    """Show the messages that are parked for longest, with the reason of each. They stay there.

    With --json, what they hold too: numbers masked, texts replaced by their length.
    """
    page = session.api.collect(
        path("dead-letters", queue),
        limit=limit,
        everything=every,
        page_size=PAGE,
        reason=only_reason,
        type=only_type,
    )
    session.out.page(page, LETTERS, empty="Nothing is parked.")


def read(session: Session, queue: QueueAt, message: MessageAt, reason: Why) -> None:
    """Read what a message says, numbers and words included, secrets never. That you have read it,
    and why, is in the audit trail.
    """
    body = session.api.send("POST", _at(queue, message, "read"), {"reason": reason}).body
    session.out.one(body, CONTENT)
    for line in body.get("changes", ()):
        session.out.say(f"  {line}", style="dim")
    session.out.say(str(body.get("body", "")))


def edit(
    session: Session,
    queue: QueueAt,
    message: MessageAt,
    *,
    body: Annotated[
        Path, typer.Option("--body", metavar="PATH", help="The whole new body; - is stdin.")
    ],
    reason: Why,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Give a message another body. It must be one that the queue's reader takes, and leave whose it
    is and its IDs. What it said before is kept. --dry-run checks it and shows the difference, which
    counts as reading.
    """
    text = _body(session, body)
    at, asked = _at(queue, message, "edit"), {"body": text, "reason": reason}
    tried = session.api.send("POST", at, {**asked, "dry_run": True}).body
    if not dry_run:
        _diff(session, tried)
        session.ask.confirm(
            "The message goes to the end of its queue with this body.", "Edit it?", yes=yes
        )
        tried = session.api.send("POST", at, asked).body
    if session.out.wants_json:
        session.out.document(tried)
    elif dry_run:
        _diff(session, tried)
    else:
        session.out.say(f"Edited; its ref is {tried['ref']} now.")


def replay(
    session: Session,
    queue: QueueAt,
    message: OneOrAll = None,
    *,
    every: Every = False,
    only_reason: OnlyReason = None,
    only_type: OnlyType = None,
    reason: MaybeWhy = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put a message, or with --all every one, back to work. What was done before is not done twice;
    --dry-run says what each comes to. Those that would only come back stay.
    """
    one = _one(message, every=every)
    why = _why(reason, dry_run=dry_run)
    only = _only(only_reason, only_type)
    if one is None and dry_run:
        forecast_many(session, queue, only, FORECAST)
    elif one is None:
        session.ask.confirm(
            f"Every message of {queue} that is meant goes back to work.", "Replay them?", yes=yes
        )
        go_through(session, queue, "replay", {"reason": why, **only}, FORECAST)
    else:
        asked: dict[str, Any] = {"dry_run": True} if dry_run else {"reason": why}
        answer = session.api.send("POST", _at(queue, one, "replay"), asked).body
        if session.out.wants_json:
            session.out.document(answer)
            return
        session.out.one(answer["forecast"], FORECAST)
        session.out.say("Nothing was changed." if dry_run else "Replayed.")


def drop(
    session: Session,
    queue: QueueAt,
    message: OneOrAll = None,
    *,
    every: Every = False,
    only_reason: OnlyReason = None,
    only_type: OnlyType = None,
    reason: MaybeWhy = None,
    yes: Yes = False,
) -> None:
    """Drop a message, or with --all every one, for good. A text that is dropped is lost."""
    one = _one(message, every=every)
    why = _why(reason, dry_run=False)
    what = "Every message that is meant" if one is None else "The message"
    session.ask.confirm(f"{what} is lost for good.", "Drop it?", yes=yes)
    if one is None:
        only = _only(only_reason, only_type)
        go_through(session, queue, "drop", {"reason": why, **only}, FORECAST)
    else:
        session.api.send("POST", _at(queue, one, "drop"), {"reason": why})
        session.out.say("Dropped.")


def _at(queue: str, message: str, verb: str) -> str:
    return path("dead-letters", queue, "messages", message, verb)


def _one(message: str | None, *, every: bool) -> str | None:
    if (message is None) is not every:
        raise Misused("Name one message, or give --all.", "`dead-letters show` lists them.")
    return message


def _why(reason: str | None, *, dry_run: bool) -> str:
    if not reason and not dry_run:
        raise Misused("--reason is missing.", "Say why; it is kept in the audit trail.")
    return reason or ""


def _only(reason: str | None, type_: str | None) -> dict[str, str]:
    wanted = {"only_reason": reason, "only_type": type_}
    return {name: value for name, value in wanted.items() if value}


def _body(session: Session, where: Path) -> str:
    try:
        text = (
            session.world.stdin.read()
            if str(where) == "-"
            else where.expanduser().read_text(encoding="utf-8")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise Misused(f"{where} cannot be read: {error}.") from None
    if not text.strip():
        raise Misused("The new body is empty.", "Drop the message where it is not wanted.")
    return text


def _diff(session: Session, tried: dict[str, Any]) -> None:
    for line in tried.get("changes", ()):
        session.out.say(line)


NOUN = Noun(
    "dead-letters",
    "Messages that could not be processed and were parked; for operators.",
    {
        "list": list_,
        "show": show,
        "read": read,
        "edit": edit,
        "replay": replay,
        "drop": drop,
    },
)
