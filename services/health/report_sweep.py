"""The reconciler of delivery reports: what has become of texts of which no final report came.

A provider that tells when asked is asked, and its answer goes the way of every report: over the bus
to the processor, which applies it and tells the agent. Of the others it is said that the report is
missing; one that comes later settles them all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

import structlog

from common.announcing import Publisher
from common.bus.messages import BusError, Outgoing
from common.bus.topology import INBOUND_EXCHANGE, report_key
from common.events import SmsReport
from common.ids import derive
from common.metrics import Metrics
from common.providers.port import FetchedReport
from common.store.report_due import OverdueReports, OverdueText
from health.repeating import repeat
from health.report_answers import Fate, PartAnswer, ReportAsking, fate_of

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
"""Texts that are taken at a time."""

LEASE: Final = 900.0
"""Seconds after which a text that was neither told nor flagged is taken again; longer than asking
for a hundred texts takes."""


class ReportSweep:
    """Looks after overdue reports, on every replica: the store lets each text be taken once.

    Args:
        after: seconds after a text left from which on its report is overdue.
        sooner: the same of providers that do not tell of a text for that long, by name.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        overdue: OverdueReports,
        asking: ReportAsking,
        bus: Publisher,
        metrics: Metrics,
        *,
        after: float,
        interval: float,
        now: Callable[[], datetime],
        sooner: Mapping[str, float] | None = None,
    ):
        self._overdue = overdue
        self._asking = asking
        self._bus = bus
        self._metrics = metrics
        self._after = after
        self._sooner = {
            name: seconds for name, seconds in (sooner or {}).items() if seconds < after
        }
        self._interval = interval
        self._now = now

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until `stopping`."""
        await repeat(self.sweep, stopping, interval=self._interval, name="reports")

    async def sweep(self, stopping: asyncio.Event | None = None) -> None:
        """Look once, and go on while there is more than fits into one look.

        Raises:
            StoreUnavailable: what is left is done in the next sweep.
        """
        for provider, after in ((None, self._after), *self._sooner.items()):
            await self._sweep(provider, after, stopping)

    async def _sweep(
        self, provider: str | None, after: float, stopping: asyncio.Event | None
    ) -> None:
        more = True
        while more and not (stopping is not None and stopping.is_set()):
            texts = await self._overdue.take(
                after=after, lease=LEASE, limit=_AT_ONCE, provider=provider
            )
            for (tenant_id, connection_id), group in groupby(
                sorted(texts, key=_connection), key=_connection
            ):
                await self._look(tenant_id, connection_id, list(group))
            more = len(texts) == _AT_ONCE

    async def _look(self, tenant_id: str, connection_id: str, texts: Sequence[OverdueText]) -> None:
        """Look after the texts of one connection."""
        answers = await self._asking.ask(tenant_id, connection_id, texts)
        fates = {text.id: await self._fate(text, answers[text.id]) for text in texts}
        missing = [text for text in texts if fates[text.id] is Fate.MISSING]
        flagged = await self._overdue.flag(missing)
        for text in texts:
            self._metrics.overdue_reports.labels(text.provider, fates[text.id].value).inc()
        log.info(
            "reports.swept",
            tenant_id=tenant_id,
            connection_id=connection_id,
            overdue=len(texts),
            missing=flagged,
        )

    async def _fate(self, text: OverdueText, answers: Sequence[PartAnswer]) -> Fate:
        """What becomes of a text; what the provider said of it is passed on."""
        try:
            for answer in answers:
                if answer.report is not None:
                    told = self._told(text, answer.provider_message_id, answer.report)
                    await self._bus.publish(told)
        except BusError as error:
            log.warning("report.not_passed_on", message_id=text.id, why=error.code)
            return Fate.LATER
        waited = (self._now() - text.finished_at).total_seconds()
        after = self._sooner.get(text.provider, self._after)
        return fate_of(answers, patient=waited < 2 * after)

    def _told(self, text: OverdueText, provider_id: str, report: FetchedReport) -> Outgoing:
        """The report as the webhook would publish it."""
        event = SmsReport(
            provider=text.provider,
            tenant_id=text.tenant_id,
            connection_id=text.connection_id,
            provider_message_id=provider_id,
            reference=text.id,
            number=text.number,
            remote=text.remote,
            status=report.status,
            code=report.code,
            details=report.details,
            at=report.at,
            accepted_at=self._now(),
        )
        at = report.at.isoformat()
        return Outgoing.of(
            event,
            exchange=INBOUND_EXCHANGE,
            key=report_key(text.provider),
            message_id=derive(event.type, text.provider, provider_id, report.status, at),
        )


def _connection(text: OverdueText) -> tuple[str, str]:
    return text.tenant_id, text.connection_id
