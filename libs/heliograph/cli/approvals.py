"""Texts that the gate held back, and a person's word on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant, shortened
from heliograph.cli.errors import Misused, Refused
from heliograph.cli.following import follow
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, MessageAt, OnlyNumber
from heliograph.cli.session import Session

APPROVALS = (
    Column("id", "message_id"),
    Column("held", "held_at", instant),
    Column("until", "expires_at", instant),
    Column("why", "code"),
    Column("agent", "agent_id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("text", "body", shortened(60)),
)
APPROVAL = (
    Column("id", "message_id"),
    Column("agent", "agent_id"),
    Column("number", "number"),
    Column("remote", "remote"),
    Column("text", "body"),
    Column("as the agent wrote it", "original_body"),
    Column("segments", "segments"),
    Column("held", "held_at", instant),
    Column("why", "code"),
    Column("until", "expires_at", instant),
    Column("decision", "decision"),
    Column("decided", "decided_at", instant),
    Column("decided by", "decided_by"),
    Column("edited", "edited"),
    Column("reason", "reason"),
    Column("conversation", "conversation_id"),
)


def list_(
    session: Session, number: OnlyNumber = None, limit: Limit = 50, every: Every = False
) -> None:
    """List the texts that wait for a person, the oldest first."""
    page = session.api.collect(
        session.at("approvals"), limit=limit, everything=every, number=number
    )
    session.out.page(page, APPROVALS, empty="Nothing waits for a person.")


def show(session: Session, message: MessageAt) -> None:
    """Show a held text, also one that was decided on."""
    session.out.one(session.api.get(session.at("approvals", message)).body, APPROVAL)


def approve(
    session: Session,
    message: MessageAt,
    text: Annotated[
        str | None,
        typer.Option("--text", help="Send these words instead; - reads them from stdin."),
    ] = None,
) -> None:
    """Let a held text go out, as it is or in other words. It passes the same checks as any text,
    and its agent is told.
    """
    words = session.world.stdin.read().rstrip("\r\n") if text == "-" else text
    if words is not None and not words.strip():
        raise Misused("The new words are empty.", "Reject the text where nothing is to be sent.")
    body = {} if words is None else {"body": words}
    _decide(session, message, "approve", body)


def reject(
    session: Session,
    message: MessageAt,
    reason: Annotated[str, typer.Option("--reason", help="Why; its agent is told.")],
) -> None:
    """Do not send a held text."""
    _decide(session, message, "reject", {"reason": reason})


def watch(
    session: Session,
    number: OnlyNumber = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="End after so many texts.")
    ] = None,
) -> None:
    """Show each text that waits for a person, now and as it comes. Ctrl-C ends it.

    With --json, one approval a line.
    """
    follow(session, _Watch(session, number=number, count=count))


class _Watch:
    """Tells each text that waits, once."""

    def __init__(self, session: Session, *, number: str | None, count: int | None):
        self._session = session
        self._number = number
        self._left = count
        self._told: set[str] = set()

    def look(self) -> bool:
        """Tell all that wait."""
        place = self._session.at("approvals")
        page = self._session.api.collect(place, limit=1, everything=True, number=self._number)
        for approval in page["items"]:
            self._tell(approval)
        return self._enough

    def happened(self, conversation_id: str, message_id: str) -> bool:
        """Tell of a text that waits now."""
        if message_id in self._told:
            return self._enough
        if self._number is not None:
            return self.look()  # The API knows in which ways the number can be written.
        try:
            approval = self._session.api.get(self._session.at("approvals", message_id)).body
        except Refused as refused:
            if refused.status == 404:  # A text that was never held.
                return False
            raise
        self._tell(approval)
        return self._enough

    @property
    def _enough(self) -> bool:
        return self._left is not None and self._left <= 0

    def _tell(self, approval: Mapping[str, Any]) -> None:
        told = approval["message_id"] in self._told
        if told or self._enough or approval.get("decision") is not None:
            return
        self._told.add(approval["message_id"])
        if self._left is not None:
            self._left -= 1
        if self._session.out.wants_json:
            self._session.out.line(approval)
            return
        self._session.out.say(
            f"{instant(approval.get('held_at'))}  {approval['message_id']}  "
            f"{approval.get('agent_id')} to {approval.get('remote')}: {approval.get('body')}"
        )


def _decide(session: Session, message: str, verb: str, body: dict[str, str]) -> None:
    done = session.api.send("POST", session.at("approvals", message, verb), body).body
    session.out.one(done, APPROVAL)


NOUN = Noun(
    "approvals",
    "Texts that the gate held back, and that wait for a person.",
    {"list": list_, "show": show, "approve": approve, "reject": reject, "watch": watch},
)
