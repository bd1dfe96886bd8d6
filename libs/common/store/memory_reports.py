"""Delivery reports in memory."""

from __future__ import annotations

from collections.abc import Sequence

from common.store.documents import OUTBOUND, applied_report, report_document
from common.store.memory_database import Document, Memory
from common.store.records import REPORT_RANK, AppliedReport, NewReport


class MemoryReports:
    """The delivery reports' half of the inbound store, in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def apply_reports(self, reports: Sequence[NewReport]) -> Sequence[AppliedReport]:
        found = [self._find(report) for report in reports]
        for report, document in zip(reports, found, strict=True):
            if document is not None:
                _raise_status(document, report)
        return [
            applied_report(report, document)
            for report, document in zip(reports, found, strict=True)
        ]

    def _find(self, report: NewReport) -> Document | None:
        texts = [
            item
            for item in self._memory.messages.values()
            if item["direction"] == OUTBOUND and item["tenant_id"] == report.tenant_id
        ]
        by_reference = (item for item in texts if item["_id"] == report.reference)
        named = (report.provider, report.provider_message_id)
        by_name = (
            item for item in texts if (item["provider"], item["provider_message_id"]) == named
        )
        return next(by_reference, None) or next(by_name, None)

    async def mark_told(self, applied: Sequence[AppliedReport]) -> None:
        for item in applied:
            document = self._memory.messages.get(item.message_id or "")
            if document is None or document["tenant_id"] != item.report.tenant_id:
                continue
            if item.tell and (document["report"] or {}).get("id") == item.report.id:
                document["report_told"] = item.report.id


def _raise_status(document: Document, report: NewReport) -> None:
    rank = REPORT_RANK[report.status]
    if document["provider_message_id"] is None:
        document["provider_message_id"] = report.provider_message_id
    if rank > document["rank"]:
        document |= {
            "rank": rank,
            "status": report.status.value,
            "report": report_document(report),
        }
