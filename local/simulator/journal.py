"""Everything that happened, in order and bounded, with waiting in place of polling."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from local.simulator.clock import now, ticks

LIMIT = 100_000

Entry = dict[str, Any]


class Bell:
    """Wakes whoever waits for a condition, each time something may have changed it."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake all waiters; each looks at its own condition again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, met: Callable[[], bool], timeout: float | None) -> None:  # noqa: ASYNC109 -- callers over HTTP name a timeout too
        """Wait until `met()` is true; raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not met():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                try:
                    await waiter
                finally:
                    if waiter in self._waiters:
                        self._waiters.remove(waiter)


class Journal:
    """One bounded log per kind of happening, and one timeline over all of them.

    An entry is a JSON-ready dict with `seq` (rising over all kinds), `at` and `kind` in front.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._logs: dict[str, deque[Entry]] = {}
        self._totals: dict[str, int] = {}
        self._timeline: deque[Entry] = deque(maxlen=limit)
        self._seq = 0
        self.bell = Bell()

    def record(self, kind: str, **facts: Any) -> Entry:
        """Write one entry and wake whoever waits for it."""
        self._seq += 1
        entry: Entry = {"seq": self._seq, "at": ticks(now()), "kind": kind, **facts}
        self._logs.setdefault(kind, deque(maxlen=self._limit)).append(entry)
        self._totals[kind] = self.total(kind) + 1
        self._timeline.append(entry)
        self.bell.ring()
        return entry

    def total(self, kind: str) -> int:
        """Count what was ever recorded of a kind, forgotten entries included."""
        return self._totals.get(kind, 0)

    def entries(self, kind: str | None = None, since: int = 0) -> list[Entry]:
        """Give entries with `seq` above `since`, oldest first, of one kind or of all."""
        log = self._timeline if kind is None else self._logs.get(kind, deque())
        found: list[Entry] = []
        for entry in reversed(log):
            if entry["seq"] <= since:
                break
            found.append(entry)
        found.reverse()
        return found

    async def wait_for(self, kind: str, total: int, timeout: float | None) -> list[Entry]:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until a kind was recorded `total` times; raises TimeoutError."""
        await self.bell.wait(lambda: self.total(kind) >= total, timeout)
        return self.entries(kind)

    async def wait_beyond(self, seq: int, timeout: float | None) -> list[Entry]:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until anything happens after `seq`; an empty list when nothing did in time."""
        try:
            await self.bell.wait(lambda: self._seq > seq, timeout)
        except TimeoutError:
            return []
        return self.entries(since=seq)
