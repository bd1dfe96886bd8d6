"""Delivery reports in memory."""

from __future__ import annotations

from collections.abc import Sequence

from common.store.documents import OUTBOUND, applied_report
from common.store.memory_database import Document, Memory
from common.store.records import AppliedReport, NewReport
from common.store.report_effects import apply_report, text_of


class MemoryReports:
    """The delivery reports' half of the inbound store, in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def apply_reports(self, reports: Sequence[NewReport]) -> Sequence[AppliedReport]:
        found = [self._find(report) for report in reports]
        for report, document in zip(reports, found, strict=True):
            if document is not None:
                apply_report(document, report)
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
        named = next((item for item in texts if item["_id"] == report.reference), None)
        if named is not None:
            command = {
                item["_id"]: item["remote"] for item in texts if _command(item) == _command(named)
            }
            text_id = text_of(report, named["_id"], command)
            if text_id is not None:
                return self._memory.messages[text_id]
        return next((item for item in texts if _known_as(item, report)), None)

    async def mark_told(self, applied: Sequence[AppliedReport]) -> None:
        for item in applied:
            document = self._memory.messages.get(item.message_id or "")
            if document is None or document["tenant_id"] != item.report.tenant_id:
                continue
            if item.news and (document["report"] or {}).get("id") == item.report.id:
                document["report_told"] = item.report.id


def _command(text: Document) -> tuple[str, str]:
    return (text["agent_id"], text["command_id"])


def _known_as(text: Document, report: NewReport) -> bool:
    """Whether the provider knows the text, or a part of it, by the report's ID."""
    ids = (text["provider_message_id"], *text.get("part_ids", ()))
    return text["provider"] == report.provider and report.provider_message_id in ids
