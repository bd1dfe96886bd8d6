"""Forgetting what is older than the settings keep, slowly, by one replica at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import uuid4

import structlog

from common.store.ports import Leases
from health.leased import kept
from health.repeating import repeat

log = structlog.get_logger(__name__)

LEASE: Final = "retention"
_LEASE_SECONDS: Final = 60.0
_BATCH: Final = 500
_PAUSE: Final = 0.2
"""Seconds between two batches: 200 million texts a day at most, and little for the server at once.
"""


class Forgetting(Protocol):
    """The part of the store that this needs."""

    def forget_texts(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]: ...
    def forget_audit(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]: ...


class RetentionSweep:
    """Looks again and again for what has become too old.

    Args:
        messages_days, audit_days: how long they are kept; 0 for ever.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        store: Forgetting,
        leases: Leases,
        *,
        messages_days: int,
        audit_days: int,
        interval: float,
        now: Callable[[], datetime],
        pause: float = _PAUSE,
        batch: int = _BATCH,
    ):
        self._store = store
        self._leases = leases
        self._kept = {"messages": messages_days, "audit": audit_days}
        self._forget = {"messages": store.forget_texts, "audit": store.forget_audit}
        self._interval = interval
        self._now = now
        self._pause = pause
        self._batch = batch

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until `stopping`, where there is anything to forget."""
        if any(self._kept.values()):
            await repeat(self.sweep, stopping, interval=self._interval, name="retention")

    async def sweep(self, stopping: asyncio.Event) -> None:
        """Look once, unless another replica does.

        Raises:
            StoreUnavailable: what is left is done in the next sweep.
        """
        owner = uuid4().hex
        if not await self._leases.acquire(LEASE, owner=owner, seconds=_LEASE_SECONDS):
            return
        async with kept(self._leases, LEASE, owner=owner, seconds=_LEASE_SECONDS) as lost:
            for collection, days in self._kept.items():
                if days and not (stopping.is_set() or lost.is_set()):
                    await self._sweep(collection, days, stopping, lost)

    async def _sweep(
        self, collection: str, days: int, stopping: asyncio.Event, lost: asyncio.Event
    ) -> None:
        before = self._now() - timedelta(days=days)
        total = 0
        async with contextlib.aclosing(
            self._forget[collection](before, batch=self._batch)
        ) as batches:
            async for deleted in batches:
                total += deleted
                await asyncio.sleep(self._pause)
                if stopping.is_set() or lost.is_set():
                    break
        if total:
            log.info("retention.forgotten", collection=collection, documents=total, days=days)
