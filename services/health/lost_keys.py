"""After the loss of a master key: new data keys for the tenants whose own opens no more.

What was sealed with a key that is gone is gone. Until each tenant has a data key that opens, health
and sender refuse to start, and no credentials can be entered anew. Unlike a rotation this loses
something for good where the key was only mislaid, so it does nothing unless it is told twice.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from common.errors import StoreUnavailable
from common.schema_start import stop_where_too_new
from common.secrets import MasterKeys, SecretUnreadable, WrappedKey
from common.store.client import open_database
from common.store.mongo_tenant_keys import MongoTenantKeys
from health.settings import HealthSettings

EXIT_DONE: Final = 0
"""Every data key opens."""
EXIT_SOME_LOST: Final = 1
"""Some do not: it was not told to replace them, or others were changing them."""
EXIT_AWAY: Final = 2
"""The store went away; what was done stays done."""

WHY: Final = "The master key was lost, and these credentials with it. Enter them again."
"""What a connection's page says, and the audit trail."""

_TRIES: Final = 5
"""For a tenant whose data key others change at the same time."""


class TenantKeys(Protocol):
    """The part of the store that this needs."""

    def ids(self) -> AsyncIterator[str]: ...

    async def get(self, tenant_id: str) -> Mapping[str, Any] | None: ...

    async def replace_lost(
        self, tenant_id: str, old: Mapping[str, Any] | None, new: Mapping[str, Any], *, why: str
    ) -> Sequence[str] | None: ...


@dataclass(slots=True)
class Report:
    """How many data keys there are of each kind."""

    opened: int = 0
    replaced: int = 0
    lost: int = 0
    """They still are."""

    def __str__(self) -> str:
        return f"{self.opened} opened, {self.replaced} replaced, {self.lost} lost."


async def replace(
    tenants: TenantKeys, keys: MasterKeys, *, confirmed: bool, say: Callable[[str], None]
) -> Report:
    """Give every tenant whose data key opens under none of the master keys a new one. Not
    confirmed, it only says whose these are.

    Raises:
        StoreUnavailable: start it again later.
    """
    report = Report()
    async for tenant_id in tenants.ids():
        why = _problem(tenant_id, await tenants.get(tenant_id), keys)
        if why is None:
            report.opened += 1
        elif not confirmed:
            report.lost += 1
            say(f"{tenant_id}: {why}")
        else:
            await _replace(tenants, keys, tenant_id, report, say)
    return report


async def _replace(
    tenants: TenantKeys,
    keys: MasterKeys,
    tenant_id: str,
    report: Report,
    say: Callable[[str], None],
) -> None:
    for _ in range(_TRIES):
        old = await tenants.get(tenant_id)
        if _problem(tenant_id, old, keys) is None:
            report.opened += 1
            return
        new = keys.new_tenant_key(tenant_id).to_document()
        dropped = await tenants.replace_lost(tenant_id, old, new, why=WHY)
        if dropped is not None:
            report.replaced += 1
            say(f"{tenant_id}: new data key; credentials dropped: {', '.join(dropped) or 'none'}.")
            return
    report.lost += 1
    say(f"{tenant_id}: it is being changed by others; start this again.")


def _problem(tenant_id: str, wrapped: Mapping[str, Any] | None, keys: MasterKeys) -> str | None:
    try:
        keys.unwrap(tenant_id, WrappedKey.from_document(wrapped or {}))
    except SecretUnreadable as error:
        return str(error)
    return None


async def replace_lost_keys(settings: HealthSettings, *, confirmed: bool) -> int:
    """Do it, print what came of it line by line, and give the exit code."""
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    try:
        await stop_where_too_new(database)
        report = await replace(
            MongoTenantKeys(database), settings.master_keys, confirmed=confirmed, say=_say
        )
    except StoreUnavailable as error:
        sys.stderr.write(f"heliograph: the replacement stopped: {error} Start it again.\n")
        return EXIT_AWAY
    finally:
        database.close()
    _say(str(report))
    if report.replaced:
        _say(
            "Enter the dropped credentials anew. The callback addresses of these tenants' "
            "connections are other ones now: tell the providers, from each connection's page."
        )
    if report.lost and not confirmed:
        _say(
            "Nothing was changed. Where the key can still be found, add it to "
            "HELIOGRAPH_MASTER_KEY. With --yes these tenants get new data keys: their connections' "
            "credentials are dropped for good, and their callback addresses change."
        )
    return EXIT_SOME_LOST if report.lost else EXIT_DONE


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
