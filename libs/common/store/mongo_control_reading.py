"""Texts as people look at them, read from MongoDB."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from common.store.client import Database, Document, guarded
from common.store.control import (
    ConversationState,
    Happening,
    Hour,
    Page,
    TextFilter,
    TextView,
    Unsettled,
)
from common.store.control_ports import BadCursor
from common.store.cursor import read_cursor, write_cursor
from common.store.documents import INBOUND
from common.store.mongo_changes import watch_happenings
from common.store.mongo_conversations import (
    UNSETTLED,
    MongoConversations,
    numbers_of,
    waiting,
)
from common.store.mongo_walk import between, bounds, first_seq_since, floor_below, of_tenant
from common.store.records import conversation_id
from common.store.text_views import read_text

_COUNTED: Final = 200_000
"""Texts that an overview counts, the newest ones; about half a second."""

_MOST_COUNTED: Final = 10_000
"""Where counting what needs a look stops."""


class MongoReading(MongoConversations):
    """Texts and conversations in MongoDB."""

    def __init__(self, database: Database):
        super().__init__(database)
        self._database = database

    async def thread(
        self, tenant_id: str, conversation_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[TextView]:
        return await self._of_conversations(
            tenant_id, [conversation_id], TextFilter(), limit=limit, cursor=cursor
        )

    @guarded
    async def texts(
        self, tenant_id: str, wanted: TextFilter, *, limit: int, cursor: str | None = None
    ) -> Page[TextView]:
        """As the port says. With a remote, by the instants of its conversations' texts; without,
        in the order of recording."""
        if wanted.remote is None:
            return await self._of_tenant(tenant_id, wanted, limit=limit, cursor=cursor)
        numbers = await numbers_of(self._numbers, tenant_id)
        ids = [
            conversation_id(tenant_id, number, wanted.remote)
            for number in ([wanted.number] if wanted.number is not None else numbers)
        ]
        return await self._of_conversations(tenant_id, ids, wanted, limit=limit, cursor=cursor)

    @guarded
    async def text(self, tenant_id: str, message_id: str) -> TextView | None:
        document = await self._messages.find_one({"_id": message_id, "tenant_id": tenant_id})
        return read_text(document) if document else None

    @guarded
    async def held(self, tenant_id: str) -> int:
        return await self._messages.count_documents(waiting(tenant_id), limit=_MOST_COUNTED)

    @guarded
    async def unsettled(self, tenant_id: str) -> Unsettled:
        uncertain, missing = [
            await self._messages.count_documents(
                {"tenant_id": tenant_id} | UNSETTLED[state], limit=_MOST_COUNTED
            )
            for state in (ConversationState.UNCERTAIN, ConversationState.REPORT_MISSING)
        ]
        return Unsettled(uncertain=uncertain, report_missing=missing)

    @guarded
    async def hours(self, tenant_id: str, *, since: datetime) -> Sequence[Hour]:
        """As the port says, of the newest 200,000 texts at most. Counted are texts that were
        recorded since."""
        first = await first_seq_since(self._messages, tenant_id, since)
        found = self._messages.aggregate(hours_pipeline(tenant_id, first, since))
        counts: dict[tuple[datetime, str], dict[str, int]] = {}
        for document in await found.to_list(None):
            key = document["_id"]
            hour = counts.setdefault((key["hour"], key["connection_id"]), {})
            if key.get("what") in _WHAT:
                hour[key["what"]] = document["number"]
        return [
            Hour(start=start, connection_id=connection_id, **counts[start, connection_id])
            for start, connection_id in sorted(counts)
            if counts[start, connection_id]
        ]

    def happenings(
        self, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[Happening, None]:
        return watch_happenings(self._database, opened=opened)

    async def _of_tenant(
        self, tenant_id: str, wanted: TextFilter, *, limit: int, cursor: str | None
    ) -> Page[TextView]:
        lowest, below = await bounds(self._messages, tenant_id, wanted.since, wanted.until)
        if cursor is not None:
            (at,) = read_cursor(cursor, int)
            below = min(below, at)
        floor = max(lowest, await floor_below(self._messages, tenant_id, below))
        texts = of_tenant(tenant_id, below=below, at_least=floor) | _fields(wanted)
        found = self._messages.find(texts).sort("seq", -1).limit(limit + 1)
        documents = await found.to_list(None)
        items = tuple(map(read_text, documents[:limit]))
        if len(documents) > limit:
            return Page(items, write_cursor(items[-1].seq))
        return Page(items, write_cursor(floor) if floor > lowest else None)

    @guarded
    async def _of_conversations(
        self,
        tenant_id: str,
        ids: Sequence[str],
        wanted: TextFilter,
        *,
        limit: int,
        cursor: str | None,
    ) -> Page[TextView]:
        texts: dict[str, Any] = {"conversation_id": {"$in": list(ids)}, "tenant_id": tenant_id}
        texts |= _fields(wanted)
        if cursor is not None:
            at, seq = _instant_and_seq(cursor)
            texts["at"] = dict(texts.get("at", {})) | {"$lte": at}
            texts["$nor"] = [{"at": at, "seq": {"$gte": seq}}]
        found = self._messages.find(texts).sort([("at", -1), ("seq", -1)]).limit(limit + 1)
        documents = await found.to_list(None)
        items = tuple(map(read_text, documents[:limit]))
        more = len(documents) > limit
        return Page(items, write_cursor(items[-1].at, items[-1].seq) if more else None)


_WHAT: Final = frozenset({"received", "sent", "held", "blocked", "failed", "uncertain"})


def hours_pipeline(tenant_id: str, first: int, since: datetime) -> list[Document]:
    """Counts by hour, connection and what happened. `first` is the `seq` from which the texts were
    recorded since. The client's time-out ends it on the server too (MongoDB docs, "Limit Server
    Execution Time")."""
    what = {"$cond": [{"$eq": ["$direction", INBOUND]}, "received", "$outcome.status"]}
    hour = {"$dateTrunc": {"date": "$at", "unit": "hour"}}
    return [
        {"$match": of_tenant(tenant_id, at_least=first)},
        {"$sort": {"seq": -1}},
        {"$limit": _COUNTED},
        {"$match": {"at": {"$gte": since}}},
        {
            "$group": {
                "_id": {"hour": hour, "connection_id": "$connection_id", "what": what},
                "number": {"$sum": 1},
            }
        },
    ]


def _fields(wanted: TextFilter) -> dict[str, Any]:
    """The filter without the remote, which its conversations stand for."""
    fields: Mapping[str, Any] = {
        "number": wanted.number,
        "direction": wanted.direction.value if wanted.direction else None,
        "status": wanted.status,
        "state": wanted.state,
    }
    chosen = {name: value for name, value in fields.items() if value is not None}
    if wanted.report_missing is not None:
        chosen["report_missing_at"] = {"$exists": wanted.report_missing}
    return chosen | between(wanted.since, wanted.until)


def _instant_and_seq(cursor: str) -> tuple[datetime, int]:
    at, seq = read_cursor(cursor, datetime, int)
    try:
        return at.astimezone(UTC), seq
    except OverflowError as error:
        raise BadCursor("The cursor is beyond the calendar.") from error
