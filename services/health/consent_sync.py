"""Providers' own opt-out lists are told what they cannot know: see `common.store.consent_sync`."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import structlog

from common.optout.answering import Answerer, who_answers
from common.place import place_of
from common.store.consent_sync import Untold
from common.store.consents import ConsentSource
from common.store.control import NumberRecord
from common.store.control_ports import Numbers
from health.desk.opt_out_lists import OptOutLists
from health.repeating import repeat
from heliograph.models import Keyword

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 4
"""Standings that are told at the same time, so that one silent provider stops no other's."""

_LEASE: Final = 180.0
"""Seconds; longer than one call may take."""

_KNOWN: Final = frozenset({Answerer.CARRIER, Answerer.PROVIDER})
"""Who answers a keyword has detected it."""


class Due(Protocol):
    """The part of the store that this needs; `MongoConsentSync` says what it does."""

    async def take(self, *, lease: float) -> Untold | None: ...

    async def settle(self, untold: Untold, *, told: bool) -> bool: ...

    async def put_off(self, untold: Untold) -> bool: ...


class ConsentSync:
    """Tells providers, on every replica: the store gives each standing to one at a time.

    Args:
        interval: seconds between two looks.
    """

    def __init__(self, due: Due, numbers: Numbers, lists: OptOutLists, *, interval: float):
        self._due = due
        self._numbers = numbers
        self._lists = lists
        self._interval = interval

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until `stopping`."""
        await repeat(self.sweep, stopping, interval=self._interval, name="consents")

    async def sweep(self, stopping: asyncio.Event | None = None) -> None:
        """Tell all that is due.

        Raises:
            StoreUnavailable: what is left is done in the next sweep.
        """
        workers = (self._work(stopping) for _ in range(_AT_ONCE))
        ended = await asyncio.gather(*workers, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def _work(self, stopping: asyncio.Event | None) -> None:
        while not (stopping is not None and stopping.is_set()):
            untold = await self._due.take(lease=_LEASE)
            if untold is None:
                return
            told = await self._told(untold)
            if told is False:
                await self._due.put_off(untold)
            else:
                await self._due.settle(untold, told=told is True)
            log.info("consents.synced", tenant_id=untold.consent.tenant_id, told=told)

    async def _told(self, untold: Untold) -> bool | None:
        """True where the provider was told, False where it has to be tried again, None where there
        is nothing to tell or nobody to be told."""
        consent = untold.consent
        number = await self._numbers.get(consent.tenant_id, consent.number)
        record = await self._lists.connection_of(number) if number is not None else None
        if number is None or record is None:
            return None
        if not has_to_be_told(untold, number, partner=record.partner):
            return None
        try:
            return await self._lists.tell(
                record, consent.number, consent.remote, opted_out=consent.opted_out
            )
        except Exception as error:  # noqa: BLE001 - a fault in one adapter stops no other's
            # Where, not what: the text of an unforeseen error may quote the credentials.
            log.error(
                "consents.sync_broke",
                tenant_id=consent.tenant_id,
                provider=record.provider,
                error=type(error).__name__,
                where=place_of(error),
            )
            return False


def has_to_be_told(untold: Untold, number: NumberRecord, *, partner: str | None) -> bool:
    """Whether the number's provider does not know the word by itself. Pure."""
    if untold.again or untold.source is not ConsentSource.KEYWORD:
        return True
    keyword = Keyword.OPT_OUT if untold.consent.opted_out else Keyword.OPT_IN
    answerer = who_answers(
        number.provider,
        number.type,
        number.region,
        number.rules,
        keyword,
        partner=partner,
        word=untold.rule or None,
    )
    return answerer not in _KNOWN
