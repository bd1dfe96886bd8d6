"""A tenant's texts in the order of their recording, walked through so much at a time.

The order is that of `seq`, which never changes, so that a page ends at the same text however much
is recorded or sent meanwhile. No request walks further than `SPAN` texts: its page may then be
short, or empty, and yet have a next one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from common.store.client import Collection, Document
from common.store.documents import INBOUND, OUTBOUND

SPAN: Final = 20_000
"""Texts that one request looks at; some 100 ms."""

BOTH: Final = {"$in": [INBOUND, OUTBOUND]}
"""Either direction. Named, so that the tenant's index gives both in order of `seq`."""

_APART: Final = timedelta(days=7)
"""Between the recording of a text and its own instant: a delivery that was late, an answer that
waited for a person."""

_RECORDED: Final[Document] = {"seq": True, "recorded_at": True, "claimed_at": True}
_BIGGEST: Final = 2**62


def of_tenant(tenant_id: str, *, below: int = _BIGGEST, at_least: int = 0) -> dict[str, Any]:
    """The filter of a tenant's texts with such a `seq`."""
    return {
        "tenant_id": tenant_id,
        "direction": BOTH,
        "seq": {"$lt": below, "$gte": at_least},
    }


async def newest_seq(messages: Collection, tenant_id: str) -> int:
    """The `seq` of the text that was recorded last, 0 without one."""
    found = messages.find(of_tenant(tenant_id), {"seq": True}).sort("seq", -1).limit(1)
    return next((int(item["seq"]) for item in await found.to_list(None)), 0)


async def floor_below(messages: Collection, tenant_id: str, below: int) -> int:
    """The `seq` down to which one request walks from `below`; 0 where it reaches the end."""
    found = messages.find(of_tenant(tenant_id, below=below), {"seq": True})
    last = found.sort("seq", -1).skip(SPAN - 1).limit(1)
    return next((int(item["seq"]) for item in await last.to_list(None)), 0)


async def first_seq_since(messages: Collection, tenant_id: str, instant: datetime) -> int:
    """A `seq` below which everything was recorded before the instant.

    Found by bisection, some 30 looks at the tenant's index, because `seq` rises with the instants
    of recording, and an index on these would cost every insert.
    """
    low, high = 0, await newest_seq(messages, tenant_id) + 1
    while low < high:
        middle = (low + high) // 2
        found = messages.find(of_tenant(tenant_id, at_least=middle), _RECORDED)
        document = next(iter(await found.sort("seq", 1).limit(1).to_list(None)), None)
        if document is None or _recorded_at(document) >= instant:
            high = middle
        else:
            low = int(document["seq"]) + 1
    return low


async def bounds(
    messages: Collection, tenant_id: str, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """From which `seq` and below which the texts of a time are."""
    lowest, below = 0, await newest_seq(messages, tenant_id) + 1
    if since is not None:
        lowest = await first_seq_since(messages, tenant_id, moved(since, -_APART))
    if until is not None:
        below = await first_seq_since(messages, tenant_id, moved(until, _APART))
    return lowest, below


def between(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """The filter of texts whose own instant is in a time; both ends belong to it."""
    times = {"$gte": since, "$lte": until}
    at = {bound: instant for bound, instant in times.items() if instant is not None}
    return {"at": at} if at else {}


def moved(instant: datetime, by: timedelta) -> datetime:
    """The instant, earlier or later, as far as the calendar goes."""
    try:
        return instant + by
    except OverflowError:
        return instant


def _recorded_at(document: Document) -> datetime:
    instant: datetime = document.get("recorded_at") or document["claimed_at"]
    return instant
