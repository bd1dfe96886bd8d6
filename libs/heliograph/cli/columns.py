"""How things look in a table, as data: each kind of thing names its columns once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

Item = Mapping[str, Any]
Shown = Callable[[Any], str]

STYLES: Final[Mapping[str, str]] = {
    "active": "green",
    "delivered": "green",
    "sent": "green",
    "on": "bold yellow",
    "held": "yellow",
    "uncertain": "yellow",
    "closed": "green",
    "resting": "red",
    "error": "red",
    "failed": "red",
    "blocked": "red",
    "undeliverable": "red",
    "rejected": "red",
    "expired": "dim",
    "disconnected": "dim",
    "revoked": "dim",
    "inactive": "dim",
}
"""The colour of a word that is a state. The word alone says it too."""


def plain(value: Any) -> str:
    """Any value; nothing is "-"."""
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={plain(part)}" for name, part in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)


def instant(value: Any) -> str:
    """`2026-03-01 12:00:00Z`."""
    if not isinstance(value, str):
        return plain(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def fine(value: Any) -> str:
    """`12:00:00.250Z`, for the steps of an execution."""
    if not isinstance(value, str):
        return plain(value)
    at = datetime.fromisoformat(value).astimezone(UTC)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def first_instant(steps: Any) -> str:
    """When an execution began."""
    return instant(steps[0].get("at")) if steps else plain(None)


def last_step(steps: Any) -> str:
    """How far an execution has come."""
    return plain(steps[-1].get("what")) if steps else plain(None)


def switch(value: Any) -> str:
    """A gate."""
    return "on" if value else "off"


def activity(value: Any) -> str:
    """Whether an agent works."""
    return "active" if value else "inactive"


def shortened(width: int) -> Shown:
    """At most so many characters; the end shows that there is more."""

    def shown(value: Any) -> str:
        text = plain(value)
        return text if len(text) <= width else f"{text[: width - 1]}…"

    return shown


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is the member of the API's answer (`actor.name` one of a member)."""

    title: str
    name: str
    shown: Shown = plain

    def of(self, item: Item) -> str:
        """What stands in the column for this item."""
        value: Any = item
        for step in self.name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return self.shown(value)


Columns = Sequence[Column]
