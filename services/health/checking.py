"""A connection's check: open its credentials, build its client, make a call that sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_fixed

from common.place import place_of
from common.providers.port import (
    Health,
    Provider,
    ProviderClient,
    Unhealthy,
    Unknown,
    UnusableCredentials,
)
from common.secrets import MasterKeys, MasterKeyWrong, Sealed, SecretUnreadable, WrappedKey
from common.store.records import ConnectionRecord

log = structlog.get_logger(__name__)

TRIES: Final = 2
"""Calls that are made to a provider that cannot be asked."""


class Checker:
    """Finds out whether the credentials of a connection work.

    Args:
        providers: by name.
        keys: the master keys.
        timeout: seconds that one call may take.
        pause: seconds between two tries.
    """

    def __init__(
        self, providers: Mapping[str, Provider], keys: MasterKeys, *, timeout: float, pause: float
    ):
        self._providers = providers
        self._keys = keys
        self._timeout = timeout
        self._pause = pause

    async def check(self, record: ConnectionRecord) -> Health:
        """Check one connection. Never raises: what goes wrong here must not stop the others."""
        try:
            return await self._check(record)
        except MasterKeyWrong as error:
            # Our own fault, and every connection's at once: it says nothing about credentials.
            log.error(
                "validation.master_key_wrong",
                tenant_id=record.tenant_id,
                connection_id=record.id,
                error=str(error),
            )
            return Unknown(f"The credentials cannot be decrypted. {error.remedy}")
        except SecretUnreadable as error:
            return Unhealthy(f"The credentials cannot be decrypted. {error.remedy}")
        except UnusableCredentials as error:
            return Unhealthy(str(error))
        except Exception as error:  # noqa: BLE001 # a fault in one adapter stops no other's check
            # Where, not what: the text of an unforeseen error may quote the credentials.
            log.error(
                "validation.check_broke",
                tenant_id=record.tenant_id,
                connection_id=record.id,
                provider=record.provider,
                error=type(error).__name__,
                where=place_of(error),
            )
            return Unknown(f"The check itself failed ({type(error).__name__}).")

    async def _check(self, record: ConnectionRecord) -> Health:
        provider = self._providers.get(record.provider)
        if provider is None:
            return Unknown("This release does not know the provider.")
        client = provider.connect(self._open(record), timeout=self._timeout)
        try:
            return await self._ask(client, record)
        finally:
            await client.close()

    def _open(self, record: ConnectionRecord) -> dict[str, str]:
        if record.sealed is None or record.wrapped_key is None:
            raise SecretUnreadable("it is not there")
        key = self._keys.unwrap(record.tenant_id, WrappedKey.from_document(record.wrapped_key))
        return key.open_mapping(record.id, Sealed.from_document(record.sealed))

    async def _ask(self, client: ProviderClient, record: ConnectionRecord) -> Health:
        """Ask the provider, and once more where it could not be asked."""
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda health: isinstance(health, Unknown) and not health.let_in),
            stop=stop_after_attempt(TRIES),
            wait=wait_fixed(self._pause),
            retry_error_callback=_last,
        )
        return await retrying(self._ask_once, client, record)

    async def _ask_once(self, client: ProviderClient, record: ConnectionRecord) -> Health:
        try:
            async with asyncio.timeout(self._timeout):
                return await client.check(record.numbers)
        except TimeoutError:
            return Unknown(f"The provider did not answer within {self._timeout:g} seconds.")


def _last(state: RetryCallState) -> Health:
    if state.outcome is None:  # pragma: no cover # tenacity calls this only with an outcome
        return Unknown("The provider was not asked.")
    health: Health = state.outcome.result()
    return health
