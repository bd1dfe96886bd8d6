"""Delivery reports in MongoDB, applied by the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pymongo import UpdateOne

from common.store.client import Database, Document, guarded
from common.store.documents import OUTBOUND, applied_report
from common.store.records import AppliedReport, NewReport, outbound_id
from common.store.report_effects import text_of
from common.store.report_pipeline import report_pipeline
from common.store.schema import MESSAGES
from heliograph.models import MAX_RECIPIENTS

_KEY: Final[Document] = {
    "tenant_id": True,
    "provider": True,
    "provider_message_id": True,
    "part_ids": True,
}
_COMMAND: Final[Document] = {"agent_id": True, "command_id": True, "remote": True}
_TOLD: Final[Document] = {
    "agent_id": True,
    "command_id": True,
    "report": True,
    "report_told": True,
    "notice": True,
    "traceparent": True,
    "outcome.status": True,
    "sent_at": True,
    "begun_at": True,
    "number": True,
    "remote": True,
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
            UpdateOne({"_id": text_id, "tenant_id": report.tenant_id}, report_pipeline(report))
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

    @guarded
    async def text_of(self, report: NewReport) -> str | None:
        """The ID of the text that a report is about, None where none is known."""
        (text_id,) = await self._find_texts([report])
        return text_id

    async def _find_texts(self, reports: Sequence[NewReport]) -> list[str | None]:
        """The ID of each report's text: by our reference, else by the provider's message ID."""
        found = await self._by_reference(reports)
        missing = [report for report, text_id in zip(reports, found, strict=True) if not text_id]
        if missing:
            ids = await self._by_provider_id(missing)
            found = [text_id or ids.get(_key(r)) for r, text_id in zip(reports, found, strict=True)]
        return found

    async def _by_reference(self, reports: Sequence[NewReport]) -> list[str | None]:
        references = [report.reference for report in reports if report.reference]
        named = await self._by_id(reports, references, _COMMAND) if references else {}
        texts = [named.get((report.tenant_id, report.reference)) for report in reports]
        doubtful = [
            text
            for report, text in zip(reports, texts, strict=True)
            if text is not None and report.remote not in {"", text["remote"]}
        ]
        commands = await self._commands(reports, doubtful) if doubtful else {}
        return [
            text_of(report, text["_id"], commands.get(_command(text), {})) if text else None
            for report, text in zip(reports, texts, strict=True)
        ]

    async def _commands(
        self, reports: Sequence[NewReport], texts: Sequence[Document]
    ) -> dict[tuple[str, str, str], dict[str, str]]:
        """The texts of each one's command, their remotes by ID. A command's texts have IDs that
        follow from the index, so no index on the command is needed."""
        ids = [
            outbound_id(*command, index)
            for command in {_command(text) for text in texts}
            for index in range(MAX_RECIPIENTS)
        ]
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for text in (await self._by_id(reports, ids, _COMMAND)).values():
            found.setdefault(_command(text), {})[text["_id"]] = text["remote"]
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
                        field: {"$in": list(ids), "$gt": ""},
                    }
                    for (tenant_id, provider), ids in wanted.items()
                    for field in ("provider_message_id", "part_ids")
                ]
            },
            _KEY,
        )
        return {
            (item["tenant_id"], item["provider"], provider_id): item["_id"]
            for item in await found.to_list(None)
            for provider_id in (*item.get("part_ids", ()), item["provider_message_id"])
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
            if item.message_id is not None and item.news
        ]
        if writes:
            await self._messages.bulk_write(writes, ordered=False)


def _key(report: NewReport) -> tuple[str, str, str]:
    return (report.tenant_id, report.provider, report.provider_message_id)


def _command(text: Document) -> tuple[str, str, str]:
    return (text["tenant_id"], text["agent_id"], text["command_id"])
