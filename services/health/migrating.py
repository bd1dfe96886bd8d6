"""Data migrations beside the running services, where no job does them before."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final
from uuid import uuid4

import structlog

from common.store.client import Database
from common.store.migrations import Migrated, migrate
from common.store.ports import Leases
from health.leased import kept
from health.preparing import LEASE, LEASE_SECONDS

log = structlog.get_logger(__name__)

_AGAIN: Final = 5.0
"""Seconds until another look whether the replica that migrates has come to its end."""


class Migrating:
    """Migrates once, by one replica."""

    def __init__(self, database: Database, leases: Leases):
        self._database = database
        self._leases = leases
        self._done = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until everything is migrated, by whomever, or until `stopping`."""
        owner = f"migrating/{uuid4().hex}"
        while not (self._done or stopping.is_set()):
            try:
                await self._once(owner, stopping)
            except Exception as error:  # noqa: BLE001 - the service outlives a round that broke
                log.warning("migrations.interrupted", error=type(error).__name__)
            if not self._done:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN):
                        await stopping.wait()

    async def _once(self, owner: str, stopping: asyncio.Event) -> None:
        if not await self._leases.acquire(LEASE, owner=owner, seconds=LEASE_SECONDS):
            return
        async with kept(self._leases, LEASE, owner=owner, seconds=LEASE_SECONDS) as lost:
            self._done = await migrate(
                self._database, halt=lambda: stopping.is_set() or lost.is_set(), tell=_tell
            )


def _tell(done: Migrated) -> None:
    log.info(
        "migration.worked",
        version=done.migration.version,
        migration=done.migration.name,
        changed=done.changed,
        finished=done.finished,
    )
