"""Work that is done again and again while the service runs, and that no fault of one round ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Run = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set."""


async def run_all(works: Mapping[str, Run], stopping: asyncio.Event, *, patience: float) -> None:
    """Let several works run side by side until `stopping`, and for `patience` seconds more where
    they have something in hand. What is cut then is as after a crash: all that it had taken comes
    back when its lease is over."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(stopping), name=name) for name, run in works.items()]
        await stopping.wait()
        _, late = await asyncio.wait(tasks, timeout=patience)
        for task in late:
            log.warning("round.cut", work=task.get_name())
            task.cancel()


async def repeat(
    work: Callable[[asyncio.Event], Awaitable[None]],
    stopping: asyncio.Event,
    *,
    interval: float,
    name: str,
) -> None:
    """Do `work`, wait `interval` seconds, and begin anew until `stopping`. A round that breaks is
    logged with the name of its error alone, which may quote what it was about."""
    while not stopping.is_set():
        try:
            await work(stopping)
        except Exception as error:  # noqa: BLE001 - the service outlives a round that broke
            log.warning("round.interrupted", work=name, error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval):
                await stopping.wait()
