"""The opt-out lists that providers keep themselves: what they say of a remote, and telling them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import structlog

from common.providers.port import Provider, ProviderClient, UnusableCredentials
from common.secrets import SecretUnreadable
from common.store.control import NumberRecord
from common.store.ports import Connections
from common.store.records import ConnectionRecord, ConnectionStatus
from health.desk.vault import Vault

log = structlog.get_logger(__name__)


class CannotAsk(Exception):
    """The provider cannot be spoken to now: its credentials do not open, or are not usable."""

    code = "cannot_ask"


class OptOutLists:
    """Speaks to the provider of a number. Opens the connection's credentials for the one call.

    Args:
        providers: by name.
        timeout: seconds that one call may take.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        connections: Connections,
        vault: Vault,
        timeout: float,
    ):
        self._providers = providers
        self._connections = connections
        self._vault = vault
        self._timeout = timeout

    async def connection_of(self, number: NumberRecord) -> ConnectionRecord | None:
        """The number's live connection; None where it has none."""
        if not number.connected:
            return None
        record = await self._connections.get(number.tenant_id, number.connection_id)
        if record is None or record.status is ConnectionStatus.DISCONNECTED:
            return None
        return record

    async def tell(
        self, record: ConnectionRecord, sender: str, remote: str, *, opted_out: bool
    ) -> bool | None:
        """As `ProviderClient.opt_out` says; what cannot be asked now is False too."""
        with contextlib.suppress(CannotAsk, TimeoutError):
            async with self._client(record) as client, asyncio.timeout(self._timeout):
                return await client.opt_out(sender, remote, opted_out=opted_out)
        return False

    async def has(self, record: ConnectionRecord, sender: str, remote: str) -> bool | None:
        """As `ProviderClient.opted_out` says.

        Raises:
            CannotAsk.
        """
        try:
            async with self._client(record) as client, asyncio.timeout(self._timeout):
                return await client.opted_out(sender, remote)
        except TimeoutError:
            raise CannotAsk("The provider did not answer in time.") from None

    @contextlib.asynccontextmanager
    async def _client(self, record: ConnectionRecord) -> AsyncIterator[ProviderClient]:
        provider = self._providers.get(record.provider)
        if provider is None:
            raise CannotAsk("This release does not know the provider.")
        try:
            client = provider.connect(self._vault.open(record), timeout=self._timeout)
        except (SecretUnreadable, UnusableCredentials) as error:
            # Their texts name fields and never values.
            raise CannotAsk(f"The credentials cannot be used: {error}") from None
        try:
            yield client
        finally:
            await client.close()
