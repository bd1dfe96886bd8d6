"""What the policy asks of a conversation, in MongoDB, and the hold of a suspected loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.consent_documents import conversation_facts
from common.store.documents import OUTBOUND, PAST_TEXT_FIELDS, past_text
from common.store.records import ConversationFacts, PastText, conversation_id
from common.store.schema import CONVERSATION_HOLDS, MESSAGES


class MongoConversationFacts:
    """Facts and holds of conversations in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._messages = database.collection(MESSAGES)
        self._holds = database.collection(CONVERSATION_HOLDS)
        self._holds_of_majority = database.majority(CONVERSATION_HOLDS)
        self._clock = clock

    @guarded
    async def facts(
        self,
        tenant_id: str,
        number: str,
        remote: str,
        *,
        limit: int,
        replies_since: datetime | None = None,
        replies_limit: int = 0,
    ) -> ConversationFacts:
        conversation = conversation_id(tenant_id, number, remote)
        hold, recent, ours = await asyncio.gather(
            self._holds_of_majority.find_one({"_id": conversation, "tenant_id": tenant_id}),
            self._recent(tenant_id, conversation, limit),
            self._ours(tenant_id, conversation, replies_since, replies_limit),
        )
        return conversation_facts(hold, recent, ours)

    async def _recent(self, tenant_id: str, conversation: str, limit: int) -> list[PastText]:
        if limit < 1:
            return []
        found = self._messages.find(
            {"conversation_id": conversation, "tenant_id": tenant_id, "in_history": True},
            dict.fromkeys(PAST_TEXT_FIELDS, True),
        )
        newest = found.sort([("at", -1), ("seq", -1)]).limit(limit)
        return [past_text(document) for document in await newest.to_list(None)]

    async def _ours(
        self, tenant_id: str, conversation: str, since: datetime | None, limit: int
    ) -> list[datetime]:
        """The instants of our newest texts; which of them count the hold says, which is read at the
        same time."""
        if since is None or limit < 1:
            return []
        found = self._messages.find(
            {
                "conversation_id": conversation,
                "tenant_id": tenant_id,
                "in_history": True,
                "direction": OUTBOUND,
                "at": {"$gt": since},
            },
            {"_id": False, "at": True},
        )
        newest = found.sort([("at", -1), ("seq", -1)]).limit(limit)
        return [document["at"] for document in await newest.to_list(None)]

    @guarded
    async def hold(
        self, tenant_id: str, number: str, remote: str, *, reason: str, at: datetime
    ) -> None:
        held: Document = {"held_since": milliseconds(at), "reason": reason}
        first: Document = {"number": number, "remote": remote}
        conversation = conversation_id(tenant_id, number, remote)
        try:
            await self._holds.update_one(
                {"_id": conversation, "tenant_id": tenant_id, "held_since": None},
                {"$set": held, "$setOnInsert": first},
                upsert=True,
            )
        except DuplicateKeyError:
            return  # It is held already.

    @guarded
    async def carried_by(
        self, tenant_id: str, number: str, remote: str, *, since: datetime
    ) -> str | None:
        newest = await self._messages.find_one(
            {
                "conversation_id": conversation_id(tenant_id, number, remote),
                "tenant_id": tenant_id,
                "in_history": True,
                "direction": OUTBOUND,
                "at": {"$gt": since},
                "begun_at": {"$gt": since},
                "sent_at": {"$ne": None},
            },
            {"_id": False, "connection_id": True},
            sort=[("at", -1), ("seq", -1)],
        )
        return newest["connection_id"] if newest is not None else None

    @guarded
    async def held(self, conversation_ids: Sequence[str]) -> frozenset[str]:
        if not conversation_ids:
            return frozenset()
        found = self._holds_of_majority.find(
            {"_id": {"$in": list(conversation_ids)}, "held_since": {"$ne": None}}, {"_id": True}
        )
        return frozenset(document["_id"] for document in await found.to_list(None))
