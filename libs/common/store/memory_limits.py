"""The limits of numbers in memory: the same documents as in MongoDB, by the algorithm itself."""

from __future__ import annotations

from datetime import datetime

from common.limits.day import day_key, room
from common.limits.gcra import State, decide, meters_of
from common.store.limit_documents import (
    FIELDS,
    admission,
    limit_id,
    to_microseconds,
    window_of,
)
from common.store.limit_ports import Admission, Allowance, Ask
from common.store.memory_database import Document, Memory


class MemoryLimits:
    """The limits in memory, on the clock of the store in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def admit(self, tenant_id: str, allowance: Allowance, ask: Ask) -> Admission:
        instant = self._memory.now()
        now = to_microseconds(instant)
        document = self._document(tenant_id, allowance.scope)
        caps = allowance.day if ask.count_day else ()
        used = _used(document, allowance.number, instant)
        wanted, cap = room(caps, used, ask.recipients)
        meters = meters_of(
            units=allowance.units,
            requests=allowance.requests,
            window=window_of(allowance),
            each=ask.units,
        )
        slot = to_microseconds(ask.slot) if ask.slot is not None else None
        state = State(**{name: document.get(name, 0) for name in FIELDS})
        state, verdict = decide(state, meters, wanted, slot, now)
        document |= {name: getattr(state, name) for name in FIELDS}
        if verdict.granted:
            used |= {it.name: used.get(it.name, 0) + verdict.granted * it.each for it in caps}
        return admission(
            granted=verdict.granted,
            wanted=wanted,
            cap=cap,
            until=verdict.until,
            slot=verdict.slot,
            now=now,
        )

    async def slow(self, tenant_id: str, scope: str, seconds: float) -> None:
        until = to_microseconds(self._memory.now()) + round(seconds * 1_000_000)
        document = self._document(tenant_id, scope)
        document["paused"] = max(document.get("paused", 0), until)

    async def give_back(self, tenant_id: str, allowance: Allowance, recipients: int) -> None:
        document = self._document(tenant_id, allowance.scope)
        used = _used(document, allowance.number, self._memory.now())
        back = {it.name: recipients * it.each for it in allowance.day if it.name in used}
        used |= {name: max(0, used[name] - amount) for name, amount in back.items()}

    def _document(self, tenant_id: str, scope: str) -> Document:
        key = limit_id(tenant_id, scope)
        fresh = {"_id": key, "tenant_id": tenant_id, "scope": scope, "days": {}}
        return self._memory.limits.setdefault(key, fresh)


def _used(document: Document, number: str, instant: datetime) -> dict[str, int]:
    """What the number has used up today, to be changed in place; another day's use is dropped."""
    today, days = instant.date().isoformat(), document["days"]
    if days.get(day_key(number), {}).get("day") != today:
        days[day_key(number)] = {"number": number, "day": today, "used": {}}
    used: dict[str, int] = days[day_key(number)]["used"]
    return used
