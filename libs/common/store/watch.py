"""Whether the store answers, asked in the background, for readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from common.errors import StoreUnavailable

log = structlog.get_logger(__name__)

_EVERY: Final = 2.0
"""Seconds between two questions while the store answers."""
_AGAIN: Final = 0.2
"""Seconds until the next question while it does not."""


class StoreWatch:
    """Asks the store whether it is there.

    Args:
        ping: raises `StoreUnavailable` unless a primary answers.
        on_first_answer: done once, when the store first answers (creating indexes).
        on_answer: done each time that it answers from then on.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        *,
        on_first_answer: Callable[[], Awaitable[None]] | None = None,
        on_answer: Callable[[], Awaitable[None]] | None = None,
    ):
        self._ping = ping
        self._on_first_answer = on_first_answer
        self._on_answer = on_answer
        self._problem: str | None = "MongoDB has not answered yet."
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why the store cannot be used, in one sentence, or None."""
        return self._problem

    def start(self) -> None:
        """Begin asking; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="store-watch")

    async def ready_before(self, stopping: asyncio.Event) -> bool:
        """Wait until the store answers and what is done on the first answer is done; False where
        the service is told to stop first."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._ready, stopping)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return not stopping.is_set()

    async def close(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            self._note(await self._ask())
            await asyncio.sleep(_EVERY if self._problem is None else _AGAIN)

    async def _ask(self) -> str | None:
        try:
            await self._ping()
            if self._on_first_answer is not None:
                await self._on_first_answer()
                self._on_first_answer = None
            elif self._on_answer is not None:
                await self._on_answer()
        except StoreUnavailable as fault:
            return str(fault) or "MongoDB is away."
        except Exception as error:  # noqa: BLE001 - readiness says it, the service goes on
            return f"MongoDB cannot be used ({type(error).__name__})."
        return None

    def _note(self, problem: str | None) -> None:
        if problem is None and self._problem is not None:
            log.info("store.up")
        elif problem is not None and self._problem is None:
            log.warning("store.down", problem=problem)
        self._problem = problem
        if problem is None:
            self._ready.set()
