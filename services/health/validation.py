"""The validation: check connections, several at a time, record what changed, and tell the caches.

The change is announced after it is written. A lost announcement is made good by the caches, which
reload by time as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from common.announcing import Announcer, Publisher
from common.metrics import Metrics
from common.providers.port import Health, Healthy, Unhealthy, Unknown
from common.store.ports import Connections
from common.store.records import ConnectionRecord, ConnectionStatus
from health.checking import Checker
from health.transition import Change, transition

log = structlog.get_logger(__name__)

WHAT_CHANGED: Final = "connection.status"


@dataclass(frozen=True, slots=True)
class Superseded:
    """The connection was disconnected or got other credentials during its check, so that the
    result says nothing about it."""


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The result could not be written to the store."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of one connection came to."""

    record: ConnectionRecord
    result: Health | Superseded | NotRecorded


class Validation:
    """Checks connections and carries out what follows."""

    def __init__(
        self,
        *,
        connections: Connections,
        checker: Checker,
        bus: Publisher,
        metrics: Metrics,
        concurrency: int,
        now: Callable[[], datetime],
    ):
        self._connections = connections
        self._checker = checker
        self._announcer = Announcer(bus)
        self._metrics = metrics
        self._concurrency = concurrency
        self._now = now

    async def run(
        self, records: Iterable[ConnectionRecord], *, halt: Callable[[], bool] = lambda: False
    ) -> list[Checked]:
        """Validate connections; no failure of one stops another.

        Args:
            records: in the order in which they are begun.
            halt: asked before each connection; True begins no further one.
        """
        pending = iter(records)
        done: list[Checked] = []
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._concurrency):
                workers.create_task(self._work(pending, done, halt))
        return done

    async def _work(
        self, pending: Iterator[ConnectionRecord], done: list[Checked], halt: Callable[[], bool]
    ) -> None:
        while not halt() and (record := next(pending, None)) is not None:
            done.append(await self._validate(record))

    async def _validate(self, record: ConnectionRecord) -> Checked:
        health = await self._checker.check(record)
        self._metrics.validations.labels(record.provider, result_name(health)).inc()
        try:
            return Checked(record, await self._record(record, health))
        except Exception as error:  # noqa: BLE001 # one bad document stops no other's check
            log.warning(
                "validation.not_recorded",
                tenant_id=record.tenant_id,
                connection_id=record.id,
                error=f"{type(error).__name__}: {error}",
            )
            return Checked(record, NotRecorded())

    async def _record(self, checked: ConnectionRecord, health: Health) -> Health | Superseded:
        # A check takes seconds: what counts is the connection as it is now.
        current = await self._connections.get(checked.tenant_id, checked.id)
        if current is None or current.credentials_version != checked.credentials_version:
            return Superseded()
        change = transition(current, health, self._now())
        if change is None:
            return Superseded()
        changed = await self._connections.set_status(
            checked.tenant_id,
            checked.id,
            status=change.status,
            error=change.error,
            checked_at=change.checked_at,
            credentials_version=checked.credentials_version,
            works=change.works,
        )
        if changed:
            _log_change(current, change)
            await self._announcer.changed(
                current.tenant_id, current.id, WHAT_CHANGED, at=change.checked_at
            )
        return health


_RESULTS: Final = {Healthy: "healthy", Unhealthy: "unhealthy", Unknown: "unknown"}


def result_name(health: Health) -> str:
    """A result's name, as in the metrics."""
    return _RESULTS[type(health)]


def _log_change(record: ConnectionRecord, change: Change) -> None:
    facts = {
        "tenant_id": record.tenant_id,
        "connection_id": record.id,
        "provider": record.provider,
        "was": record.status.value,
        "status": change.status.value,
    }
    if change.status is ConnectionStatus.ERROR:
        log.warning("connection.error", **facts, error=change.error)
    else:
        log.info("connection.recovered", **facts)
