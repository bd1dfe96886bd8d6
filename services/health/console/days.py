"""Days as a date field has them, as the instants in which they begin and end (UTC). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final

_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2199, 12, 31)


def first_moment(typed: str) -> datetime | None:
    """`2026-03-01` as its first moment; None where no day is typed."""
    day = _read(typed)
    return datetime.combine(day, time.min, UTC) if day is not None else None


def last_moment(typed: str) -> datetime | None:
    """`2026-03-01` as its last moment; None where no day is typed."""
    day = _read(typed)
    return datetime.combine(day, time.max, UTC) if day is not None else None


def _read(typed: str) -> date | None:
    """What is no day counts as none: browsers that know no date field let people type anything."""
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        return None
    return min(max(day, _EARLIEST), _LATEST)
