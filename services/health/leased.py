"""Keeping a lease alive while work goes on that one process does for all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from common.errors import StoreUnavailable
from common.store.ports import Leases

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def kept(
    leases: Leases, name: str, *, owner: str, seconds: float
) -> AsyncIterator[asyncio.Event]:
    """Keep a lease that `owner` has acquired alive meanwhile, and give it back in the end. The
    event says that it was lost."""
    lost = asyncio.Event()
    renewal = asyncio.create_task(_renew(leases, name, owner, seconds, lost), name=name)
    try:
        yield lost
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable):  # It runs out by itself.
            await leases.release(name, owner=owner)


async def _renew(
    leases: Leases, name: str, owner: str, seconds: float, lost: asyncio.Event
) -> None:
    try:
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                if not await leases.acquire(name, owner=owner, seconds=seconds):
                    return
            except StoreUnavailable as error:
                # Tried again in a moment; a lease that has run out meanwhile is found taken then.
                log.warning("lease.not_renewed", lease=name, error=str(error))
    except Exception as error:  # noqa: BLE001 - the work is told, which ends it
        log.warning("lease.renewal_broke", lease=name, error=type(error).__name__)
    finally:
        # However the renewal ends: without it the lease runs out, and another begins the work.
        lost.set()
