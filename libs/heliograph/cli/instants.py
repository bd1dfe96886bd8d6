"""Instants as people type them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from heliograph.cli.errors import Misused

_SPAN: Final = re.compile(r"(\d{1,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def earlier(typed: str | None, now: datetime) -> str | None:
    """`2h` is two hours before now; `2026-03-01` and `2026-03-01T12:00:00Z` are what they say, in
    UTC where they name no zone. As RFC 3339. Raises: Misused.
    """
    return None if typed is None else _read(typed, now, -1)


def later(typed: str | None, now: datetime) -> str | None:
    """As `earlier`, but `90d` is 90 days after now. Raises: Misused."""
    return None if typed is None else _read(typed, now, 1)


def _read(typed: str, now: datetime, direction: int) -> str:
    span = _SPAN.fullmatch(typed.strip())
    try:
        if span:
            at = now + direction * timedelta(**{_UNITS[span.group(2)]: int(span.group(1))})
        else:
            at = datetime.fromisoformat(typed.strip())
            at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        message = f"{typed!r} is no instant."
        raise Misused(message, "Write 30m, 2h, 7d, 2026-03-01 or 2026-03-01T12:00:00Z.") from None
