"""Callbacks of providers at a connection's own address: whose it is, whether it is genuine, what it
says. The adapter decides the last two; what it needs for that is opened here and kept in memory.

An address that is nobody's, or whose token is wrong, does not exist: 404. What does not prove
itself is refused: 401. Whatever is our own fault is a 503, so that the provider calls again.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from common import callback_addresses
from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    Door,
    Reading,
    Unreadable,
    UnreadableEvent,
)
from common.secrets import MasterKeys, Sealed, SecretUnreadable, WrappedKey
from common.store.records import CalledConnection
from webhook.problems import (
    FORGED_CALLBACK,
    NO_CALLBACKS,
    UNKNOWN_ADDRESS,
    UNREADABLE_CREDENTIALS,
    Refusal,
)

log = structlog.get_logger(__name__)

_KEPT: Final = 4_096
"""Connections whose keys stay open in memory."""

_GRACE: Final = 600.0
"""Seconds for which credentials count that were just replaced: a provider's portal and ours are
changed one after the other, and what was signed in between must not be lost."""


class Connections(Protocol):
    """Where live connections are found (`common.snapshot.Snapshot`), several of one ID."""

    async def find(self, key: str) -> tuple[CalledConnection, ...] | None: ...
    async def renewed(self, key: str) -> tuple[CalledConnection, ...] | None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """What stands in the path of a callback."""

    provider: str
    connection_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection that may be called back, with what proves a callback."""

    connection: CalledConnection
    tokens: Mapping[Door, bytes] = field(repr=False)
    keys: CallbackKeys = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven address: whose it is, and which of the two it is."""

    opened: Opened
    door: Door
    callbacks: Callbacks

    @property
    def tenant_id(self) -> str:
        return self.opened.connection.tenant_id

    @property
    def connection_id(self) -> str:
        return self.opened.connection.connection_id

    @property
    def provider(self) -> str:
        return self.opened.connection.provider


class Keyring:
    """Opens what proves a connection's callbacks, once for each version of its credentials."""

    def __init__(self, keys: MasterKeys, *, clock: Callable[[], float] = time.monotonic):
        self._keys = keys
        self._clock = clock
        self._opened: OrderedDict[tuple[str, str, str], Opened] = OrderedDict()
        self._replaced: dict[tuple[str, str, str], float] = {}
        """When a version was found replaced by a newer one."""

    def open(self, connection: CalledConnection) -> Opened:
        """Open a connection.

        Raises:
            SecretUnreadable: it does not open.
        """
        version = (
            connection.tenant_id,
            connection.connection_id,
            connection.credentials_version,
        )
        opened = self._opened.get(version)
        if opened is None:
            opened = self._opened[version] = self._open(connection)
            self._note_replaced(version)
            if len(self._opened) > _KEPT:
                self._forget(next(iter(self._opened)))
        self._opened.move_to_end(version)
        return opened

    def earlier(self, connection: CalledConnection) -> list[Opened]:
        """The same connection with credentials that were replaced a moment ago, as this process has
        seen it: while a secret is being replaced, a provider signs with either."""
        here = (connection.tenant_id, connection.connection_id)
        recent = []
        for version, since in list(self._replaced.items()):
            if self._clock() - since > _GRACE:
                self._forget(version)
            elif version[:2] == here and version[2] != connection.credentials_version:
                recent.append(self._opened[version])
        return recent

    def _note_replaced(self, newest: tuple[str, str, str]) -> None:
        for version in self._opened:
            if version[:2] == newest[:2] and version != newest:
                self._replaced.setdefault(version, self._clock())

    def _forget(self, version: tuple[str, str, str]) -> None:
        self._opened.pop(version, None)
        self._replaced.pop(version, None)

    def _open(self, connection: CalledConnection) -> Opened:
        wrapped = WrappedKey.from_document(connection.wrapped_key)
        key = self._keys.unwrap(connection.tenant_id, wrapped)
        sealed = Sealed.from_document(connection.sealed)
        connection_id = connection.connection_id
        credentials = key.open_mapping(connection_id, sealed)
        return Opened(
            connection,
            {door: callback_addresses.token(key, connection_id, door).encode() for door in Door},
            callback_addresses.keys_of(key, connection_id, credentials),
        )


class CallbackDoor:
    """Lets callbacks in.

    Args:
        providers: how each provider that calls back does so, by name.
        connections: the live connections.
        keyring: opens their credentials; None where the master key is not configured.
        public_url: how providers reach this service from outside, without a trailing slash.
    """

    def __init__(
        self,
        providers: Mapping[str, Callbacks],
        connections: Connections,
        keyring: Keyring | None,
        *,
        public_url: str,
    ):
        self._providers = providers
        self._connections = connections
        self._keyring = keyring
        self._public_url = public_url

    async def find(self, address: Address) -> Caller:
        """Whose address it is.

        Raises:
            Refusal: nobody's, or it cannot be known now.
            StoreUnavailable: as the second.
        """
        callbacks = self._providers.get(address.provider)
        if callbacks is None:
            raise Refusal(UNKNOWN_ADDRESS)
        keyring = self._ring()
        candidates = await self._connections.find(address.connection_id) or ()
        failed = False
        for connection in candidates:
            if connection.provider != address.provider:
                continue
            try:
                opened = keyring.open(connection)
            except SecretUnreadable as error:
                log.error("callback.no_keys", connection=connection.connection_id, why=error.code)
                failed = True
                continue
            if (door := _door(opened, address.token)) is not None:
                return Caller(opened, door, callbacks)
        # Whose token cannot be compared is not proven a stranger.
        raise Refusal(UNREADABLE_CREDENTIALS if failed else UNKNOWN_ADDRESS)

    def request(
        self, caller: Caller, *, raw_path: str, headers: Mapping[str, str], body: bytes
    ) -> CallbackRequest:
        """A callback as the provider made it. Proxies may have changed host and scheme, so the
        address is put together from what the provider was told."""
        url = f"{self._public_url}{raw_path}"
        return CallbackRequest(url=url, headers=headers, body=body, door=caller.door)

    async def admit(self, caller: Caller, request: CallbackRequest) -> Caller:
        """Let a genuine callback pass; returns with which credentials it proved itself.

        Raises:
            Refusal: it is forged, as far as can be known.
            StoreUnavailable: the credentials may be out of date, and cannot be asked for.
        """
        why = caller.callbacks.verify(request, caller.opened.keys)
        if why is None:
            return caller
        for other in await self._others(caller):
            if caller.callbacks.verify(request, other.keys) is None:
                return Caller(other, caller.door, caller.callbacks)
        log.warning(
            "callback.refused",
            provider=caller.provider,
            connection=caller.connection_id,
            door=caller.door.value,
            why=why,
        )
        raise Refusal(FORGED_CALLBACK)

    async def _others(self, caller: Caller) -> Sequence[Opened]:
        """Newer credentials, of which nobody has told this process yet, and earlier ones."""
        keyring, known = self._ring(), caller.opened.connection
        newer: list[Opened] = []
        for connection in await self._connections.renewed(known.connection_id) or ():
            same = (connection.tenant_id, connection.provider) == (known.tenant_id, known.provider)
            if same and connection.credentials_version != known.credentials_version:
                try:
                    newer.append(keyring.open(connection))
                except SecretUnreadable:
                    raise Refusal(UNREADABLE_CREDENTIALS) from None
        return [*newer, *keyring.earlier(known)]

    def _ring(self) -> Keyring:
        if self._keyring is None or not self._public_url:
            raise Refusal(NO_CALLBACKS)
        return self._keyring


def read(caller: Caller, request: CallbackRequest) -> Sequence[Reading]:
    """Everything that a genuine callback says; what cannot be read as a whole is one unreadable
    thing, because the provider calling again would not help."""
    try:
        return caller.callbacks.read(request, caller.opened.keys)
    except UnreadableEvent as error:
        return [Unreadable("callback", request.body, str(error))]


def answer(caller: Caller, readings: Sequence[Reading]) -> CallbackAnswer:
    """What the provider is answered when all of that is safe."""
    return caller.callbacks.answer(readings)


def _door(opened: Opened, token: str) -> Door | None:
    """Which address a token belongs to, in a time that does not tell how much of it is right."""
    given = token.encode("utf-8", "surrogatepass")
    matches = [door for door, known in opened.tokens.items() if hmac.compare_digest(given, known)]
    return matches[0] if matches else None
