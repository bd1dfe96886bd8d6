"""Work in lanes: one thing at a time within a lane and in order, lanes side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Work(Protocol):
    """One piece of work. It must not raise: what it ends with is its own business."""

    async def run(self) -> float | None:
        """Do it. None: it is finished. Seconds: do it again after them, before anything that waits
        behind it in its lane."""
        ...


W = TypeVar("W", bound=Work)


class _Lane(Generic[W]):
    """What waits in a lane. The first work is `begun` once it has run, also while it waits for its
    next run."""

    __slots__ = ("begun", "timer", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[W] = deque()
        self.begun = False
        self.timer: asyncio.TimerHandle | None = None


class Lanes(Generic[W]):
    """Does work, at most `concurrency` pieces at once. Work that waits for its next run holds up
    its own lane only. A lane exists while it holds work."""

    def __init__(self, concurrency: int):
        self._concurrency = concurrency
        self._lanes: dict[Hashable, _Lane[W]] = {}
        self._ready: deque[Hashable] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._lanes)

    def put(self, key: Hashable, work: W) -> None:
        """Add work at the end of its lane."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            self._ready.append(key)
        lane.waiting.append(work)
        self._start()

    def forget_waiting(self) -> list[W]:
        """Drop all work that has not begun, and return it. What is begun goes on."""
        dropped: list[W] = []
        for key, lane in list(self._lanes.items()):
            while len(lane.waiting) > lane.begun:
                dropped.append(lane.waiting.pop())
            if not lane.waiting:
                del self._lanes[key]
        self._ready = deque(key for key in self._ready if key in self._lanes)
        return dropped

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()

    async def drain(self, grace: float) -> bool:
        """Wait up to `grace` seconds for what is running, after `close`; the rest is cancelled.
        Tells whether all of it finished by itself."""
        if not self._running:
            return True
        _, late = await asyncio.wait(set(self._running), timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return not late

    def _start(self) -> None:
        while self._ready and len(self._running) < self._concurrency and not self._closed:
            key = self._ready.popleft()
            lane = self._lanes[key]
            lane.begun = True
            task = asyncio.create_task(self._run(key, lane))
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _run(self, key: Hashable, lane: _Lane[W]) -> None:
        again = await lane.waiting[0].run()
        if again is not None:
            if not self._closed:
                lane.timer = asyncio.get_running_loop().call_later(again, self._due, key, lane)
            return
        lane.waiting.popleft()
        lane.begun = False
        if lane.waiting:
            self._ready.append(key)
        else:
            del self._lanes[key]

    def _due(self, key: Hashable, lane: _Lane[W]) -> None:
        lane.timer = None
        self._ready.append(key)
        self._start()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()
