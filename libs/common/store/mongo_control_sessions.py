"""Console sessions, single-use tickets and the throttle in MongoDB.

The throttle is a sliding window: it keeps the instants of the tries that it allowed and allows
another while fewer than the limit lie within the window. Reading, deciding and counting are one
update of one document, on the server's clock (`$$NOW`, MongoDB docs, "Aggregation Variables"), so
that it is exact over any number of replicas, whatever their own clocks say. A refused try is not
kept: who goes on trying does not wait longer, and no document grows beyond its limit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import SessionRecord
from common.store.schema import SESSIONS, THROTTLES, TICKETS


class MongoSessions:
    """Sessions, tickets and the throttle in MongoDB. TTL indexes clear away what has expired, but
    only about once a minute, so that every read asks for the instant too."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._sessions = database.collection(SESSIONS)
        self._fresh = database.majority(SESSIONS)
        self._tickets = database.collection(TICKETS)
        self._throttles = database.collection(THROTTLES)
        self._clock = clock

    @guarded
    async def create(self, session: SessionRecord) -> None:
        await self._sessions.insert_one(
            {
                "_id": session.id,
                "key_id": session.key_id,
                "csrf": session.csrf,
                "created_at": milliseconds(session.created_at),
                "expires_at": milliseconds(session.expires_at),
            }
        )

    @guarded
    async def get(self, session_id: str) -> SessionRecord | None:
        found = await self._fresh.find_one(
            {"_id": session_id, "expires_at": {"$gt": self._clock()}}
        )
        if found is None:
            return None
        return SessionRecord(
            id=found["_id"],
            key_id=found["key_id"],
            csrf=found["csrf"],
            created_at=found["created_at"],
            expires_at=found["expires_at"],
        )

    @guarded
    async def end(self, session_id: str) -> None:
        await self._sessions.delete_one({"_id": session_id})

    @guarded
    async def put_ticket(self, ticket_hash: str, *, key_id: str, expires_at: datetime) -> None:
        await self._tickets.insert_one(
            {"_id": ticket_hash, "key_id": key_id, "expires_at": milliseconds(expires_at)}
        )

    @guarded
    async def take_ticket(self, ticket_hash: str) -> str | None:
        taken: Document | None = await self._tickets.find_one_and_delete(
            {"_id": ticket_hash, "expires_at": {"$gt": self._clock()}}
        )
        return str(taken["key_id"]) if taken is not None else None

    @guarded
    async def hit(self, name: str, *, limit: int, window: float) -> float | None:
        try:
            counted = await self._count(name, limit, window)
        except DuplicateKeyError:  # Another try made the document at the same moment.
            counted = await self._count(name, limit, window)
        if counted["allowed"]:
            return None
        tries: list[datetime] = counted["tries"]
        at: datetime = counted["at"]
        waited = (at - tries[-limit]).total_seconds()
        return max(0.0, window - waited)

    async def _count(self, name: str, limit: int, window: float) -> Document:
        counted: Document = await self._throttles.find_one_and_update(
            {"_id": name},
            _counting(limit, window),
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return counted

    @guarded
    async def forgive(self, name: str) -> None:
        await self._throttles.update_one({"_id": name}, {"$pop": {"tries": 1}})


def _counting(limit: int, window: float) -> list[dict[str, Any]]:
    """The update that drops what is older than the window and counts this try if it is allowed."""
    span = int(window * 1000)
    since = {"$subtract": ["$$NOW", span]}
    known = {"$ifNull": ["$tries", []]}
    recent = {"$filter": {"input": known, "cond": {"$gt": ["$$this", since]}}}
    more = {"$concatArrays": ["$tries", ["$$NOW"]]}
    return [
        {"$set": {"tries": recent, "at": "$$NOW", "expires_at": {"$add": ["$$NOW", span]}}},
        {"$set": {"allowed": {"$lt": [{"$size": "$tries"}, limit]}}},
        {"$set": {"tries": {"$cond": ["$allowed", more, "$tries"]}}},
    ]
