"""The approvals inbox: each held text beside what it answers to, and the decision on it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from common.addresses import normalise_address
from common.segments import measure
from common.store.control import Approval, Page, TextView
from common.store.records import ApprovalDecision
from health.access.roles import Role
from health.console.delivery import why_held
from health.console.forms import field
from health.console.page_routes import form, page
from health.console.rendering import render, see_other
from health.desk.approvals import Draft
from health.web.problems import Problem, ProblemCode
from health.web.routes import Body, Call, Route
from heliograph.codes import TEXTS
from heliograph.models import Direction

_INBOX: Final = 20
_HOLDS: Final = 20
_COUNTED: Final = 99
_CONTEXT: Final = 8
"""How far back a conversation is searched for what the other person last wrote."""

_ALREADY: Final = {
    ApprovalDecision.APPROVED: "already_approved",
    ApprovalDecision.REJECTED: "already_rejected",
    ApprovalDecision.EXPIRED: "already_expired",
    ApprovalDecision.CANCELLED: "already_cancelled",
}


class InboxQuery(Body):
    """Which part of the inbox."""

    number: str = ""
    cursor: str | None = None


class NoticeQuery(Body):
    """What a page shows already."""

    seen: str


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a text that somebody writes. `problem` is why it cannot go out as it is."""

    characters: int
    limit: int | None
    """Characters that fit, where longer texts of the number are cut."""
    segments: int
    encoding: str
    problem: str


@dataclass(frozen=True, slots=True)
class Card:
    """A held text as the inbox shows it. `problem` is why what was posted was not done."""

    approval: Approval
    asked: TextView | None
    """What the other person last wrote before it."""
    words: str
    """What stands in the field."""
    size: Size
    why: str
    """Why it was held, in a sentence."""
    problem: Problem | None = None


async def inbox(call: Call) -> web.Response:
    """The texts that wait for a person, the oldest first."""
    query: InboxQuery = call.query
    number = normalise_address(query.number) or None
    waiting = await call.desks.approvals.list(
        call.tenant_id, number=number, limit=_INBOX, cursor=query.cursor or None
    )
    cards = await asyncio.gather(*(_card(call, approval) for approval in waiting.items))
    first = number is None and query.cursor is None
    holds = await call.desks.holds.list(call.tenant_id, limit=_HOLDS) if first else Page(())
    return render(
        call,
        "approvals.html",
        cards=cards,
        holds=[(held, why_held(held.reason)) for held in holds.items],
        more_holds=holds.next is not None,
        next=waiting.next,
        seen=fingerprint(waiting.items),
        live=f"/t/{call.tenant_id}/events",
    )


async def held_count(call: Call) -> web.Response:
    """How many texts wait, for the mast."""
    waiting = await call.desks.approvals.list(call.tenant_id, limit=_COUNTED, cursor=None)
    return render(call, "_held_count.html", count=len(waiting.items), more=waiting.next is not None)


async def notice(call: Call) -> web.Response:
    """Whether the inbox has changed since a page showed it; the page itself stays as it is, because
    somebody may be writing in it."""
    query: NoticeQuery = call.query
    waiting = await call.desks.approvals.list(call.tenant_id, limit=_INBOX, cursor=None)
    changed = fingerprint(waiting.items) != query.seen
    return render(call, "_inbox_notice.html", changed=changed, count=len(waiting.items))


async def one(call: Call) -> web.Response:
    """One held text, also when it was decided."""
    approval = await call.desks.approvals.get(call.tenant_id, call.at("message_id"))
    return render(call, "approval.html", card=await _card(call, approval))


async def approve(call: Call) -> web.Response:
    """Let a held text go out, as the agent wrote it or in other words."""
    message_id, words = call.at("message_id"), await field(call.request, "body")
    try:
        approval = await call.desks.approvals.approve(
            call.tenant_id, message_id, body=words, by=call.principal
        )
    except Problem as problem:
        return await _refused(call, message_id, words, problem)
    return _to_inbox(call, "approved_edited" if approval.edited else "approved")


async def reject(call: Call) -> web.Response:
    """Keep a held text from going out."""
    message_id, reason = call.at("message_id"), await field(call.request, "reason")
    try:
        await call.desks.approvals.reject(
            call.tenant_id, message_id, reason=reason, by=call.principal
        )
    except Problem as problem:
        return await _refused(call, message_id, None, problem)
    return _to_inbox(call, "rejected")


async def measured(call: Call) -> web.Response:
    """The size of the words in the field, as the sender will count it."""
    number, remote, words = [
        await field(call.request, name) for name in ("number", "remote", "body")
    ]
    return render(call, "_size.html", size=await _size(call, number, remote, words))


async def _size(call: Call, number: str, remote: str, words: str) -> Size:
    draft = await call.desks.approvals.measure(
        call.tenant_id, number=number, remote=remote, body=words
    )
    return size_of(draft)


def size_of(draft: Draft) -> Size:
    """The size of a text as it would go out, without the blanks around it; of one that would be
    cut, as it is written."""
    shaped, written = draft.shaped, measure(draft.words)
    problem = TEXTS[shaped.problem].person if shaped.problem else ""
    if shaped.truncated and draft.limit is not None:
        over = len(draft.words) - draft.limit
        problem = f"{over} too many" if over > 0 else "too long: some characters count double"
    return Size(
        characters=len(draft.words),
        limit=draft.limit,
        segments=written.segments if shaped.truncated else shaped.segments,
        encoding=written.encoding.value,
        problem=problem,
    )


def fingerprint(approvals: Iterable[Approval]) -> str:
    """Stands for which texts are in a list."""
    listed = "\n".join(approval.message_id for approval in approvals)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


async def _card(
    call: Call, approval: Approval, words: str | None = None, problem: Problem | None = None
) -> Card:
    recent = await call.desks.reading.thread(
        call.tenant_id, approval.conversation_id, limit=_CONTEXT, cursor=None
    )
    asked = (text for text in recent.items if text.direction is Direction.INBOUND)
    shown = approval.body if words is None else words
    size = await _size(call, approval.number, approval.remote, shown)
    return Card(approval, next(asked, None), shown, size, why_held(approval.code), problem)


async def _refused(
    call: Call, message_id: str, words: str | None, problem: Problem
) -> web.Response:
    """Back to the text with what was written; to the inbox where somebody else was quicker."""
    approval = await call.desks.approvals.get(call.tenant_id, message_id)
    if problem.code is ProblemCode.ALREADY_DECIDED:
        return _to_inbox(call, _ALREADY[approval.decision or ApprovalDecision.EXPIRED])
    card = await _card(call, approval, words, problem)
    return render(call, "approval.html", status=problem.status, card=card)


def _to_inbox(call: Call, flash: str) -> web.Response:
    return see_other(f"/t/{quote(call.tenant_id, safe='')}/approvals#inbox", flash=flash)


_AT: Final = "/t/{tenant_id}/approvals"

ROUTES: Final[tuple[Route, ...]] = (
    page("approvals_page", _AT, inbox, query=InboxQuery),
    page("approvals_count", f"{_AT}/count", held_count),
    page("approvals_notice", f"{_AT}/notice", notice, query=NoticeQuery),
    form("approvals_measure", f"{_AT}/measure", measured, needs=Role.APPROVER),
    page("approval_page", f"{_AT}/{{message_id}}", one),
    form("approval_approve", f"{_AT}/{{message_id}}/approve", approve, needs=Role.APPROVER),
    form("approval_reject", f"{_AT}/{{message_id}}/reject", reject, needs=Role.APPROVER),
)
