"""What happens to texts and connections, told to everybody who is looking: one change stream for
the process, open while somebody looks, fanned out to a bounded queue each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol

import structlog

from common.store.control import Happening

log = structlog.get_logger(__name__)

QUEUE: Final = 256
"""Happenings that wait for one viewer. Of more the oldest go: a view that is told of the newest
reads the present anyway."""

_PAUSE: Final = 1.0
"""Seconds before the stream is opened anew after a fault of ours."""


class Source(Protocol):
    """The part of the store that this needs."""

    def happenings(
        self, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[Happening, None]: ...


class Live:
    """Tells viewers what happens to the texts and connections of their tenant.

    `run` has to be running; `close` ends it and every view.
    """

    def __init__(self, source: Source):
        self._source = source
        self._viewers: dict[str, set[asyncio.Queue[Happening]]] = {}
        self._watched = asyncio.Event()
        self._unwatched = asyncio.Event()
        self._unwatched.set()
        self._open = asyncio.Event()
        self.closing = asyncio.Event()
        """Set when every view has to end."""

    @property
    def viewers(self) -> int:
        """How many are looking."""
        return sum(map(len, self._viewers.values()))

    @asynccontextmanager
    async def subscribe(self, tenant_id: str) -> AsyncIterator[asyncio.Queue[Happening]]:
        """What happens to the tenant's texts and connections while the context lasts."""
        queue: asyncio.Queue[Happening] = asyncio.Queue(QUEUE)
        self._viewers.setdefault(tenant_id, set()).add(queue)
        self._unwatched.clear()
        self._watched.set()
        try:
            yield queue
        finally:
            self._viewers[tenant_id].discard(queue)
            if not self._viewers[tenant_id]:
                del self._viewers[tenant_id]
            if not self._viewers:
                self._watched.clear()
                self._unwatched.set()

    async def opened(self) -> bool:
        """Wait until nothing that happens is missed any more."""
        return await self._open.wait()

    async def run(self) -> None:
        """Watch while somebody looks, until `close`."""
        while not self.closing.is_set():
            await _first(self._watched, self.closing)
            if self.closing.is_set():
                return
            feeding = asyncio.create_task(self._feed(), name="live")
            try:
                # Somebody may have come in the moment in which the last one went.
                while not (self._unwatched.is_set() or self.closing.is_set()):
                    await _first(self._unwatched, self.closing)
            finally:
                # At once: whoever comes while the stream is being closed has to wait for the next.
                self._open.clear()
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    async def close(self) -> None:
        """End every view, and `run`."""
        self.closing.set()

    async def _feed(self) -> None:
        while True:
            try:
                async with aclosing(self._source.happenings(opened=self._open.set)) as stream:
                    async for happening in stream:
                        self._tell(happening)
            except Exception as error:  # noqa: BLE001 - the views outlive whatever broke here
                log.warning("live.broke", error=type(error).__name__)
            await asyncio.sleep(_PAUSE)

    def _tell(self, happening: Happening) -> None:
        for queue in self._viewers.get(happening.tenant_id, ()):
            if queue.full():
                with contextlib.suppress(asyncio.QueueEmpty):
                    queue.get_nowait()
            queue.put_nowait(happening)


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
