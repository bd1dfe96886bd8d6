"""Dead letters, for operators: what is parked and why, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

import orjson
from aiohttp import web

from health.access.roles import Role
from health.api.dead_letter_views import LONGEST_BODY, LONGEST_WHY
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import Form, Refused, Shown, attempt, done, read_form
from health.desk.dead_letters import Parked
from health.desk.parked_acts import Content, Edited
from health.desk.parked_choice import Only
from health.desk.parked_forecast import Forecast
from health.desk.parked_rounds import A_ROUND, Round
from health.desk.parked_words import Effect
from health.web.problems import Problem, ProblemCode
from health.web.routes import Body, Call, Route

_LISTED: Final = 50
_ROUNDS: Final = 5
"""Rounds that one press of a button takes at most; then the page asks to go on."""
_NO_REASON: Final = "Say why; it is kept in the audit trail."

TONES: Final = {
    Effect.ACCEPTED: "ok",
    Effect.CONTINUED: "ok",
    Effect.DUPLICATE: "sun",
    Effect.REFUSED: "sun",
    Effect.IGNORED: "sun",
    Effect.PARKED_AGAIN: "danger",
    Effect.SUPERSEDED: "danger",
    Effect.NOT_OURS: "danger",
    Effect.UNSAFE: "danger",
}


class LettersQuery(Body):
    """Which messages of a queue."""

    reason: str = ""
    type: str = ""
    cursor: str | None = None

    @property
    def only(self) -> Only:
        """As the desk takes it."""
        return Only(reason=self.reason.strip(), type=self.type.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What pressing a button for many has come to."""

    verb: str
    dry_run: bool
    round_id: str
    seen: int
    done: int
    finished: bool
    forecasts: tuple[Forecast, ...]
    failed: tuple[str, ...] = ()
    why: str = ""

    @property
    def left(self) -> tuple[Forecast, ...]:
        """Those that stay, or all that were only asked about."""
        stays = (it for it in self.forecasts if self.dry_run or not it.effect.replayable)
        return tuple(stays)


@dataclass(frozen=True, slots=True)
class OnePage:
    """What the page of one message shows beside the message."""

    refused: Refused | None = None
    content: Content | None = None
    changes: tuple[str, ...] = field(default=())
    typed: str | None = None
    """The body of an edit that was only tried, or refused."""
    why: str = ""
    """The reason that was given for it."""


async def queues(call: Call) -> web.Response:
    """Every parking place with its count."""
    found = await call.desks.dead_letters.queues()
    waiting = sorted(found, key=lambda queue: (queue.count == 0, queue.name))
    return render(call, "dead_letters.html", queues=waiting)


async def queue(call: Call) -> web.Response:
    """The messages of a parking place."""
    return await _queue_page(call, call.query)


async def _queue_page(
    call: Call,
    query: LettersQuery,
    *,
    passed: Passed | None = None,
    refused: Refused | None = None,
) -> web.Response:
    name, shown = call.at("queue"), Shown(refused)
    found = await call.desks.dead_letters.look(
        name, limit=_LISTED, only=query.only, cursor=query.cursor or None
    )
    return render(
        call,
        "dead_letter_queue.html",
        status=shown.status,
        queue=name,
        at=_queue_at(name),
        letters=[(letter, _instant(letter.first_seen)) for letter in found.items],
        next=found.next,
        query=query,
        passed=passed,
        tones=TONES,
        shown=shown,
        longest_why=LONGEST_WHY,
    )


async def replay_many(call: Call) -> web.Response:
    """Replay all that are meant, or say what that comes to."""
    return await _many(call, "replay")


async def drop_many(call: Call) -> web.Response:
    """Drop all that are meant."""
    return await _many(call, "drop")


async def _many(call: Call, verb: str) -> web.Response:
    posted = await read_form(call)
    query = LettersQuery(reason=posted.text("only_reason"), type=posted.text("only_type"))
    dry_run, why = posted.ticked("dry_run"), posted.text("reason")[:LONGEST_WHY]
    if not dry_run and not why:
        problem = Problem(ProblemCode.INVALID, _NO_REASON, fields={"reason": _NO_REASON})
        return await _queue_page(call, query, refused=Refused(verb, problem))
    passed = await _pass(call, verb, query.only, posted, why=why, dry_run=dry_run)
    return await _queue_page(call, query, passed=passed)


async def _pass(
    call: Call, verb: str, only: Only, posted: Form, *, why: str, dry_run: bool
) -> Passed:
    rounds, name = call.desks.parked_rounds, call.at("queue")
    if dry_run:
        return _passed(verb, [await rounds.forecast(name, only, limit=A_ROUND)], dry_run=True)
    go = rounds.replay if verb == "replay" else rounds.drop
    found: list[Round] = []
    mark = posted.text("round_id")[:64]
    while len(found) < _ROUNDS and not (found and found[-1].finished):
        found.append(await go(name, only, why=why, round_id=mark, by=call.principal))
        mark = found[-1].round_id
    return _passed(verb, found, why=why)


def _passed(verb: str, rounds: list[Round], *, dry_run: bool = False, why: str = "") -> Passed:
    return Passed(
        verb=verb,
        dry_run=dry_run,
        round_id=rounds[-1].round_id,
        seen=sum(it.seen for it in rounds),
        done=sum(it.done for it in rounds),
        finished=rounds[-1].finished,
        forecasts=tuple(forecast for it in rounds for forecast in it.forecasts),
        failed=tuple(ref for it in rounds for ref in it.failed),
        why=why,
    )


async def letter(call: Call) -> web.Response:
    """One message, masked, and what a replay comes to."""
    return await _one_page(call)


async def _one_page(call: Call, what: OnePage | None = None) -> web.Response:
    what = what or OnePage()
    content, shown = what.content, Shown(what.refused)
    glance = await call.desks.parked.glance(*_about(call))
    parked: Parked = glance.parked
    body = what.typed if what.typed is not None else (content.text if content else None)
    return render(
        call,
        "dead_letter.html",
        status=shown.status,
        queue=call.at("queue"),
        at=_letter_at(call.at("queue"), parked.ref),
        back=_queue_at(call.at("queue")),
        letter=parked,
        first_seen=_instant(parked.first_seen),
        masked=_pretty(parked.body),
        forecast=glance.forecast,
        tones=TONES,
        content=content,
        body=body,
        changes=what.changes,
        why=what.why,
        tried=bool(what.changes) and what.refused is None,
        shown=shown,
        longest_why=LONGEST_WHY,
        longest_body=LONGEST_BODY,
    )


async def read(call: Call) -> web.Response:
    """Read what a message says, for a reason."""
    posted = await read_form(call)
    problem = _unreasoned(posted)
    if problem is not None:
        return await _one_page(call, OnePage(Refused("read", problem)))
    content = await call.desks.parked.read(
        *_about(call), why=posted.text("reason")[:LONGEST_WHY], by=call.principal
    )
    return await _one_page(call, OnePage(content=content))


async def edit(call: Call) -> web.Response:
    """Give a message another body, or see whether it may have it."""
    posted = await read_form(call)
    dry_run = posted.ticked("dry_run")
    typed = posted.values.get("body", "")[:LONGEST_BODY]
    result: Edited | Problem | None = _unreasoned(posted)
    if result is None:
        result = await attempt(
            call.desks.parked.edit(
                *_about(call),
                text=typed,
                why=posted.text("reason")[:LONGEST_WHY],
                dry_run=dry_run,
                by=call.principal,
            )
        )
    if isinstance(result, Problem):
        refused = Refused("edit", result, posted.kept("reason"))
        return await _one_page(call, OnePage(refused, typed=typed))
    if dry_run:
        return await _one_page(
            call, OnePage(changes=result.changes, typed=typed, why=posted.text("reason"))
        )
    return done(call, _letter_at(call.at("queue"), result.ref), "letter_edited")


async def replay(call: Call) -> web.Response:
    """Put a message back to work."""
    posted = await read_form(call)
    why = posted.text("reason")[:LONGEST_WHY]
    result: Forecast | Problem | None = _unreasoned(posted)
    if result is None:
        result = await attempt(call.desks.parked.replay(*_about(call), why=why, by=call.principal))
    if isinstance(result, Problem):
        return await _one_page(call, OnePage(Refused("replay", result, posted.kept("reason"))))
    return done(call, _queue_at(call.at("queue")), "letter_replayed")


async def drop(call: Call) -> web.Response:
    """Drop a message for good."""
    posted = await read_form(call)
    problem = _unreasoned(posted)
    if problem is not None:
        return await _one_page(call, OnePage(Refused("drop", problem)))
    await call.desks.parked.drop(
        *_about(call), why=posted.text("reason")[:LONGEST_WHY], by=call.principal
    )
    return done(call, _queue_at(call.at("queue")), "letter_dropped")


def _unreasoned(posted: Form) -> Problem | None:
    if posted.text("reason"):
        return None
    return Problem(ProblemCode.INVALID, _NO_REASON, fields={"reason": _NO_REASON})


def _about(call: Call) -> tuple[str, str]:
    return call.at("queue"), call.at("message")


def _queue_at(name: str) -> str:
    return f"/dead-letters/{quote(name, safe='')}"


def _letter_at(name: str, ref: str) -> str:
    return f"{_queue_at(name)}/messages/{quote(ref, safe='')}"


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def _pretty(body: object) -> str:
    if isinstance(body, str):
        return body
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


_AT: Final = "/dead-letters"
_QUEUE: Final = f"{_AT}/{{queue}}"
_ONE: Final = f"{_QUEUE}/messages/{{message}}"
_OPERATOR: Final = Role.OPERATOR

ROUTES: Final[tuple[Route, ...]] = (
    page("dead_letters_page", _AT, queues, needs=_OPERATOR),
    page("dead_letter_queue_page", _QUEUE, queue, needs=_OPERATOR, query=LettersQuery),
    form("dead_letter_queue_replay", f"{_QUEUE}/replay", replay_many, needs=_OPERATOR),
    form("dead_letter_queue_drop", f"{_QUEUE}/drop", drop_many, needs=_OPERATOR),
    page("dead_letter_page", _ONE, letter, needs=_OPERATOR),
    form("dead_letter_read", f"{_ONE}/read", read, needs=_OPERATOR),
    form("dead_letter_edit", f"{_ONE}/edit", edit, needs=_OPERATOR),
    form("dead_letter_replay", f"{_ONE}/replay", replay, needs=_OPERATOR),
    form("dead_letter_drop", f"{_ONE}/drop", drop, needs=_OPERATOR),
)
