"""Publishes delivery reports, and bends their way as the faults in force demand."""

import asyncio
from collections.abc import Coroutine

from local.simulator.backwards import Backwards
from local.simulator.event_grid import EventGrid
from local.simulator.events import SmsEvent
from local.simulator.faults import (
    DuplicateReports,
    EarlyReports,
    FaultBook,
    LateReports,
    MissingReports,
    ReorderReports,
)
from local.simulator.journal import Journal


class Reports:
    """The way of a report from the carrier to Event Grid."""

    def __init__(self, *, grid: EventGrid, faults: FaultBook, journal: Journal) -> None:
        self._grid = grid
        self._faults = faults
        self._journal = journal
        self._backwards = Backwards(self._publish_held, self._spawn)
        self._flushes: set[asyncio.Task[None]] = set()

    async def run_ahead(self, reports: list[SmsEvent]) -> list[SmsEvent]:
        """Deliver the reports that must beat their send's answer; gives the others back."""
        early: list[SmsEvent] = []
        others: list[SmsEvent] = []
        for report in reports:
            taken = self._faults.take(EarlyReports, [report.data["to"]])
            (early if taken else others).append(report)
        for report in early:
            copies = self._copies(report)
            self._record(report, "early_reports")
            await self._grid.publish_and_wait(report, copies=copies)
        return others

    async def publish(self, report: SmsEvent) -> None:
        """Publish one report in its normal time, which is after its send's answer."""
        phone = [report.data["to"]]
        if self._faults.take(MissingReports, phone):
            self._record(report, "missing_reports")
        elif reorder := self._faults.take(ReorderReports, phone):
            self._record(report, "reorder_reports")
            self._backwards.hold(report, reorder)
        else:
            late = self._faults.take(LateReports, phone)
            self._record(report, "late_reports" if late else None)
            delay = late.seconds if late else 0.0
            await self._grid.publish(report, copies=self._copies(report), delay=delay)

    async def close(self) -> None:
        """Forget what is held."""
        self._backwards.forget()
        for flush in self._flushes:
            flush.cancel()
        await asyncio.gather(*self._flushes, return_exceptions=True)

    def _copies(self, report: SmsEvent) -> int:
        duplicate = self._faults.take(DuplicateReports, [report.data["to"]])
        return duplicate.copies if duplicate else 1

    async def _publish_held(self, report: SmsEvent) -> None:
        await self._grid.publish_and_wait(report, copies=self._copies(report))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    def _record(self, report: SmsEvent, fault: str | None) -> None:
        self._journal.record(
            "report",
            message_id=report.id,
            to=report.data["to"],
            status=report.data["deliveryStatus"],
            details=report.data["deliveryStatusDetails"],
            fault=fault,
        )
