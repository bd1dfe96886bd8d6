"""Inbound texts in MongoDB: recorded, deduplicated and claimed by the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from common.store.claims import claim_of_inbound, settle_repeats
from common.store.client import DUPLICATE_KEY, Database, Document, guarded
from common.store.clock import Clock, after, milliseconds, utc_now
from common.store.documents import (
    INBOUND,
    PAST_TEXT_FIELDS,
    inbound_document,
    past_text,
    read_inbound,
)
from common.store.mongo_reports import MongoReports
from common.store.records import Claim, Inbound, NewInbound, PastText
from common.store.schema import COUNTERS, MESSAGES
from common.store.sequence import reserve


class MongoInbound(MongoReports):
    """Inbound texts and delivery reports in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        super().__init__(database)
        self._counters = database.collection(COUNTERS)
        self._clock = clock

    @guarded
    async def record(
        self, texts: Sequence[NewInbound], *, owner: str, lease: float
    ) -> Sequence[Inbound]:
        """As the port says. A text that stands in `texts` twice is `BUSY` the second time, unless
        it is `FINISHED`."""
        if not texts:
            return []
        now = milliseconds(self._clock())
        lease_until = after(now, lease)
        ids = [text.id for text in texts]
        unique = dict(zip(reversed(ids), reversed(texts), strict=True))
        in_time = sorted(unique.items(), key=lambda item: item[1].at)
        first = await reserve(self._counters, len(in_time))
        documents = {
            text_id: inbound_document(
                text, text_id=text_id, seq=seq, now=now, owner=owner, lease_until=lease_until
            )
            for seq, (text_id, text) in enumerate(in_time, first)
        }
        known = await self._insert(list(documents.values()))
        recorded = {
            text_id: read_inbound(document, Claim.FRESH)
            for text_id, document in documents.items()
            if text_id not in known
        }
        if known:
            again = [documents[text_id] for text_id in known]
            recorded |= await self._take_known(again, now, owner, lease_until)
        results = settle_repeats(ids, recorded)
        await self._count_duplicates(results, now)
        return results

    async def _insert(self, documents: list[Document]) -> frozenset[str]:
        """Insert all; returns the IDs that were there before."""
        try:
            await self._messages.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            errors = error.details.get("writeErrors", [])
            other = any(item["code"] != DUPLICATE_KEY for item in errors)
            if other or error.details.get("writeConcernErrors"):
                raise
            return frozenset(documents[item["index"]]["_id"] for item in errors)
        return frozenset()

    async def _take_known(
        self, attempted: list[Document], now: datetime, owner: str, lease_until: datetime
    ) -> dict[str, Inbound]:
        """Claim texts that were recorded before, where their lease has run out."""
        found = self._messages.find(
            {
                "_id": {"$in": [document["_id"] for document in attempted]},
                "tenant_id": {"$in": list({document["tenant_id"] for document in attempted})},
            }
        )
        # One that is gone again (a failover undid it) is for the next delivery to record.
        taken = {document["_id"]: read_inbound(document, Claim.BUSY) for document in attempted}
        for document in await found.to_list(None):
            text_id, claim = document["_id"], claim_of_inbound(document, now, owner)
            if claim is Claim.RESUMED and not await self._take(document, now, owner, lease_until):
                claim = Claim.BUSY
            taken[text_id] = read_inbound(document, claim)
        return taken

    async def _take(
        self, document: Document, now: datetime, owner: str, lease_until: datetime
    ) -> bool:
        taken = await self._messages.find_one_and_update(
            {
                "_id": document["_id"],
                "tenant_id": document["tenant_id"],
                "handed_over_at": None,
                "$or": [{"lease_until": {"$lt": now}}, {"lease_owner": owner}],
            },
            {"$set": {"lease_owner": owner, "lease_until": lease_until}},
            projection={"_id": True},
            return_document=ReturnDocument.AFTER,
        )
        return taken is not None

    async def _count_duplicates(self, results: Sequence[Inbound], now: datetime) -> None:
        finished = [item for item in results if item.claim is Claim.FINISHED]
        counted = Counter((item.text.tenant_id, item.id) for item in finished)
        if not counted:
            return
        await self._messages.bulk_write(
            [
                UpdateOne(
                    {"_id": text_id, "tenant_id": tenant_id},
                    {"$inc": {"duplicates": count}, "$set": {"duplicate_at": now}},
                )
                for (tenant_id, text_id), count in counted.items()
            ],
            ordered=False,
        )

    @guarded
    async def histories(
        self, texts: Sequence[Inbound], *, limit: int
    ) -> Mapping[str, Sequence[PastText]]:
        histories: dict[str, Sequence[PastText]] = {text.id: () for text in texts}
        if not histories or limit < 1:
            return histories
        tenants = {text.text.tenant_id for text in texts}
        found = self._messages.aggregate(histories_pipeline(histories, tenants, limit))
        for document in await found.to_list(None):
            histories[document["_id"]] = [past_text(past) for past in reversed(document["past"])]
        return histories

    @guarded
    async def mark_handed_over(self, ids: Sequence[str], *, tenant_ids: frozenset[str]) -> None:
        if not ids:
            return
        now = milliseconds(self._clock())
        await self._messages.update_many(
            {
                "_id": {"$in": list(ids)},
                "tenant_id": {"$in": list(tenant_ids)},
                "direction": INBOUND,
                "handed_over_at": None,
            },
            {"$set": {"handed_over_at": now, "lease_owner": None}},
        )


def histories_pipeline(
    ids: Collection[str], tenants: Collection[str], limit: int
) -> list[Document]:
    """One query for the histories of many texts. Each conversation is read backwards through the
    history index and left after `limit` texts, however long it is."""
    return [
        {"$match": {"_id": {"$in": list(ids)}, "tenant_id": {"$in": list(tenants)}}},
        {"$project": {"conversation_id": True, "seq": True}},
        {
            "$lookup": {
                "from": MESSAGES,
                "localField": "conversation_id",
                "foreignField": "conversation_id",
                "let": {"own": "$seq"},
                "pipeline": [
                    {"$match": {"in_history": True, "$expr": {"$lt": ["$seq", "$$own"]}}},
                    {"$sort": {"at": -1, "seq": -1}},
                    {"$limit": limit},
                    {"$project": dict.fromkeys(PAST_TEXT_FIELDS, True)},
                ],
                "as": "past",
            }
        },
        {"$project": {"past": True}},
    ]
