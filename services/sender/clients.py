"""Provider clients, one a connection, kept open with their HTTP sessions.

A client is closed when it leaves the pool and nobody uses it any more: by age, or because its
connection changed. Credentials are decrypted when a client is built and kept nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from common.bus.messages import Delivery
from common.callback_addresses import address
from common.events import ConnectionChanged
from common.providers.callbacks import Door
from common.providers.port import Provider, ProviderClient, Refused, UnusableCredentials
from common.secrets import (
    MasterKeys,
    MasterKeyWrong,
    Sealed,
    SecretUnreadable,
    TenantKey,
    WrappedKey,
)
from common.store.records import ConnectionRecord, Route
from heliograph.codes import OutcomeCode
from heliograph.models import UnreadableMessage


class ConnectionSource(Protocol):
    """The part of the store that knows connections."""

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None: ...


@dataclass(frozen=True, slots=True)
class OurFault(Refused):
    """This replica can build no client: that says nothing of the connection."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """The connection has other credentials by now than its route says. A client of theirs may be
    another account's, to which nothing may be repeated, so the route has to be read anew."""


class _Key(NamedTuple):
    tenant_id: str
    connection_id: str
    credentials_version: str


@dataclass(slots=True)
class _Entry:
    client: ProviderClient
    users: int = 0
    dropped: bool = False


class Clients:
    """The pool.

    Args:
        size: clients that stay open; the one unused for longest goes first.
        timeout: seconds that one call may take.
        public_url: how providers reach the webhook, for the reports that they are asked for with
            each text; "" where that is not known.
    """

    def __init__(
        self,
        connections: ConnectionSource,
        providers: Mapping[str, Provider],
        keys: MasterKeys,
        *,
        size: int,
        timeout: float,
        public_url: str = "",
    ):
        self._connections = connections
        self._providers = providers
        self._keys = keys
        self._size = size
        self._timeout = timeout
        self._public_url = public_url
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are open for the next text."""
        return len(self._entries)

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers that clients can be built of, by name."""
        return self._providers

    @contextlib.asynccontextmanager
    async def use(self, route: Route) -> AsyncIterator[ProviderClient | Refused | Outdated]:
        """The client of a route's connection, or why there can be none.

        Raises:
            StoreUnavailable: the credentials cannot be read now.
        """
        key = _Key(route.tenant_id, route.connection_id, route.credentials_version)
        if key not in self._entries:
            built = await self._build(route)
            if isinstance(built, Refused | Outdated):
                yield built
                return
            # Another task may have built one while this one waited; an unused client holds nothing.
            self._entries.setdefault(key, _Entry(built))
        entry = self._entries[key]
        self._entries.move_to_end(key)
        entry.users += 1
        try:
            await self._shrink()
            yield entry.client
        finally:
            entry.users -= 1
            if entry.dropped and not entry.users:
                await entry.client.close()

    async def drop(self, tenant_id: str, connection_id: str) -> None:
        """Forget the clients of a connection that changed."""
        for key in [key for key in self._entries if key[:2] == (tenant_id, connection_id)]:
            await self._remove(key)

    async def close(self) -> None:
        """Close all clients."""
        for key in list(self._entries):
            await self._remove(key)

    async def _shrink(self) -> None:
        while len(self._entries) > self._size:
            await self._remove(next(iter(self._entries)))

    async def _remove(self, key: _Key) -> None:
        entry = self._entries.pop(key)
        entry.dropped = True
        if not entry.users:
            await entry.client.close()

    async def _build(self, route: Route) -> ProviderClient | Refused | Outdated:
        record = await self._connections.get(route.tenant_id, route.connection_id)
        provider = self._providers.get(route.provider)
        if provider is None:
            return _unreadable("this release does not know the provider", ours=True)
        if record is None or record.sealed is None or record.wrapped_key is None:
            return _unreadable("the connection has no credentials")
        if record.credentials_version != route.credentials_version:
            return Outdated()
        try:
            wrapped = WrappedKey.from_document(record.wrapped_key)
            key = self._keys.unwrap(record.tenant_id, wrapped)
            credentials = key.open_mapping(record.id, Sealed.from_document(record.sealed))
            return provider.connect(
                credentials,
                timeout=self._timeout,
                report_url=self._report_url(provider, key, record.id),
            )
        except (SecretUnreadable, UnusableCredentials) as error:
            return _unreadable(str(error), ours=isinstance(error, MasterKeyWrong))

    def _report_url(self, provider: Provider, key: TenantKey, connection_id: str) -> str | None:
        if not self._public_url or provider.callbacks is None:
            return None
        return address(self._public_url, provider.name, key, connection_id, Door.REPORTS)


class Changes(Protocol):
    """A subscription to `common.numbers.changes_queue`."""

    @property
    def deliveries(self) -> asyncio.Queue[Delivery]: ...


async def follow(clients: Clients, changes: Changes) -> None:
    """Drop the clients of every connection that is told to have changed, for ever. A change missed
    while the broker was away costs nothing: new credentials have a new version."""
    while True:
        delivery = await changes.deliveries.get()
        with contextlib.suppress(UnreadableMessage):
            change = ConnectionChanged.decode(delivery.body)
            await clients.drop(change.tenant_id, change.connection_id)
        await delivery.ack()


def _unreadable(detail: str, *, ours: bool = False) -> Refused:
    kind = OurFault if ours else Refused
    return kind(OutcomeCode.CREDENTIALS_UNREADABLE, detail, account=True)
