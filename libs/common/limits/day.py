"""What a day's caps leave. Pure; MongoDB's pipeline does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.ids import derive
from common.store.limit_ports import DayCap


def day_key(number: str) -> str:
    """The field that holds a number's use: a number may have blanks, and a name never dots."""
    return derive("day", number)


def room(caps: Sequence[DayCap], used: Mapping[str, int], wanted: int) -> tuple[int, str | None]:
    """How many of the wanted recipients the caps leave room for, and the narrowest cap's name
    where that is not all of them."""
    rooms = [
        (max(0, cap.limit - used.get(cap.name, 0)) // cap.each, cap.name)
        for cap in caps
        if cap.each > 0
    ]
    left, name = min(rooms, key=lambda it: it[0], default=(wanted, ""))
    return (left, name) if left < wanted else (wanted, None)
