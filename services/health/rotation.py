"""Rotation of the master key: every tenant's data key is wrapped anew under the current one.

It goes on beside the running services: a tenant is one compare-and-set, its data key stays the
same, and so does everything that is sealed with it. It keeps no account of how far it came: what is
wrapped by the current key is passed by, so after a kill it is simply started again.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from common.errors import StoreUnavailable
from common.failpoints import Failpoint, Failpoints
from common.schema_start import stop_where_too_new
from common.secrets import MasterKeys, SecretUnreadable, WrappedKey, rewrap
from common.store.client import open_database
from common.store.mongo_tenant_keys import MongoTenantKeys
from health.settings import HealthSettings

EXIT_DONE: Final = 0
"""Every data key is wrapped by the current master key."""
EXIT_SOME_FAILED: Final = 1
"""Some do not open; they are as they were."""
EXIT_AWAY: Final = 2
"""The store went away; what was done stays done."""

_TRIES: Final = 5
"""For a tenant whose data key another rotation wraps at the same time."""


class TenantKeys(Protocol):
    """The part of the store that this needs."""

    def ids(self) -> AsyncIterator[str]: ...

    async def get(self, tenant_id: str) -> Mapping[str, Any] | None: ...

    async def replace(
        self, tenant_id: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> bool: ...


class Result(StrEnum):
    """What became of one tenant's data key."""

    REWRAPPED = "rewrapped"
    CURRENT = "current"
    FAILED = "failed"


@dataclass(slots=True)
class Report:
    """What a rotation did. `failed` says why, by tenant; it holds no key."""

    rewrapped: int = 0
    current: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.rewrapped} rewrapped, {self.current} were current, {len(self.failed)} failed.",
            *(f"{tenant_id}: {why}" for tenant_id, why in self.failed.items()),
        ]
        return "\n".join(lines)


async def rotate(tenants: TenantKeys, keys: MasterKeys, failpoints: Failpoints) -> Report:
    """Wrap every tenant's data key under the current master key. One that does not open stops
    none of the others.

    Raises:
        StoreUnavailable: start it again later.
    """
    report = Report()
    async for tenant_id in tenants.ids():
        try:
            result = await _rewrap(tenants, keys, tenant_id)
        except SecretUnreadable as error:
            report.failed[tenant_id] = str(error)
            continue
        if result is Result.CURRENT:
            report.current += 1
        elif result is Result.REWRAPPED:
            report.rewrapped += 1
            failpoints.reached(Failpoint.HEALTH_REWRAPPED)
        else:
            report.failed[tenant_id] = "It is being changed by others; start the rotation again."
    return report


async def _rewrap(tenants: TenantKeys, keys: MasterKeys, tenant_id: str) -> Result:
    for _ in range(_TRIES):
        stored = await tenants.get(tenant_id)
        wrapped = WrappedKey.from_document(stored or {})
        fresh = rewrap(wrapped, keys)
        if fresh == wrapped:
            return Result.CURRENT
        if await tenants.replace(tenant_id, wrapped.to_document(), fresh.to_document()):
            return Result.REWRAPPED
    return Result.FAILED


async def rotate_master_key(settings: HealthSettings) -> int:
    """Do it, print what came of it, and give the exit code."""
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    try:
        await stop_where_too_new(database)
        report = await rotate(
            MongoTenantKeys(database), settings.master_keys, Failpoints(settings.failpoint)
        )
    except StoreUnavailable as error:
        sys.stderr.write(f"heliograph: the rotation stopped: {error} Start it again.\n")
        return EXIT_AWAY
    finally:
        database.close()
    sys.stdout.write(f"{report}\n")
    return EXIT_SOME_FAILED if report.failed else EXIT_DONE
