"""Delivery reports in MongoDB, applied by the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pymongo import UpdateOne

from common.store.client import Database, Document, guarded
from common.store.documents import OUTBOUND, applied_report, report_document
from common.store.records import REPORT_RANK, AppliedReport, NewReport
from common.store.schema import MESSAGES

_KEY: Final[Document] = {
    "tenant_id": True,
    "provider": True,
    "provider_message_id": True,
}
_TOLD: Final[Document] = {
    "agent_id": True,
    "command_id": True,
    "report": True,
    "report_told": True,
    "traceparent": True,
}


class MongoReports:
    """The delivery reports' half of the inbound store."""

    def __init__(self, database: Database):
        self._messages = database.collection(MESSAGES)

    @guarded
    async def apply_reports(self, reports: Sequence[NewReport]) -> Sequence[AppliedReport]:
        if not reports:
            return []
        found = await self._find_texts(reports)
        pairs = list(zip(reports, found, strict=True))
        writes = [
            UpdateOne({"_id": text_id, "tenant_id": report.tenant_id}, _raise_status(report))
            for report, text_id in pairs
            if text_id is not None
        ]
        if not writes:
            return [applied_report(report, None) for report in reports]
        # Ordered, so that of two reports of one rank the first one stays.
        await self._messages.bulk_write(writes, ordered=True)
        known = await self._by_id(reports, [text_id for _, text_id in pairs if text_id], _TOLD)
        return [
            applied_report(report, known.get((report.tenant_id, text_id)) if text_id else None)
            for report, text_id in pairs
        ]

    async def _find_texts(self, reports: Sequence[NewReport]) -> list[str | None]:
        """The ID of each report's text: by our reference, else by the provider's message ID."""
        references = [report.reference for report in reports if report.reference]
        by_id = await self._by_id(reports, references, {"tenant_id": True}) if references else {}
        found: list[str | None] = [
            report.reference if (report.tenant_id, report.reference) in by_id else None
            for report in reports
        ]
        missing = [report for report, text_id in zip(reports, found, strict=True) if not text_id]
        if missing:
            ids = await self._by_provider_id(missing)
            found = [text_id or ids.get(_key(r)) for r, text_id in zip(reports, found, strict=True)]
        return found

    async def _by_id(
        self, reports: Sequence[NewReport], ids: list[str], fields: Document
    ) -> dict[tuple[str, str | None], Document]:
        found = self._messages.find(
            {
                "_id": {"$in": ids},
                "tenant_id": {"$in": list({report.tenant_id for report in reports})},
                "direction": OUTBOUND,
            },
            fields | {"tenant_id": True},
        )
        return {(item["tenant_id"], item["_id"]): item for item in await found.to_list(None)}

    async def _by_provider_id(self, reports: Sequence[NewReport]) -> dict[Any, str]:
        wanted: dict[tuple[str, str], set[str]] = {}
        for report in reports:
            ids = wanted.setdefault((report.tenant_id, report.provider), set())
            ids.add(report.provider_message_id)
        found = self._messages.find(
            {
                "$or": [
                    {
                        "direction": OUTBOUND,
                        "tenant_id": tenant_id,
                        "provider": provider,
                        "provider_message_id": {"$in": list(ids), "$gt": ""},
                    }
                    for (tenant_id, provider), ids in wanted.items()
                ]
            },
            _KEY,
        )
        return {
            (item["tenant_id"], item["provider"], item["provider_message_id"]): item["_id"]
            for item in await found.to_list(None)
        }

    @guarded
    async def mark_told(self, applied: Sequence[AppliedReport]) -> None:
        writes = [
            UpdateOne(
                {
                    "_id": item.message_id,
                    "tenant_id": item.report.tenant_id,
                    "report.id": item.report.id,
                },
                {"$set": {"report_told": item.report.id}},
            )
            for item in applied
            if item.message_id is not None and item.tell
        ]
        if writes:
            await self._messages.bulk_write(writes, ordered=False)


def _key(report: NewReport) -> tuple[str, str, str]:
    return (report.tenant_id, report.provider, report.provider_message_id)


def _raise_status(report: NewReport) -> list[Document]:
    """Note the report where it raises the rank, and the provider's ID where none is known yet."""
    rank = REPORT_RANK[report.status]
    higher = {"$lt": ["$rank", rank]}

    def if_higher(value: Any, field: str) -> Document:
        return {"$cond": [higher, {"$literal": value}, field]}

    return [
        {
            "$set": {
                "report": if_higher(report_document(report), "$report"),
                "status": if_higher(report.status.value, "$status"),
                "rank": if_higher(rank, "$rank"),
                "provider_message_id": {
                    "$ifNull": [
                        "$provider_message_id",
                        {"$literal": report.provider_message_id},
                    ]
                },
            }
        }
    ]
