"""When the validation is due, what is left of it, and under which name one replica does it. Pure.

A day is a day of UTC, which knows no summer time: every day has every time of day exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from common.store.records import ConnectionRecord


def next_run(now: datetime, at: time, settled: date | None = None) -> datetime:
    """The instant of the run that is to be done next, which lies in the past where it is overdue.

    Args:
        now: the present, with a time zone.
        at: the time of day of the run, in UTC.
        settled: the last day whose run is known to be done, or None.
    """
    day = now.astimezone(UTC).date()
    if settled is not None and settled >= day:
        day = settled + timedelta(days=1)
    return datetime.combine(day, at, tzinfo=UTC)


def lease_name(due: datetime) -> str:
    """The lease of a day's run: whoever gets it, does it."""
    return f"validation:{due.astimezone(UTC).date().isoformat()}"


def outstanding(records: Iterable[ConnectionRecord], due: datetime) -> list[ConnectionRecord]:
    """Those that were not checked since the run was due: a run that another replica began and did
    not finish is continued, not repeated."""
    return [record for record in records if record.checked_at is None or record.checked_at < due]
