"""One question about limits as one update of one document: `common.limits.gcra` and
`common.limits.day`, said in MongoDB's expressions (MongoDB docs, "Updates with Aggregation
Pipeline"). Each stage sees what the stages before it have set; `answer` holds the steps and the
result, which the update returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from common.limits.day import day_key
from common.limits.gcra import IDLE_PART, PATIENCE, TICK, Meter, meters_of
from common.store.limit_documents import FIELDS, to_microseconds, window_of
from common.store.limit_ports import Allowance, Ask, DayCap

Expression: TypeAlias = Any
Stage: TypeAlias = dict[str, Any]

_NOW: Final = "$answer.now"
_GRANTED: Final = "$answer.granted"
_WANTED: Final = "$answer.wanted"


def admitting(tenant_id: str, allowance: Allowance, ask: Ask, *, now: Expression) -> list[Stage]:
    """The update that answers an ask. `now` is an expression of a date."""
    meters = meters_of(
        units=allowance.units,
        requests=allowance.requests,
        window=window_of(allowance),
        each=ask.units,
    )
    caps = [it for it in allowance.day if it.each > 0] if ask.count_day else []
    slot = to_microseconds(ask.slot) if ask.slot is not None else None
    return [
        {"$set": _known(tenant_id, allowance, now)},
        *_wanting(caps, ask.recipients),
        *(_metered(meters, slot) if meters else _unmetered(slot)),
        *_counting(caps, allowance.number),
    ]


def pausing(tenant_id: str, scope: str, seconds: float, *, now: Expression) -> list[Stage]:
    """The update that lets a scope rest."""
    until = {"$add": [_microseconds(now), round(seconds * 1_000_000)]}
    names = {"tenant_id": {"$literal": tenant_id}, "scope": {"$literal": scope}}
    return [{"$set": {**names, "paused": {"$max": ["$paused", until]}}}]


def giving_back(allowance: Allowance, recipients: int, *, now: Expression) -> list[Stage]:
    """The update that takes back from today's use; another day's is left alone."""
    path = f"$days.{day_key(allowance.number)}"
    back = {
        cap.name: _at_least_0({"$subtract": [f"{path}.used.{cap.name}", recipients * cap.each]})
        for cap in allowance.day
    }
    today = {"$eq": [f"{path}.day", _day(now)]}
    kept = {"$mergeObjects": [path, {"used": {"$mergeObjects": [f"{path}.used", back]}}]}
    return [{"$set": {path.removeprefix("$"): {"$cond": [today, kept, path]}}}]


def _known(tenant_id: str, allowance: Allowance, now: Expression) -> Stage:
    """What is kept, with an instant long ago where nothing is, and today's use."""
    path = f"$days.{day_key(allowance.number)}"
    used = _if({"$eq": [f"{path}.day", _day(now)]}, f"{path}.used", {})
    answer = {"now": _microseconds(now), "day": _day(now), "used": used}
    return {
        "tenant_id": {"$literal": tenant_id},
        "scope": {"$literal": allowance.scope},
        **{name: {"$ifNull": [f"${name}", 0]} for name in FIELDS},
        "answer": {"$mergeObjects": [answer]},
    }


def _wanting(caps: Sequence[DayCap], recipients: int) -> list[Stage]:
    """How many recipients the caps leave, and the first that leaves fewest."""
    left = {cap.name: {"$floor": {"$divide": [_left(cap), cap.each]}} for cap in caps}
    fewest = {"$min": [recipients, *(f"$answer.left.{cap.name}" for cap in caps)]}
    narrow: Expression = None
    for cap in reversed(caps):
        is_it = {"$eq": [f"$answer.left.{cap.name}", _WANTED]}
        narrow = {"$cond": [is_it, {"$literal": cap.name}, narrow]}
    fits = {"$eq": [_WANTED, recipients]}
    return [
        *({"$set": {"answer.left": left}} for _ in caps[:1]),
        {"$set": {"answer.wanted": fewest}},
        {"$set": {"answer.cap": {"$cond": [fits, None, narrow]}}},
    ]


def _left(cap: DayCap) -> Expression:
    used = {"$ifNull": [f"$answer.used.{cap.name}", 0]}
    return _at_least_0({"$subtract": [cap.limit, used]})


def _unmetered(slot: int | None) -> list[Stage]:
    open_now = {"$gte": [_NOW, "$paused"]}
    granted = {"$cond": [open_now, _WANTED, 0]}
    return [{"$set": {"answer.granted": granted, "answer.until": "$paused", "answer.slot": slot}}]


def _metered(meters: Sequence[Meter], slot: int | None) -> list[Stage]:
    """`common.limits.gcra.decide`, step by step."""
    first = meters[0]
    fits = [_recipients(meter) for meter in meters]
    is_open = {"$gte": [_NOW, {"$max": ["$answer.due", "$paused"]}]}
    granted = {"$cond": [is_open, {"$min": fits}, 0]}
    return [
        {"$set": {"queue": _end_of_queue(first)}},
        {"$set": {"again": {"$min": ["$again", "$queue"]}, "answer.due": _due(first, slot)}},
        {"$set": {"answer.granted": granted}},
        {"$set": {meter.name: _taken(meter) for meter in meters}},
        {"$set": {"answer.rest": {"$subtract": [_WANTED, _GRANTED]}}},
        *_placed(first, slot),
        {"$set": {"answer.until": _until(meters)}},
    ]


def _end_of_queue(first: Meter) -> Expression:
    ready = {"$max": [f"${first.name}", "$paused"]}
    idle = {"$gte": [_NOW, {"$add": [ready, first.window // IDLE_PART]}]}
    return _if(idle, ready, {"$max": [ready, "$queue", "$again"]})


def _due(first: Meter, slot: int | None) -> Expression:
    if slot is None:
        return {"$add": ["$queue", first.lead]}
    return _if({"$gt": [slot, "$queue"]}, _NOW, slot)


def _recipients(meter: Meter) -> Expression:
    gone = {"$divide": [{"$subtract": [_NOW, f"${meter.name}"]}, meter.interval]}
    units = {"$min": [meter.limit, {"$add": [{"$floor": gone}, meter.capacity]}]}
    if meter.each == 0:
        return _if({"$gte": [units, meter.once]}, _WANTED, 0)
    whole = {"$floor": {"$divide": [units, min(meter.each, meter.limit)]}}
    return _at_least_0({"$min": [_WANTED, whole]})


def _taken(meter: Meter) -> Expression:
    used = {"$add": [{"$multiply": [_GRANTED, meter.each]}, meter.once]}
    span = {"$multiply": [used, meter.interval]}
    later = {"$add": [{"$max": [f"${meter.name}", _NOW]}, span]}
    return _if({"$gt": [_GRANTED, 0]}, later, f"${meter.name}")


def _placed(first: Meter, slot: int | None) -> list[Stage]:
    """The place of what was not granted, and when to come if nothing else is in the way."""
    rests = {"$gt": ["$answer.rest", 0]}
    tat = f"${first.name}"
    if slot is None:
        ready = {"$add": ["$answer.end", first.lead]}
        ticks = {"$ceil": {"$divide": [{"$max": [ready, "$paused"]}, TICK]}}
        place = {"$multiply": [ticks, TICK]}
        used = {"$add": [{"$multiply": ["$answer.rest", first.each]}, first.once]}
        gaps = {"$multiply": ["$answer.rest", first.gap]}
        end = {"$add": ["$answer.end", {"$multiply": [used, first.interval]}, gaps]}
        return [
            {"$set": {"answer.end": {"$max": ["$queue", tat]}}},
            {"$set": {"answer.slot": place, "answer.target": place}},
            {"$set": {"queue": _if(rests, end, "$queue")}},
        ]
    comes_again = {"$and": [rests, {"$gte": [_NOW, "$answer.due"]}]}
    behind = {"$add": ["$answer.line", first.place(1)]}
    target = _if(comes_again, {"$add": ["$answer.line", first.lead]}, slot)
    return [
        {"$set": {"answer.line": {"$max": ["$again", tat, "$paused"]}}},
        {"$set": {"answer.slot": slot, "answer.target": target}},
        {"$set": {"again": _if(comes_again, behind, "$again")}},
    ]


def _until(meters: Sequence[Meter]) -> Expression:
    free = [{"$add": [f"${meter.name}", meter.lead]} for meter in meters]
    look = {"$add": [_NOW, PATIENCE * meters[0].window]}
    return {"$max": ["$paused", *free, {"$min": ["$answer.target", look]}]}


def _counting(caps: Sequence[DayCap], number: str) -> list[Stage]:
    """Today's use with what is granted; a new day's begins with nothing."""
    if not caps:
        return []
    more = {
        cap.name: {
            "$add": [
                {"$ifNull": [f"$answer.used.{cap.name}", 0]},
                {"$multiply": [{"$toLong": _GRANTED}, cap.each]},
            ]
        }
        for cap in caps
    }
    path = f"days.{day_key(number)}"
    today = {
        "number": {"$literal": number},
        "day": "$answer.day",
        "used": {"$mergeObjects": ["$answer.used", more]},
    }
    counts = {"$gt": [_GRANTED, 0]}
    return [{"$set": {path: _if(counts, today, f"${path}")}}]


def _if(condition: Expression, then: Expression, otherwise: Expression) -> Expression:
    return {"$cond": [condition, then, otherwise]}


def _at_least_0(value: Expression) -> Expression:
    return {"$max": [0, value]}


def _microseconds(date: Expression) -> Expression:
    return {"$multiply": [{"$toLong": date}, 1_000]}


def _day(now: Expression) -> Expression:
    return {"$dateToString": {"date": now, "format": "%Y-%m-%d"}}
