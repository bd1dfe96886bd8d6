"""Reports that are kept until some have come together, and then told newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from local.simulator.faults import ReorderReports

T = TypeVar("T")


class Backwards(Generic[T]):
    """Holds reports while a reordering fault is in force.

    `tell` delivers one and waits for its answer; `spawn` runs the telling beside everything else.
    """

    def __init__(
        self,
        tell: Callable[[T], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._tell = tell
        self._spawn = spawn
        self._held: list[T] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, report: T, reorder: ReorderReports) -> None:
        """Keep a report until the fault's window is full or its time is over."""
        self._held.append(report)
        if len(self._held) >= reorder.window:
            self._flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(reorder.hold_seconds, self._flush)

    def forget(self) -> None:
        """Tell nothing of what is held."""
        if self._timer:
            self._timer.cancel()

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        self._spawn(self._tell_all(held))

    async def _tell_all(self, held: list[T]) -> None:
        for report in reversed(held):
            await self._tell(report)
