"""Conversations in MongoDB. They have no collection of their own, which every insert would have to
keep up to date: a conversation stands where its newest text stands among its tenant's texts.

A list is a walk through the texts as they were when its first page was made. A conversation is
shown at the first of its texts that the walk meets, which on a later page takes a look at whether
an earlier page has met one. So a list is complete and repeats nothing, whatever arrives meanwhile;
what a conversation shows as its newest text is always the newest there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.store.client import Collection, Database, Document, guarded
from common.store.control import ConversationState, ConversationView, Page
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_walk import bounds, floor_below, of_tenant
from common.store.records import SendState, conversation_id
from common.store.schema import CONSENTS, MESSAGES, NUMBERS
from common.store.text_views import read_text

_BATCH: Final = 500
"""Texts that one step of a walk reads."""

UNSETTLED: Final[Mapping[ConversationState, Document]] = {
    ConversationState.UNCERTAIN: {"status": "uncertain"},
    ConversationState.REPORT_MISSING: {"report_missing_at": {"$exists": True}},
}
"""The texts that put a conversation into a state. Each is the filter of an index."""

_NEWEST: Final = {"seq": "$seq", "id": "$_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which conversations; the times are of a conversation's newest text."""

    number: str | None
    since: datetime | None
    until: datetime | None
    state: ConversationState | None

    def at(self, instant: datetime) -> bool:
        """Whether the newest text is of the time."""
        after = self.since is None or instant >= self.since
        return after and (self.until is None or instant <= self.until)

    @property
    def any_time(self) -> bool:
        return self.since is None and self.until is None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: `top` is the newest text of the list, `below` the text before which the
    page before ended, `lowest` the text at which the list ends."""

    top: int
    below: int
    lowest: int = 0

    def cursor(self, below: int) -> str:
        return write_cursor(self.top, below)


@dataclass(frozen=True, slots=True)
class _Head:
    """The newest text of a conversation within a list."""

    text_id: str
    conversation_id: str
    seq: int


class MongoConversations:
    """Conversations in MongoDB."""

    def __init__(self, database: Database):
        self._messages = database.collection(MESSAGES)
        self._consents = database.collection(CONSENTS)
        self._numbers = database.collection(NUMBERS)

    @guarded
    async def conversations(
        self,
        tenant_id: str,
        *,
        number: str | None = None,
        remote: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        state: ConversationState | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[ConversationView]:
        wanted = _Wanted(number=number, since=since, until=until, state=state)
        place = await self._place(tenant_id, cursor, wanted)
        if remote is not None:
            ids = await self._ids_with(tenant_id, number, remote)
            found, end = await self._heads_of(tenant_id, ids, place), 0
            heads = await self._matching(tenant_id, found, wanted)
        else:
            heads, end = await self._walk(tenant_id, wanted, place, limit + 1)
        shown = heads[:limit]
        views = await self._views(tenant_id, shown)
        if len(heads) > limit:
            return Page(views, place.cursor(shown[-1].seq))
        return Page(views, place.cursor(end) if end else None)

    @guarded
    async def conversation(self, tenant_id: str, conversation_id: str) -> ConversationView | None:
        newest = await self._messages.find_one(
            {"conversation_id": conversation_id, "tenant_id": tenant_id},
            {"conversation_id": True, "seq": True},
            sort=[("at", -1), ("seq", -1)],
        )
        if newest is None:
            return None
        return next(iter(await self._views(tenant_id, [_head(newest)])), None)

    async def _place(self, tenant_id: str, cursor: str | None, wanted: _Wanted) -> _Place:
        """Also the end of the list: before it, there is no text of the wanted time."""
        lowest, below = await bounds(self._messages, tenant_id, wanted.since, wanted.until)
        if cursor is not None:
            top, below = read_cursor(cursor, int, int)
            return _Place(top, below, lowest)
        return _Place(below - 1, below, lowest)

    async def _ids_with(self, tenant_id: str, number: str | None, remote: str) -> list[str]:
        """The IDs of the conversations with a remote; they follow from the tenant's numbers."""
        numbers = [number] if number is not None else await numbers_of(self._numbers, tenant_id)
        return [conversation_id(tenant_id, item, remote) for item in numbers]

    async def _heads_of(self, tenant_id: str, ids: Sequence[str], place: _Place) -> list[_Head]:
        found = self._messages.aggregate(
            [
                {
                    "$match": {
                        "conversation_id": {"$in": list(ids)},
                        "tenant_id": tenant_id,
                        "seq": {"$lte": place.top},
                    }
                },
                {
                    "$group": {
                        "_id": "$conversation_id",
                        "newest": {"$top": {"sortBy": {"seq": -1}, "output": _NEWEST}},
                    }
                },
                {"$sort": {"newest.seq": -1}},
            ]
        )
        heads = [
            _Head(document["newest"]["id"], document["_id"], int(document["newest"]["seq"]))
            for document in await found.to_list(None)
        ]
        return [head for head in heads if head.seq < place.below]

    async def _walk(
        self, tenant_id: str, wanted: _Wanted, place: _Place, many: int
    ) -> tuple[list[_Head], int]:
        """The next conversations, and where the walk has to go on, 0 where it met the end."""
        below = place.below
        floor = max(place.lowest, await floor_below(self._messages, tenant_id, below))
        end = floor if floor > place.lowest else 0
        heads: list[_Head] = []
        met: set[str] = set()
        while len(heads) < many:
            texts = of_tenant(tenant_id, below=below, at_least=floor)
            if wanted.number is not None:
                texts["number"] = wanted.number
            found = self._messages.find(texts, {"conversation_id": True, "seq": True})
            batch = await found.sort("seq", -1).limit(_BATCH).to_list(None)
            fresh = []
            for head in map(_head, batch):
                if head.conversation_id not in met:
                    met.add(head.conversation_id)
                    fresh.append(head)
            before = await self._met_before(tenant_id, fresh, place)
            fresh = [head for head in fresh if head.conversation_id not in before]
            heads += await self._matching(tenant_id, fresh, wanted)
            if len(batch) < _BATCH:
                return heads, end
            below = int(batch[-1]["seq"])
        return heads, end

    async def _matching(
        self, tenant_id: str, heads: Sequence[_Head], wanted: _Wanted
    ) -> list[_Head]:
        """Those of the wanted state and time."""
        ids = [head.conversation_id for head in heads]
        if wanted.state is ConversationState.HELD:
            ids = list(await self._held(tenant_id, ids))
        elif wanted.state is ConversationState.OPTED_OUT:
            ids = list(await self._opted_out(tenant_id, ids))
        elif wanted.state is not None and wanted.state in UNSETTLED:
            texts = UNSETTLED[wanted.state] | {"conversation_id": {"$in": ids}}
            ids = await self._messages.distinct("conversation_id", {"tenant_id": tenant_id} | texts)
        these = frozenset(ids)
        kept = [head for head in heads if head.conversation_id in these]
        if wanted.any_time or not kept:
            return kept
        newest = await self._newest(tenant_id, kept)
        # A text that is gone meanwhile leaves none.
        times = {key: text["at"] for key, text in newest.items()}
        return [
            head
            for head in kept
            if head.conversation_id in times and wanted.at(times[head.conversation_id])
        ]

    async def _met_before(
        self, tenant_id: str, heads: Sequence[_Head], place: _Place
    ) -> frozenset[str]:
        """The conversations of which an earlier page has met a text."""
        if place.below > place.top or not heads:
            return frozenset()
        found = self._messages.aggregate(met_before_pipeline(tenant_id, heads, place))
        return frozenset(item["conversation_id"] for item in await found.to_list(None))

    async def _views(self, tenant_id: str, heads: Sequence[_Head]) -> tuple[ConversationView, ...]:
        if not heads:
            return ()
        ids = [head.conversation_id for head in heads]
        newest = await self._newest(tenant_id, heads)
        opted_out = await self._opted_out(tenant_id, ids)
        held = await self._held(tenant_id, ids)
        return tuple(
            _view(newest[key], key in opted_out, held.get(key, 0)) for key in ids if key in newest
        )

    async def _newest(self, tenant_id: str, heads: Sequence[_Head]) -> Mapping[str, Document]:
        """The newest text of each conversation, as it is now."""
        newest = [{"$match": {"tenant_id": tenant_id}}, {"$sort": {"at": -1, "seq": -1}}]
        found = self._messages.aggregate(
            [_these(tenant_id, heads), _join([*newest, {"$limit": 1}]), {"$project": {"t": True}}]
        )
        texts = [item["t"][0] for item in await found.to_list(None) if item["t"]]
        return {text["conversation_id"]: text for text in texts}

    async def _opted_out(self, tenant_id: str, ids: Sequence[str]) -> frozenset[str]:
        found = self._consents.find(
            {"_id": {"$in": list(ids)}, "tenant_id": tenant_id, "opted_out": True}, {"_id": True}
        )
        return frozenset(document["_id"] for document in await found.to_list(None))

    async def _held(self, tenant_id: str, ids: Sequence[str]) -> Mapping[str, int]:
        found = self._messages.aggregate(
            [
                {"$match": waiting(tenant_id) | {"conversation_id": {"$in": list(ids)}}},
                {"$group": {"_id": "$conversation_id", "number": {"$sum": 1}}},
            ]
        )
        return {document["_id"]: document["number"] for document in await found.to_list(None)}


def waiting(tenant_id: str) -> Document:
    """The filter of a tenant's texts that wait for a person."""
    return {"tenant_id": tenant_id, "state": SendState.HELD.value}


async def numbers_of(numbers: Collection, tenant_id: str) -> list[str]:
    """Every address that the tenant has or had."""
    found = numbers.find({"tenant_id": tenant_id}, {"address": True})
    return [document["address"] for document in await found.to_list(None)]


def met_before_pipeline(tenant_id: str, heads: Sequence[_Head], place: _Place) -> list[Document]:
    """Of which conversations there is a text in the part of the list that was shown. Each is left
    at the first such text, however many there are."""
    shown = {"tenant_id": tenant_id, "seq": {"$gte": place.below, "$lte": place.top}}
    return [
        _these(tenant_id, heads),
        _join([{"$match": shown}, {"$limit": 1}, {"$project": {"_id": True}}]),
        {"$match": {"t": {"$ne": []}}},
        {"$project": {"conversation_id": True}},
    ]


def _these(tenant_id: str, heads: Sequence[_Head]) -> Document:
    return {"$match": {"_id": {"$in": [head.text_id for head in heads]}, "tenant_id": tenant_id}}


def _join(pipeline: list[Any]) -> Document:
    """To each text, as `t`, other texts of its conversation."""
    return {
        "$lookup": {
            "from": MESSAGES,
            "localField": "conversation_id",
            "foreignField": "conversation_id",
            "pipeline": pipeline,
            "as": "t",
        }
    }


def _head(document: Document) -> _Head:
    return _Head(document["_id"], document["conversation_id"], int(document["seq"]))


def _view(newest: Document, opted_out: bool, held: int) -> ConversationView:
    return ConversationView(
        id=newest["conversation_id"],
        tenant_id=newest["tenant_id"],
        number=newest["number"],
        remote=newest["remote"],
        newest=read_text(newest),
        opted_out=opted_out,
        held=held,
    )
