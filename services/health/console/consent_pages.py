"""Opt-outs: who may not be texted and why, what a person should review, and a person's own word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from common.optout.wording import classify_wording
from common.store.consents import ConsentSource, LedgerEntry
from common.store.control import NumberRecord, TextView
from common.store.records import Consent, conversation_id
from health.access.roles import Role
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import (
    PAGE_SIZE,
    Form,
    Refused,
    Shown,
    attempt,
    done,
    read_form,
    whole,
)
from health.console.shown import phone
from health.desk.consents import LONGEST_NOTE
from health.web.problems import Problem, ProblemCode
from health.web.routes import Body, Call, Route

_LISTED: Final = 50
_REVIEWED: Final = 20
_COUNTED: Final = 99
_ENTRIES: Final = 50

_STATES: Final = (
    ("", "All"),
    ("out", "Opted out"),
    ("doubt", "To review"),
    ("in", "Opted in again"),
)
_WANTED: Final[dict[str, tuple[bool | None, bool | None]]] = {
    "out": (True, None),
    "doubt": (None, True),
    "in": (False, None),
}
"""`opted_out` and `in_doubt` of each state."""

SOURCES: Final = {
    ConsentSource.KEYWORD: "A keyword",
    ConsentSource.WORDING: "Their own words",
    ConsentSource.REPORT: "A delivery report",
    ConsentSource.REFUSAL: "The provider’s refusal",
    ConsentSource.PERSON: "A person",
}
_LISTS: Final = {True: "list_has_it", False: "list_has_it_not", None: "list_unknown"}


class OptOutsQuery(Body):
    """Which opt-outs."""

    number: str = ""
    remote: str = ""
    state: str = ""
    cursor: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether not all are wanted."""
        return any((self.number, self.remote, self.state))


class HistoryQuery(Body):
    """Which part of a history."""

    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """An opt-out that is in doubt, with what was taken for it."""

    consent: Consent
    entry: LedgerEntry | None
    text: TextView | None

    @property
    def words(self) -> str | None:
        """What of the text was taken for it, as far as that is known here."""
        if self.entry is not None and self.entry.entry.note:
            return self.entry.entry.note
        match = classify_wording(self.text.body) if self.text is not None else None
        return match.phrase if match is not None else None


async def opt_outs(call: Call) -> web.Response:
    """Who has opted out or in, and what a person should review."""
    return await _list_page(call, call.query)


async def _list_page(
    call: Call, query: OptOutsQuery, refused: Refused | None = None
) -> web.Response:
    desks, tenant_id = call.desks, call.tenant_id
    opted_out, in_doubt = _WANTED.get(query.state, (None, None))
    found = await desks.consents.list(
        tenant_id,
        opted_out=opted_out,
        in_doubt=in_doubt,
        number=query.number.strip() or None,
        remote=query.remote.strip() or None,
        limit=_LISTED,
        cursor=query.cursor or None,
    )
    first = query.cursor is None and not query.narrowed
    numbers = await whole(lambda at: desks.numbers.list(tenant_id, limit=PAGE_SIZE, cursor=at))
    shown = Shown(refused)
    return render(
        call,
        "opt_outs.html",
        status=shown.status,
        reviews=await _reviews(call) if first else (),
        found=found.items,
        next=found.next,
        query=query,
        states=_STATES,
        numbers=[(number.address, _named(number)) for number in numbers],
        shown=shown,
        longest_note=LONGEST_NOTE,
        live=f"/t/{tenant_id}/events" if first and refused is None else None,
    )


async def review_count(call: Call) -> web.Response:
    """How many opt-outs wait for a review, for the mast."""
    waiting = await call.desks.consents.list(call.tenant_id, in_doubt=True, limit=_COUNTED)
    return render(
        call, "_review_count.html", count=len(waiting.items), more=waiting.next is not None
    )


async def enter(call: Call) -> web.Response:
    """Opt somebody out by hand."""
    posted = await read_form(call)
    result = await attempt(
        call.desks.consents.opt_out(
            call.tenant_id,
            posted.text("number"),
            posted.text("remote"),
            note=posted.text("note"),
            by=call.principal,
        )
    )
    if isinstance(result, Problem):
        kept = posted.kept("number", "remote", "note")
        return await _list_page(call, OptOutsQuery(), Refused("new", result, kept))
    return done(call, _place(result), "opted_out")


async def one(call: Call) -> web.Response:
    """What one remote has said to one number, with the evidence."""
    return await _page_of(call, call.query.cursor or None)


async def _page_of(
    call: Call, cursor: str | None = None, refused: Refused | None = None
) -> web.Response:
    told = await call.desks.consents.get(*_about(call), limit=_ENTRIES, cursor=cursor)
    consent, shown = told.consent, Shown(refused)
    return render(
        call,
        "opt_out.html",
        status=shown.status,
        consent=consent,
        review=await _review(call, consent) if consent.in_doubt else None,
        history=told.history.items,
        next=told.history.next,
        sources=SOURCES,
        conversation=conversation_id(consent.tenant_id, consent.number, consent.remote),
        shown=shown,
        longest_note=LONGEST_NOTE,
        live=f"/t/{call.tenant_id}/events" if cursor is None and refused is None else None,
    )


async def opt_out(call: Call) -> web.Response:
    """Opt this remote out by hand."""
    posted = await read_form(call)
    work = call.desks.consents.opt_out(*_about(call), note=posted.text("note"), by=call.principal)
    return await _settle(call, "opt-out", work, "opted_out", posted)


async def opt_in(call: Call) -> web.Response:
    """Opt this remote in by hand."""
    posted = await read_form(call)
    work = call.desks.consents.opt_in(*_about(call), note=posted.text("note"), by=call.principal)
    return await _settle(call, "opt-in", work, "opted_in", posted)


async def confirm(call: Call) -> web.Response:
    """The wording meant an opt-out."""
    posted = await read_form(call)
    work = call.desks.consents.confirm(*_about(call), note=posted.text("note"), by=call.principal)
    return await _settle(call, "review", work, "opt_out_confirmed", posted)


async def undo(call: Call) -> web.Response:
    """The wording did not mean an opt-out."""
    posted = await read_form(call)
    work = call.desks.consents.undo(*_about(call), note=posted.text("note"), by=call.principal)
    return await _settle(call, "review", work, "opt_out_undone", posted)


async def check(call: Call) -> web.Response:
    """Ask the provider what its own list says."""
    result = await attempt(call.desks.consents.on_providers_list(*_about(call)))
    if isinstance(result, Problem):
        return await _page_of(call, refused=Refused("check", result))
    told = await call.desks.consents.get(*_about(call), limit=1)
    return done(call, _place(told.consent), _LISTS[result])


async def _settle(
    call: Call, which: str, work: Awaitable[Consent], flash: str, posted: Form
) -> web.Response:
    result = await attempt(work)
    if not isinstance(result, Problem):
        listed = posted.text("back") == "list"
        return done(call, _list(call) if listed else _place(result), flash)
    if result.code is ProblemCode.NOT_IN_DOUBT:
        told = await call.desks.consents.get(*_about(call), limit=1)
        return done(call, _place(told.consent), "not_in_doubt")
    return await _page_of(call, refused=Refused(which, result, posted.kept("note")))


async def _reviews(call: Call) -> list[Review]:
    waiting = await call.desks.consents.list(call.tenant_id, in_doubt=True, limit=_REVIEWED)
    return list(await asyncio.gather(*(_review(call, item) for item in waiting.items)))


async def _review(call: Call, consent: Consent) -> Review:
    """The newest doubtful entry, and the text that it is about."""
    told = await call.desks.consents.get(
        call.tenant_id, consent.number, consent.remote, limit=_ENTRIES
    )
    doubtful = (item for item in told.history.items if item.entry.in_doubt)
    entry = next(doubtful, None)
    message_id = entry.entry.message_id if entry is not None else None
    text = await call.desks.reading.text(call.tenant_id, message_id) if message_id else None
    return Review(consent, entry, text)


def _named(number: NumberRecord) -> str:
    return f"{phone(number.address)} ({number.name})" if number.name else phone(number.address)


def _about(call: Call) -> tuple[str, str, str]:
    return call.tenant_id, call.at("address"), call.at("remote")


def _list(call: Call) -> str:
    return f"/t/{quote(call.tenant_id, safe='')}/opt-outs"


def _place(consent: Consent) -> str:
    steps = (quote(step, safe="") for step in (consent.number, consent.remote))
    return "/".join((f"/t/{quote(consent.tenant_id, safe='')}/opt-outs", *steps))


_AT: Final = "/t/{tenant_id}/opt-outs"
_ONE: Final = f"{_AT}/{{address}}/{{remote}}"

ROUTES: Final[tuple[Route, ...]] = (
    page("opt_outs_page", _AT, opt_outs, query=OptOutsQuery),
    form("opt_out_enter", _AT, enter, needs=Role.APPROVER),
    page("opt_outs_count", f"{_AT}/count", review_count),
    page("opt_out_page", _ONE, one, query=HistoryQuery),
    form("opt_out_again", f"{_ONE}/opt-out", opt_out, needs=Role.APPROVER),
    form("opt_out_lift", f"{_ONE}/opt-in", opt_in, needs=Role.ADMIN),
    form("opt_out_confirm", f"{_ONE}/confirm", confirm, needs=Role.APPROVER),
    form("opt_out_undo", f"{_ONE}/undo", undo, needs=Role.APPROVER),
    form("opt_out_check", f"{_ONE}/check", check, needs=Role.APPROVER),
)
