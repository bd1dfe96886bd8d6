"""The lives of texts, read from MongoDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import DESCENDING

from common.store.client import Database, Document, guarded
from common.store.control import Page
from common.store.cursor import read_cursor, write_cursor
from common.store.documents import INBOUND
from common.store.lives import executions, names_of
from common.store.mongo_walk import between, bounds, floor_below, of_tenant
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
        newest = await found.sort("seq", DESCENDING).limit(limit).to_list(None)
        return await self._with_answers(tenant_id, newest)

    @guarded
    async def page(
        self,
        tenant_id: str,
        *,
        number: str | None = None,
        remote: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Execution]:
        lowest, below = await bounds(self._messages, tenant_id, since, until)
        if cursor is not None:
            (at,) = read_cursor(cursor, int)
            below = min(below, at)
        floor = max(lowest, await floor_below(self._messages, tenant_id, below))
        wanted: Document = of_tenant(tenant_id, below=below, at_least=floor)
        wanted |= {"direction": INBOUND} | between(since, until)
        asked = {"number": number, "remote": remote}
        wanted |= {name: value for name, value in asked.items() if value is not None}
        found = self._messages.find(wanted).sort("seq", DESCENDING).limit(limit + 1)
        documents = await found.to_list(None)
        shown = documents[:limit]
        items = tuple(await self._with_answers(tenant_id, shown))
        if len(documents) > limit:
            return Page(items, write_cursor(int(shown[-1]["seq"])))
        return Page(items, write_cursor(floor) if floor > lowest else None)

    async def _with_answers(self, tenant_id: str, inbounds: list[Document]) -> list[Execution]:
        names = [name for inbound in inbounds for name in names_of(inbound["_id"])]
        answers = self._messages.find(
            {"tenant_id": tenant_id, "in_reply_to": {"$in": names, "$gt": ""}}
        )
        return executions(inbounds, await answers.sort("seq", 1).to_list(None))
