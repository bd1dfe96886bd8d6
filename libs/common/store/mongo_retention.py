"""What may be forgotten after a while, in MongoDB: finished texts, and entries of the audit trail.

Nothing else goes. A person's word on texts from us is evidence for as long as it stands, and a
newer word may be revoked by nobody who has lost the older one; the rest is configuration, or goes
by itself.

A text that is forgotten was never recorded: a copy of it that came now would be a new one. So its
age has to exceed by far the time in which a provider, the broker or an agent may repeat something.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Final

from common.store.client import Collection, Database, Document, guarded
from common.store.documents import INBOUND, OUTBOUND
from common.store.mongo_audit import ids_between
from common.store.mongo_walk import first_seq_since, of_tenant
from common.store.records import SendState
from common.store.schema import AUDIT, MESSAGES, TENANTS

LEAST_DAYS: Final = 30
"""Event Grid repeats a delivery for 24 hours, other providers for up to three days; a report counts
as missing after up to two weeks; and a parked message is replayed when a person finds the time."""


def finished(before: datetime) -> Document:
    """Texts of which nobody waits for anything any more, since before an instant: handed over; or
    finished, told, and neither held nor uncertain nor waiting for a report."""
    past: Document = {"$lt": before}
    inbound: Document = {
        "direction": INBOUND,
        "handed_over_at": past,
        "duplicate_at": {"$not": {"$gte": before}},
    }
    outbound: Document = {
        "direction": OUTBOUND,
        "state": SendState.FINISHED.value,
        "finished_at": past,
        "open": {"$ne": True},
        "status": {"$ne": "uncertain"},
        "report_due_at": {"$exists": False},
        "$or": [{"approval": None}, {"approval.told_at": past}],
    }
    return {"$or": [inbound, outbound]}


class MongoRetention:
    """Forgets by the batch, so that texts on their way are not kept waiting."""

    def __init__(self, database: Database):
        self._messages = database.collection(MESSAGES)
        self._audit = database.collection(AUDIT)
        self._tenants = database.collection(TENANTS)

    async def forget_texts(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]:
        """Delete finished texts of every tenant that were recorded before an instant, oldest first;
        yields how many each batch had.

        Raises:
            StoreUnavailable: what is left is done the next time.
        """
        for tenant_id in await self._tenant_ids():
            async for deleted in self._forget_of(tenant_id, before, batch):
                yield deleted

    async def forget_audit(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]:
        """The same of entries of the audit trail, whose IDs rise with time.

        Raises:
            StoreUnavailable: as above.
        """
        old: Document = {
            "_id": ids_between(None, before - timedelta(minutes=1)),
            "at": {"$lt": before},
        }
        while deleted := await self._forget_entries(old, batch):
            yield deleted

    async def _forget_of(
        self, tenant_id: str, before: datetime, batch: int
    ) -> AsyncGenerator[int, None]:
        """By the tenant's index. What is still open stays, and is passed by: the walk goes on
        behind the last text of a batch."""
        below = await guarded(first_seq_since)(self._messages, tenant_id, before)
        done, reached = finished(before), 0
        while True:
            found = await self._after(tenant_id, reached, below, done, batch)
            if not found:
                return
            reached = int(found[-1]["seq"]) + 1
            ids: Document = {"_id": {"$in": [one["_id"] for one in found]}}
            yield await self._delete(self._messages, ids | {"tenant_id": tenant_id} | done)

    @guarded
    async def _tenant_ids(self) -> list[str]:
        return [one["_id"] async for one in self._tenants.find({}, {"_id": True}).sort("_id", 1)]

    @guarded
    async def _after(
        self, tenant_id: str, reached: int, below: int, done: Document, batch: int
    ) -> list[Document]:
        wanted = of_tenant(tenant_id, below=below, at_least=reached) | done
        found = self._messages.find(wanted, {"seq": True}).sort("seq", 1).limit(batch)
        return await found.to_list(None)

    @guarded
    async def _forget_entries(self, old: Document, batch: int) -> int:
        found = self._audit.find(old, {"_id": True}).sort("_id", 1).limit(batch)
        ids = [one["_id"] for one in await found.to_list(None)]
        return await self._delete(self._audit, {"_id": {"$in": ids}}) if ids else 0

    @guarded
    async def _delete(self, collection: Collection, which: Document) -> int:
        answer = await collection.delete_many(which)
        return int(answer.deleted_count)
