"""Messages that could not be processed, with the reason; and what an operator does with them."""

from __future__ import annotations

from typing import Any, Final

from health.access.roles import Role
from health.api.dead_letter_views import (
    ContentView,
    DropMany,
    Edit,
    EditView,
    ForecastView,
    LookQuery,
    ParkedItem,
    ParkedQueueItem,
    Reason,
    Replay,
    ReplayMany,
    ReplayView,
    RoundView,
)
from health.api.paths import PREFIX
from health.desk.parked_rounds import A_ROUND
from health.web.problems import Problem, ProblemCode
from health.web.routes import Answer, Call, ListView, Route

_TAG: Final = "Dead letters"

QUEUES: Final = f"{PREFIX}/dead-letters"
QUEUE: Final = f"{QUEUES}/{{queue}}"
MESSAGE: Final = f"{QUEUE}/messages/{{message}}"
"""`message` is the `ref` of one, or its message ID where no other message has it."""


async def list_dead_letter_queues(call: Call) -> Answer:
    """Every parking place with its count."""
    queues = await call.desks.dead_letters.queues()
    items = tuple(ParkedQueueItem.model_validate(queue) for queue in queues)
    return Answer(body=ListView[ParkedQueueItem](items=items))


async def look_at_dead_letters(call: Call) -> Answer:
    """What has been parked for longest, without taking it away."""
    wanted: LookQuery = call.query
    page = await call.desks.dead_letters.look(
        call.at("queue"), limit=wanted.limit, only=wanted.only, cursor=wanted.cursor
    )
    items = tuple(ParkedItem.model_validate(item) for item in page.items)
    return Answer(body=ListView[ParkedItem](items=items, next=page.next))


async def read_dead_letter(call: Call) -> Answer:
    """What a message says."""
    wanted: Reason = call.body
    content = await call.desks.parked.read(*_about(call), why=wanted.reason, by=call.principal)
    return Answer(body=ContentView.of(content))


async def edit_dead_letter(call: Call) -> Answer:
    """Another body."""
    wanted: Edit = call.body
    edited = await call.desks.parked.edit(
        *_about(call),
        text=wanted.body,
        why=wanted.reason,
        dry_run=wanted.dry_run,
        by=call.principal,
    )
    return Answer(body=EditView(ref=edited.ref, changes=edited.changes, dry_run=wanted.dry_run))


async def replay_dead_letter(call: Call) -> Answer:
    """One message back to work."""
    wanted: Replay = call.body
    if wanted.dry_run:
        forecast = await call.desks.parked.forecast(*_about(call))
    else:
        forecast = await call.desks.parked.replay(
            *_about(call), why=_why(wanted.reason), by=call.principal
        )
    return Answer(body=ReplayView(dry_run=wanted.dry_run, forecast=ForecastView.of(forecast)))


async def drop_dead_letter(call: Call) -> Answer:
    """One message gone for good."""
    wanted: Reason = call.body
    await call.desks.parked.drop(*_about(call), why=wanted.reason, by=call.principal)
    return Answer(status=204)


async def replay_dead_letters(call: Call) -> Answer:
    """A round of many."""
    wanted: ReplayMany = call.body
    rounds, queue = call.desks.parked_rounds, call.at("queue")
    if wanted.dry_run:
        found = await rounds.forecast(queue, wanted.only, limit=A_ROUND)
    else:
        found = await rounds.replay(
            queue,
            wanted.only,
            why=_why(wanted.reason),
            round_id=wanted.round_id,
            by=call.principal,
        )
    return Answer(body=RoundView.of(found, dry_run=wanted.dry_run))


async def drop_dead_letters(call: Call) -> Answer:
    """A round of dropping many."""
    wanted: DropMany = call.body
    found = await call.desks.parked_rounds.drop(
        call.at("queue"),
        wanted.only,
        why=wanted.reason,
        round_id=wanted.round_id,
        by=call.principal,
    )
    return Answer(body=RoundView.of(found, dry_run=False))


def _about(call: Call) -> tuple[str, str]:
    return call.at("queue"), call.at("message")


def _why(reason: str | None) -> str:
    if reason is None:
        missing = {"reason": "missing"}
        raise Problem(ProblemCode.INVALID, "Not usable: reason: missing.", fields=missing)
    return reason


def _act(verb: str, summary: str, **more: Any) -> dict[str, Any]:
    problems = (ProblemCode.AMBIGUOUS_MESSAGE, *more.pop("problems", ()))
    return {
        "name": f"{verb}_dead_letter",
        "method": "POST",
        "path": f"{MESSAGE}/{verb}",
        "needs": Role.OPERATOR,
        "summary": summary,
        "problems": problems,
        "tag": _TAG,
        **more,
    }


def _many(verb: str, summary: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"{verb}_dead_letters",
        "method": "POST",
        "path": f"{QUEUE}/{verb}",
        "needs": Role.OPERATOR,
        "summary": summary,
        "answer": RoundView,
        "tag": _TAG,
        **more,
    }


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_dead_letter_queues",
        method="GET",
        path=QUEUES,
        needs=Role.OPERATOR,
        handler=list_dead_letter_queues,
        summary="Count the messages that could not be processed",
        answer=ListView[ParkedQueueItem],
        tag=_TAG,
    ),
    Route(
        name="look_at_dead_letters",
        method="GET",
        path=QUEUE,
        needs=Role.OPERATOR,
        handler=look_at_dead_letters,
        summary="Look at messages that could not be processed; they stay where they are",
        query=LookQuery,
        answer=ListView[ParkedItem],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        **_many(
            "replay",
            "Replay messages of a queue, a round of at most 100; or say what that comes to",
            handler=replay_dead_letters,
            body=ReplayMany,
        )
    ),
    Route(
        **_many(
            "drop",
            "Drop messages of a queue for good, a round of at most 100",
            handler=drop_dead_letters,
            body=DropMany,
        )
    ),
    Route(
        **_act(
            "read",
            "Read what a message says; who reads it and why is in the audit trail",
            handler=read_dead_letter,
            body=Reason,
            answer=ContentView,
        )
    ),
    Route(
        **_act(
            "edit",
            "Give a message another body, which the reader of its queue takes",
            handler=edit_dead_letter,
            body=Edit,
            answer=EditView,
            problems=(ProblemCode.NOT_REPLAYABLE,),
        )
    ),
    Route(
        **_act(
            "replay",
            "Put a message back to work, or say what that comes to",
            handler=replay_dead_letter,
            body=Replay,
            answer=ReplayView,
            problems=(ProblemCode.NOT_REPLAYABLE,),
        )
    ),
    Route(
        **_act(
            "drop",
            "Drop a message for good",
            handler=drop_dead_letter,
            body=Reason,
            status=204,
        )
    ),
)
