"""Messages of the bus that could not be processed, for operators."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.nouns import Noun
from heliograph.cli.paths import path
from heliograph.cli.session import Session

QUEUES = (Column("queue", "name"), Column("messages", "count"))
LETTERS = (
    Column("first failed", "first_seen", instant),
    Column("type", "type"),
    Column("reason", "reason"),
    Column("detail", "detail"),
    Column("from", "parked_from"),
    Column("id", "message_id"),
)


def list_(session: Session) -> None:
    """List the queues with parked messages, and how many each holds."""
    page = session.api.get(path("dead-letters")).body
    session.out.page(page, QUEUES, empty="Nothing is parked.")


def show(
    session: Session,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="As `dead-letters list` shows it.")],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=100, help="How many at most.")
    ] = 20,
) -> None:
    """Show the messages that are parked for longest, with the reason of each. They stay there.

    With --json, what they hold too: numbers masked, texts replaced by their length.
    """
    page = session.api.get(path("dead-letters", queue), limit=limit).body
    session.out.page(page, LETTERS, empty="Nothing is parked.")


NOUN = Noun(
    "dead-letters",
    "Messages that could not be processed and were parked; for operators.",
    {"list": list_, "show": show},
)
