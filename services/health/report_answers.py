"""Asking providers for delivery reports that did not come by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import structlog

from common.place import place_of
from common.providers.port import FetchedReport, Provider, ProviderClient, UnusableCredentials
from common.secrets import MasterKeyWrong, SecretUnreadable
from common.store.ports import Connections
from common.store.records import RANK_FINAL, REPORT_RANK, ConnectionRecord
from common.store.report_due import OverdueText

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 8
"""Questions that one provider account is asked at the same time."""

Open = Callable[[ConnectionRecord], Mapping[str, str]]
"""Opens a connection's credentials; `Vault.open`."""


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What a provider said of a text, or of one part of it: nothing where it does not tell, `later`
    where it could not be asked now."""

    provider_message_id: str
    report: FetchedReport | None = None
    later: bool = False


class Fate(Enum):
    """What becomes of a text whose report was overdue."""

    TOLD = "told"
    """The provider has told it now."""
    MISSING = "missing"
    """Nobody can tell it now; it is said so of the text."""
    LATER = "later"
    """To be asked again."""


def fate_of(answers: Sequence[PartAnswer], *, patient: bool) -> Fate:
    """What the answers to the questions about one text mean for it. A provider that does not answer
    is asked again while there is patience."""
    if patient and any(answer.later for answer in answers):
        return Fate.LATER
    return Fate.TOLD if answers and all(map(_final, answers)) else Fate.MISSING


def _final(answer: PartAnswer) -> bool:
    return answer.report is not None and REPORT_RANK[answer.report.status] >= RANK_FINAL


class ReportAsking:
    """Asks the provider of a connection.

    Args:
        providers: by name.
        open_credentials: of a connection; raises `SecretUnreadable`.
        timeout: seconds that one question may take.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        connections: Connections,
        open_credentials: Open,
        *,
        timeout: float,
    ):
        self._providers = providers
        self._connections = connections
        self._open = open_credentials
        self._timeout = timeout

    async def ask(
        self, tenant_id: str, connection_id: str, texts: Sequence[OverdueText]
    ) -> Mapping[str, Sequence[PartAnswer]]:
        """The answers about each text of a connection, by its ID.

        Raises:
            StoreUnavailable: the connection could not be read.
            MasterKeyWrong: no connection can be opened.
        """
        record = await self._connections.get(tenant_id, connection_id)
        client = self._client(record) if record is not None else None
        if client is None:
            return {text.id: [PartAnswer(item) for item in text.open_ids] for text in texts}
        gate = asyncio.Semaphore(_AT_ONCE)
        try:
            answers = await asyncio.gather(
                *(
                    self._ask_once(client, provider_id, gate)
                    for text in texts
                    for provider_id in text.open_ids
                )
            )
        finally:
            await client.close()
        found = iter(answers)
        return {text.id: [next(found) for _ in text.open_ids] for text in texts}

    def _client(self, record: ConnectionRecord) -> ProviderClient | None:
        """The connection's client; None where it has none any more, so that nobody can be asked."""
        provider = self._providers.get(record.provider)
        if provider is None:
            return None
        try:
            return provider.connect(self._open(record), timeout=self._timeout)
        except MasterKeyWrong:
            raise  # Our own fault, which says nothing about the connection.
        except (SecretUnreadable, UnusableCredentials) as error:
            log.warning("report.nobody_to_ask", connection_id=record.id, why=error.code)
            return None

    async def _ask_once(
        self, client: ProviderClient, provider_id: str, gate: asyncio.Semaphore
    ) -> PartAnswer:
        async with gate:
            try:
                async with asyncio.timeout(self._timeout):
                    return PartAnswer(provider_id, await client.report(provider_id))
            except TimeoutError:
                return PartAnswer(provider_id, later=True)
            except Exception as error:  # noqa: BLE001 # a fault in one adapter stops no other's texts
                # Where, not what: the text of an unforeseen error may quote the credentials.
                log.error("report.asking_broke", error=type(error).__name__, where=place_of(error))
                return PartAnswer(provider_id, later=True)
