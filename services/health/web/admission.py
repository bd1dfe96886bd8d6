"""A stream that goes on is for whom it was opened only while they may still see it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from common.errors import StoreUnavailable
from health.web.problems import Problem, ProblemCode

AGAIN: Final = 5.0
"""Seconds after which it is asked again who somebody is, so that a revoked key and a session that
has ended see no more than this."""

Admit = Callable[[], Awaitable[None]]
"""Raises a Problem where the author of a request may not do this, or not any more."""


@contextlib.asynccontextmanager
async def while_admitted(
    admit: Admit, closing: asyncio.Event, *, again: float = AGAIN
) -> AsyncIterator[asyncio.Event]:
    """An event that is set once the stream has to end: its viewer may see it no longer, or all
    streams are closing."""
    over = asyncio.Event()
    watching = asyncio.create_task(_watch(admit, closing, over, again), name="admission")
    try:
        yield over
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(admit: Admit, closing: asyncio.Event, over: asyncio.Event, again: float) -> None:
    try:
        while not await _set_within(closing, again):
            if not await _still(admit):
                return
    finally:
        over.set()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


async def _still(admit: Admit) -> bool:
    """Whether nothing speaks against it. Where the store is away nothing is known, and nothing
    happens that could be told."""
    try:
        await admit()
    except StoreUnavailable:
        return True
    except Problem as problem:
        return problem.code is ProblemCode.UNAVAILABLE
    return True
