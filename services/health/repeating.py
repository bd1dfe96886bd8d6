"""Work that is done again and again while the service runs, and that no fault of one round ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


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
