"""The lives of texts, read from MongoDB."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import DESCENDING

from common.store.client import Database, Document, guarded
from common.store.documents import INBOUND
from common.store.lives import executions, names_of
from common.store.records import Execution
from common.store.schema import MESSAGES


class MongoExecutions:
    """Executions in MongoDB."""

    def __init__(self, database: Database):
        self._messages = database.collection(MESSAGES)

    @guarded
    async def of_message(self, tenant_id: str, message_id: str) -> Execution | None:
        inbound = await self._messages.find_one(
            {"_id": message_id, "tenant_id": tenant_id, "direction": INBOUND}
        )
        if inbound is None:
            return None
        found = await self._with_answers(tenant_id, [inbound])
        return found[0]

    @guarded
    async def latest(self, tenant_id: str, *, limit: int) -> Sequence[Execution]:
        if limit < 1:
            return []
        found = self._messages.find({"tenant_id": tenant_id, "direction": INBOUND})
        newest = found.sort("seq", DESCENDING).limit(limit)
        return await self._with_answers(tenant_id, await newest.to_list(None))

    async def _with_answers(self, tenant_id: str, inbounds: list[Document]) -> list[Execution]:
        names = [name for inbound in inbounds for name in names_of(inbound["_id"])]
        answers = self._messages.find(
            {"tenant_id": tenant_id, "in_reply_to": {"$in": names, "$gt": ""}}
        )
        return executions(inbounds, await answers.sort("seq", 1).to_list(None))
