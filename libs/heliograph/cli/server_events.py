"""Server-sent events (WHATWG HTML, section 9.2.6), from lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event."""

    name: str
    data: str


def events(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """The events of a stream; comments and what is cut off at the end are none."""
    name, data = "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield ServerEvent(name or "message", "\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
