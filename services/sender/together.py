"""What several texts of one command want at the same moment, done in one go.

Each text is carried out by a task of its own, which knows nothing of the others. Here the tasks
meet: when every one that still has something to do has come, what they came with is done together,
and each goes on with its own result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """A meeting point.

    Args:
        members: how many tasks there are; each calls `leave` when it will not come any more.
        work: what is done with all that they came with; results in order.
    """

    def __init__(self, members: int, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]):
        self._members = members
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def join(self, item: T) -> R:
        """Come with something, and wait for its result.

        Raises:
            Exception: what the work has raised, for every one of those that were in it.
        """
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        here = (item, future)
        self._waiting.append(here)
        self._begin_if_all_are_here()
        try:
            return await future
        finally:
            if here in self._waiting:  # Who is cancelled takes what it came with along.
                self._waiting.remove(here)

    def leave(self) -> None:
        """Come no more."""
        self._members -= 1
        self._begin_if_all_are_here()

    def _begin_if_all_are_here(self) -> None:
        """Those whose work is under way are not here, so they are waited for as well: texts that
        are tried again are tried together."""
        if not self._waiting or len(self._waiting) < self._members:
            return
        batch, self._waiting = self._waiting, []
        task = asyncio.create_task(self._do(batch), name="together")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _do(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except BaseException as error:  # noqa: BLE001 - each member raises it as its own
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
