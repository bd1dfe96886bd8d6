"""Overdue delivery reports in MongoDB: each text is taken by one replica at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import uuid4

from pymongo import ASCENDING

from common.store.client import Database, Document, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.records import RANK_FINAL
from common.store.report_due import OverdueText, read_overdue
from common.store.schema import MESSAGES

_FIELDS: Final[Document] = {
    "tenant_id": True,
    "connection_id": True,
    "provider": True,
    "number": True,
    "remote": True,
    "finished_at": True,
    "provider_message_id": True,
    "part_ids": True,
    "part_reports": True,
}


class MongoReportSweep:
    """Overdue delivery reports in MongoDB.

    A taken text bears the token of who took it (`report_sweep`) and is due again when the lease is
    over; both go when its final report comes, and with the flag.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._messages = database.collection(MESSAGES)
        self._clock = clock

    @guarded
    async def take(
        self, *, after: float, lease: float, limit: int, provider: str | None = None
    ) -> Sequence[OverdueText]:
        now = milliseconds(self._clock())
        # `$exists` repeats the index's filter.
        over = {"$exists": True, "$lte": now - timedelta(seconds=after)}
        whose: Document = {"provider": provider} if provider is not None else {}
        found = self._messages.find({"report_due_at": over} | whose, {"_id": True})
        due = await found.sort("report_due_at", ASCENDING).limit(limit).to_list(None)
        if not due:
            return []
        # Of two that take at the same time each text goes to one: for the other it is not due.
        mine: Document = {"_id": {"$in": [text["_id"] for text in due]}}
        token, again = uuid4().hex, now - timedelta(seconds=after - lease)
        await self._messages.update_many(
            mine | {"report_due_at": over},
            {"$set": {"report_sweep": token, "report_due_at": again}},
        )
        taken = self._messages.find(mine | {"report_sweep": token}, _FIELDS)
        texts = [read_overdue(text) for text in await taken.to_list(None)]
        return sorted(texts, key=lambda text: text.finished_at)

    @guarded
    async def flag(self, texts: Sequence[OverdueText]) -> int:
        if not texts:
            return 0
        flagged = await self._messages.update_many(
            {
                "_id": {"$in": [text.id for text in texts]},
                "tenant_id": {"$in": list({text.tenant_id for text in texts})},
                "report_due_at": {"$exists": True},
                "rank": {"$lt": RANK_FINAL},
            },
            {
                "$set": {"report_missing_at": milliseconds(self._clock())},
                "$unset": {"report_due_at": "", "report_sweep": ""},
            },
        )
        return int(flagged.modified_count)
