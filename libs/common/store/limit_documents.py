"""What the limits of a scope look like as a document, and the answer to a question about them.

`units` and `requests` are the meters' TATs, `queue`, `again` and `paused` what else
`common.limits.gcra` keeps, all in microseconds since the epoch. `days` holds each
number's use of its day, by a key made of the number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from common.limits.gcra import TICK, to_tick
from common.store.limit_ports import Admission, Allowance

FIELDS: Final = ("units", "requests", "queue", "again", "paused")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def limit_id(tenant_id: str, scope: str) -> str:
    return f"{tenant_id}/{scope}"


def to_microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def window_of(allowance: Allowance) -> int:
    """The window, in microseconds."""
    return round(allowance.window * 1_000_000)


def admission(
    *, granted: int, wanted: int, cap: str | None, until: int, slot: int | None, now: int
) -> Admission:
    """The answer. `wanted` is what the day's caps leave of the recipients; `cap` names the cap that
    leaves fewer than all of them, which matters once everything it leaves is granted."""
    if granted == wanted:
        return Admission(granted=granted, capped=cap)
    return Admission(
        granted=granted,
        wait=max(to_tick(until - now), TICK) / 1_000_000,
        slot=_EPOCH + slot * _MICROSECOND if slot is not None else None,
    )
