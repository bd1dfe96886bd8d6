"""Conversations: the list, a thread as a person reads it, and one text with all that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from aiohttp import web

from common.addresses import normalise_address
from common.store.control import ConversationState, TextView
from common.store.control_ports import NotFound
from common.store.records import Step
from health.console.days import first_moment, last_moment
from health.console.delivery import Delivery, delivery_of, reason_of, settling_of, waits, why_held
from health.console.page_routes import page
from health.console.rendering import render
from health.console.shown import day
from health.web.routes import Body, Call, Route
from heliograph.models import Direction

_CONVERSATIONS: Final = 30
_TEXTS: Final = 50
_REFRESH: Final = 5
"""Seconds between two refreshes of the list at least."""

_STATES: Final = (
    ("", "All"),
    (ConversationState.HELD.value, "Waits for a person"),
    (ConversationState.OPTED_OUT.value, "Opted out"),
    (ConversationState.UNCERTAIN.value, "Uncertain"),
    (ConversationState.REPORT_MISSING.value, "Report missing"),
)


class ConversationsQuery(Body):
    """Which conversations."""

    number: str = ""
    remote: str = ""
    since: str = ""
    until: str = ""
    state: str = ""
    cursor: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether not all are wanted."""
        return any((self.number, self.remote, self.since, self.until, self.state))


class ThreadQuery(Body):
    """Which part of a thread."""

    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Bubble:
    """A text of a thread."""

    text: TextView
    inbound: bool
    delivery: Delivery
    waits: bool
    reason: str | None
    """Why it did not simply go out."""


@dataclass(frozen=True, slots=True)
class Day:
    """The texts of a day, the oldest first."""

    title: str
    bubbles: tuple[Bubble, ...]


async def conversations(call: Call) -> web.Response:
    """Every conversation, the one with the newest text first."""
    query: ConversationsQuery = call.query
    found = await call.desks.reading.conversations(
        call.tenant_id,
        number=_address(query.number),
        remote=_address(query.remote),
        since=first_moment(query.since),
        until=last_moment(query.until),
        state=next((state for state in ConversationState if state == query.state), None),
        limit=_CONVERSATIONS,
        cursor=query.cursor or None,
    )
    rows = [(item, bubble(item.newest)) for item in found.items]
    return render(
        call,
        "conversations.html",
        rows=rows,
        next=found.next,
        query=query,
        states=_STATES,
        live=None if query.cursor else f"/t/{call.tenant_id}/events?every={_REFRESH}",
    )


async def thread(call: Call) -> web.Response:
    """One conversation as a person reads it."""
    query: ThreadQuery = call.query
    conversation_id = call.at("conversation_id")
    conversation = await call.desks.reading.conversation(call.tenant_id, conversation_id)
    if conversation is None:
        raise NotFound
    texts = await call.desks.reading.thread(
        call.tenant_id, conversation_id, limit=_TEXTS, cursor=query.cursor or None
    )
    hold = await call.desks.holds.find(call.tenant_id, conversation_id)
    # An older part of the thread does not change, so it is not refreshed.
    live = f"/t/{call.tenant_id}/events?conversation={conversation_id}"
    return render(
        call,
        "conversation.html",
        conversation=conversation,
        hold=hold,
        why_held=why_held(hold.reason) if hold else "",
        days=days(texts.items),
        older=texts.next,
        newest=query.cursor is None,
        live=None if query.cursor else live,
    )


async def message(call: Call) -> web.Response:
    """One text with all that is known of it, and its life."""
    message_id = call.at("message_id")
    text = await call.desks.reading.text(call.tenant_id, message_id)
    if text is None:
        raise NotFound
    if text.direction is Direction.INBOUND:
        execution = await call.desks.executions.of_message(call.tenant_id, message_id)
        steps = execution.steps if execution is not None else ()
    else:
        steps = life_of(text)
    return render(
        call,
        "message.html",
        text=text,
        bubble=bubble(text),
        steps=steps,
        settling=settling_of(text),
    )


def bubble(text: TextView) -> Bubble:
    """A text as people see it."""
    return Bubble(
        text=text,
        inbound=text.direction is Direction.INBOUND,
        delivery=delivery_of(text),
        waits=waits(text),
        reason=None if text.direction is Direction.INBOUND else reason_of(text),
    )


def days(newest_first: Sequence[TextView]) -> tuple[Day, ...]:
    """The texts of a thread by day (UTC), the oldest first."""
    by_day = groupby(reversed(newest_first), key=lambda text: day(text.at))
    return tuple(Day(title, tuple(bubble(text) for text in texts)) for title, texts in by_day)


def life_of(text: TextView) -> tuple[Step, ...]:
    """What is known of an outbound text's life, one step after the other. Not sorted by time: the
    instant of a report is the provider's, whose clock is not ours."""
    by = text.decided_by or ""
    # A text that was held stands in its thread at the instant at which it went out.
    answered_at = min(text.at, text.held_at or text.at)
    before = _steps(
        ("answered", answered_at, text.command_id or ""),
        ("held", text.held_at, ""),
        (text.decision.value if text.decision else "", text.decided_at, by),
    )
    then = _steps(
        ("sent", text.sent_at, text.provider),
        ("reported", text.report_at, text.report_status or ""),
        ("report_missing", text.report_missing_at, ""),
    )
    return (*before, *text.failed_over, *then)


def _steps(*happened: tuple[str, datetime | None, str]) -> list[Step]:
    return [Step(what=what, at=at, detail=detail) for what, at, detail in happened if at]


def _address(written: str) -> str | None:
    return normalise_address(written) if written.strip() else None


ROUTES: Final[tuple[Route, ...]] = (
    page(
        "conversations_page",
        "/t/{tenant_id}/conversations",
        conversations,
        query=ConversationsQuery,
    ),
    page(
        "conversation_page",
        "/t/{tenant_id}/conversations/{conversation_id}",
        thread,
        query=ThreadQuery,
    ),
    page("message_page", "/t/{tenant_id}/messages/{message_id}", message),
)
