"""The day's run: at its time, by one replica, to its end.

The run of each day has a lease of its own. It is short while the run goes on, so that another
replica takes over from one that died, and is kept for days when the run is done, so that nobody
does it again. A run that could not be finished gives its lease back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, time
from typing import Final
from uuid import uuid4

import structlog

from common.errors import StoreUnavailable
from common.store.ports import Connections, Leases
from health.schedule import lease_name, next_run, outstanding
from health.validation import Checked, NotRecorded, Validation

log = structlog.get_logger(__name__)

_KEPT: Final = 2 * 86_400.0
"""Seconds that a finished day's lease is kept: longer than the day can be asked for."""

_LONGEST_WAIT: Final = 60.0
"""Seconds after which the clock is looked at again, as it may have been set."""


class DailyRun:
    """Validates every connection once a day.

    Args:
        at: time of day in UTC.
        lease: seconds; how long the others wait for a replica that died.
        replica: names this process among its replicas.
        now: the present, with a time zone.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        leases: Leases,
        validation: Validation,
        at: time,
        lease: float,
        replica: str,
        now: Callable[[], datetime],
    ):
        self._connections = connections
        self._leases = leases
        self._validation = validation
        self._at = at
        self._lease = lease
        self._replica = replica
        self._now = now

    async def run(self, stopping: asyncio.Event) -> None:
        """Do each day's run until `stopping`, which is heeded between two connections."""
        settled: date | None = None
        while not stopping.is_set():
            due = next_run(self._now(), self._at, settled)
            wait = (due - self._now()).total_seconds()
            if wait > 0:
                await _sleep(stopping, min(wait, _LONGEST_WAIT))
            elif await self._tried(due, stopping):
                settled = due.date()
            else:
                await _sleep(stopping, self._lease)

    async def _tried(self, due: datetime, stopping: asyncio.Event) -> bool:
        try:
            return await self.attempt(due, stopping)
        except Exception as error:  # noqa: BLE001 # the service outlives a run that broke
            log.warning(
                "validation.interrupted",
                error=f"{type(error).__name__}: {error}",
                retry_in_s=self._lease,
            )
            return False

    async def attempt(self, due: datetime, stopping: asyncio.Event) -> bool:
        """Do the run of a day if no other replica does it or has done it; True where it is done,
        by this replica and now.

        Raises:
            StoreUnavailable: the run may be done again.
        """
        name = lease_name(due)
        # Fresh for each attempt: a container that restarts bears the same name as before, and must
        # not take the lease of a day that is done for its own.
        owner = f"{self._replica}/{uuid4().hex}"
        if not await self._leases.acquire(name, owner=owner, seconds=self._lease):
            return False
        async with self._renewed(name, owner) as lost:
            done = await self._validate(due, lambda: stopping.is_set() or lost.is_set())
        if done and await self._leases.acquire(name, owner=owner, seconds=_KEPT):
            return True
        await self._leases.release(name, owner=owner)
        return False

    async def _validate(self, due: datetime, halt: Callable[[], bool]) -> bool:
        records = outstanding(await self._connections.to_validate(), due)
        log.info("validation.started", connections=len(records), due=due.isoformat())
        checked = await self._validation.run(records, halt=halt)
        done = len(checked) == len(records) and not any(
            isinstance(one.result, NotRecorded) for one in checked
        )
        log.info("validation.finished" if done else "validation.incomplete", **_counts(checked))
        return done

    @contextlib.asynccontextmanager
    async def _renewed(self, name: str, owner: str) -> AsyncIterator[asyncio.Event]:
        """Keep a lease alive meanwhile; the event says that it was lost."""
        lost = asyncio.Event()
        renewal = asyncio.create_task(self._renew(name, owner, lost), name="lease")
        try:
            yield lost
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    async def _renew(self, name: str, owner: str, lost: asyncio.Event) -> None:
        while not lost.is_set():
            await asyncio.sleep(self._lease / 3)
            try:
                if not await self._leases.acquire(name, owner=owner, seconds=self._lease):
                    lost.set()
            except StoreUnavailable as error:
                # Tried again in a moment; a lease that has run out meanwhile is found taken then.
                log.warning("validation.lease_not_renewed", error=str(error))


def _counts(checked: list[Checked]) -> dict[str, int]:
    return dict(Counter(type(one.result).__name__.lower() for one in checked))


async def _sleep(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
