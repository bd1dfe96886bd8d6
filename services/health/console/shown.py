"""How values are written for people: instants, numbers, addresses of pages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from yarl import URL

from common.circuit import Fuse, reason_of
from common.providers.specs import SPECS

_UNITS: Final = ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h"))
_A_DAY: Final = 86_400


def iso(instant: datetime) -> str:
    """For the `datetime` attribute of `<time>`."""
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def utc(instant: datetime) -> str:
    """`1 Mar 2026, 12:00 UTC`."""
    there = instant.astimezone(UTC)
    return f"{there.day} {there:%b %Y, %H:%M} UTC"


def clock(instant: datetime) -> str:
    """`12:00`, where the day stands beside it."""
    return f"{instant.astimezone(UTC):%H:%M}"


def clock_fine(instant: datetime) -> str:
    """`12:00:07.250`, for the steps of an execution."""
    there = instant.astimezone(UTC)
    return f"{there:%H:%M:%S}.{there.microsecond // 1_000:03d}"


def day(instant: datetime) -> str:
    """`Sunday, 1 March 2026`."""
    there = instant.astimezone(UTC)
    return f"{there:%A}, {there.day} {there:%B %Y}"


def ago(instant: datetime, now: datetime) -> str:
    """`5 min ago`, or `in 3 h` for what lies ahead. console.js keeps it true, in these words."""
    seconds = (now - instant).total_seconds()
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    size, unit = next(
        ((size, unit) for below, size, unit in _UNITS if distance < below), (_A_DAY, "d")
    )
    amount = f"{int(distance // size)} {unit}"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def span(seconds: float) -> str:
    """How long something took: `12 ms`, `3.4 s`, `5 min`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1_000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, unit = (60, "min") if seconds < 3_600 else (3_600, "h")
    return f"{int(seconds // size)} {unit}"


@lru_cache(maxsize=4_096)  # Lists show the same few numbers on every row.
def phone(address: str) -> str:
    """`+1 800 555 0100`; a short code or an alphanumeric sender as it is."""
    if not address.startswith("+"):
        return address
    try:
        parsed = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return address
    shown = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return shown.replace("-", " ")


def provider(name: str) -> str:
    """A provider by the name that people know."""
    spec = SPECS.get(name)
    return spec.title if spec else name


def why(fuse: Fuse) -> str:
    """Why a circuit is open, or a number's part of it where that number stands beside it."""
    return reason_of(fuse, named=False) or ""


def with_query(here: str, **parameters: str) -> str:
    """The address with some of its parameters replaced."""
    return str(URL(here, encoded=True).update_query(parameters))


def safe_path(path: str) -> str | None:
    """The path if it leads to a page of this console and nowhere else, for redirects after a
    sign-in. Browsers read `//host` and `/\\host` as another host, and drop control characters."""
    good = (
        path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and path.isprintable()
        and len(path) <= 2_000
    )
    return path if good else None


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "iso": iso,
    "utc": utc,
    "clock": clock,
    "clock_fine": clock_fine,
    "day": day,
    "ago": ago,
    "span": span,
    "phone": phone,
    "provider": provider,
    "why": why,
    "with_query": with_query,
}
"""By the name that templates use."""
