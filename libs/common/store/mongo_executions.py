"""The lives of texts, read from MongoDB."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import DESCENDING

from common.store.client import Database, Document, guarded
from common.store.control import Page
from common.store.cursor import read_cursor, write_cursor
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
        return await self._with_answers(tenant_id, await self._newest(tenant_id, limit=limit))

    @guarded
    async def page(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[Execution]:
        (below,) = read_cursor(cursor, int) if cursor is not None else (None,)
        found = await self._newest(tenant_id, limit=limit + 1, below=below)
        shown = found[:limit]
        items = tuple(await self._with_answers(tenant_id, shown))
        return Page(items, write_cursor(int(shown[-1]["seq"])) if len(found) > limit else None)

    async def _newest(
        self, tenant_id: str, *, limit: int, below: int | None = None
    ) -> list[Document]:
        wanted: Document = {"tenant_id": tenant_id, "direction": INBOUND}
        if below is not None:
            wanted["seq"] = {"$lt": below}
        found = self._messages.find(wanted).sort("seq", DESCENDING).limit(limit)
        return await found.to_list(None)

    async def _with_answers(self, tenant_id: str, inbounds: list[Document]) -> list[Execution]:
        names = [name for inbound in inbounds for name in names_of(inbound["_id"])]
        answers = self._messages.find(
            {"tenant_id": tenant_id, "in_reply_to": {"$in": names, "$gt": ""}}
        )
        return executions(inbounds, await answers.sort("seq", 1).to_list(None))
