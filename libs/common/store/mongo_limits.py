"""The limits of numbers in MongoDB: one document a scope, and one atomic update a question, on the
server's clock (`$$NOW`, MongoDB docs, "Aggregation Variables"). So replicas need not agree on the
time, and no two of them are given the same capacity."""

from __future__ import annotations

from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, guarded
from common.store.clock import Clock
from common.store.limit_documents import admission, limit_id
from common.store.limit_pipeline import Stage, admitting, giving_back, pausing
from common.store.limit_ports import Admission, Allowance, Ask
from common.store.schema import LIMITS

_SERVERS_NOW: Final = "$$NOW"


class MongoLimits:
    """The limits in MongoDB.

    Args:
        clock: stands in for the server's clock, in tests.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None):
        self._limits = database.collection(LIMITS)
        self._clock = clock

    @guarded
    async def admit(self, tenant_id: str, allowance: Allowance, ask: Ask) -> Admission:
        update = admitting(tenant_id, allowance, ask, now=self._now())
        answer = (await self._update(limit_id(tenant_id, allowance.scope), update))["answer"]
        return admission(
            granted=int(answer["granted"]),
            wanted=int(answer["wanted"]),
            cap=answer["cap"],
            until=int(answer["until"]),
            slot=int(answer["slot"]) if answer["slot"] is not None else None,
            now=int(answer["now"]),
        )

    @guarded
    async def slow(self, tenant_id: str, scope: str, seconds: float) -> None:
        update = pausing(tenant_id, scope, seconds, now=self._now())
        await self._update(limit_id(tenant_id, scope), update)

    @guarded
    async def give_back(self, tenant_id: str, allowance: Allowance, recipients: int) -> None:
        key = limit_id(tenant_id, allowance.scope)
        await self._limits.update_one(
            {"_id": key}, giving_back(allowance, recipients, now=self._now())
        )

    async def _update(self, key: str, update: list[Stage]) -> Document:
        while True:
            try:
                document: Document = await self._limits.find_one_and_update(
                    {"_id": key}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:  # Another ask made the document at the same moment.
                continue
            return document

    def _now(self) -> Any:
        return self._clock() if self._clock is not None else _SERVERS_NOW
