"""The store's instants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of a running process."""
    return datetime.now(UTC)


def milliseconds(instant: datetime) -> datetime:
    """The instant without what is finer than a millisecond, which MongoDB does not keep (BSON
    specification, UTC datetime): a text is the same when recorded and when read again."""
    rest = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - rest) if rest else instant


def after(now: datetime, seconds: float) -> datetime:
    """The end of a lease of so many seconds."""
    return milliseconds(now + timedelta(seconds=seconds))
