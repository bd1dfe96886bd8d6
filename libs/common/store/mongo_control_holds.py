"""Conversations that wait for a person, in MongoDB, as people see them. What holds one is the
services' side (`mongo_conversation_holds`)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pymongo import DESCENDING, ReturnDocument

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor, HeldConversation, Page
from common.store.control_ports import NotFound
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.schema import CONVERSATION_HOLDS

_WAITS: Final = {"$type": "date"}
"""Of `held_since`: one that goes on has none."""


class MongoHeldConversations:
    """Conversations that wait for a person, in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._holds = database.collection(CONVERSATION_HOLDS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[HeldConversation]:
        wanted: Document = {"tenant_id": tenant_id, "held_since": _WAITS}
        if cursor is not None:
            at, conversation_id = read_cursor(cursor, datetime, str)
            wanted["$or"] = [
                {"held_since": {"$lt": at}},
                {"held_since": at, "_id": {"$lt": conversation_id}},
            ]
        found = self._holds.find(wanted).sort([("held_since", DESCENDING), ("_id", DESCENDING)])
        documents = await found.limit(limit + 1).to_list(None)
        items = tuple(map(_read, documents[:limit]))
        if len(documents) <= limit or not items:
            return Page(items)
        last = documents[limit - 1]
        return Page(items, write_cursor(last["held_since"], last["_id"]))

    @guarded
    async def get(self, tenant_id: str, conversation_id: str) -> HeldConversation | None:
        document = await self._holds.find_one(_only(tenant_id, conversation_id))
        return _read(document) if document is not None else None

    @guarded
    async def resume(self, tenant_id: str, conversation_id: str, *, by: Actor) -> HeldConversation:
        only = _only(tenant_id, conversation_id)

        async def work(session: Session) -> HeldConversation:
            before = await self._holds.find_one(only, session=session)
            if before is None:
                raise NotFound("The tenant has no such conversation that was held.")
            if before.get("held_since") is None:
                return _read(before)
            resumed = {
                "held_since": None,
                "resumed_at": milliseconds(self._clock()),
                "resumed_by": by.name,
            }
            after = await self._holds.find_one_and_update(
                only, {"$set": resumed}, return_document=ReturnDocument.AFTER, session=session
            )
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action="conversation.resumed",
                target=conversation_id,
                before={"held_since": before["held_since"], "reason": before.get("reason")},
                after={"held_since": None, "reason": before.get("reason")},
            )
            return _read(after)

        return await self._database.transact(work)


def _only(tenant_id: str, conversation_id: str) -> Document:
    return {"_id": conversation_id, "tenant_id": tenant_id}


def _read(document: Document) -> HeldConversation:
    return HeldConversation(
        conversation_id=document["_id"],
        tenant_id=document["tenant_id"],
        number=document["number"],
        remote=document["remote"],
        held_since=document.get("held_since"),
        reason=document.get("reason") or "",
        resumed_at=document.get("resumed_at"),
        resumed_by=document.get("resumed_by"),
    )
