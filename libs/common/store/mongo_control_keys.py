"""API keys in MongoDB. Of a key's secret only the hash is here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import DESCENDING, ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, after, milliseconds, utc_now
from common.store.control import Actor, KeyRecord, Page
from common.store.control_ports import NotFound, Taken
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.schema import KEYS, SESSIONS, TICKETS

TOUCHED_EVERY: Final = 60.0
"""Seconds in which the use of a key is noted at most once, whatever number of replicas note it."""


class MongoKeys:
    """API keys in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._keys = database.collection(KEYS)
        self._fresh = database.majority(KEYS)
        self._sessions = database.collection(SESSIONS)
        self._tickets = database.collection(TICKETS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def create(self, key: KeyRecord, *, by: Actor) -> KeyRecord:
        document = _document(key)

        async def work(session: Session) -> None:
            await self._keys.insert_one(document, session=session)
            await self._audit.note(
                session,
                tenant_id=key.tenant_id,
                by=by,
                action="key.created",
                target=key.id,
                after=_told(document),
            )

        try:
            await self._database.transact(work)
        except DuplicateKeyError:
            raise Taken("There is a key with this ID.") from None
        return _read(document)

    @guarded
    async def list(
        self, tenant_id: str | None, *, limit: int, cursor: str | None = None
    ) -> Page[KeyRecord]:
        wanted: Document = {"tenant_id": tenant_id}
        if cursor is not None:
            at, key_id = read_cursor(cursor, datetime, str)
            wanted["$or"] = [
                {"created_at": {"$lt": at}},
                {"created_at": at, "_id": {"$lt": key_id}},
            ]
        found = self._keys.find(wanted).sort([("created_at", DESCENDING), ("_id", DESCENDING)])
        documents = await found.limit(limit + 1).to_list(None)
        items = tuple(_read(document) for document in documents[:limit])
        more = len(documents) > limit
        last = items[-1] if items else None
        return Page(items, write_cursor(last.created_at, last.id) if more and last else None)

    @guarded
    async def get(self, key_id: str) -> KeyRecord | None:
        document = await self._fresh.find_one({"_id": key_id})
        return _read(document) if document is not None else None

    @guarded
    async def revoke(self, tenant_id: str | None, key_id: str, *, by: Actor) -> KeyRecord:
        async def work(session: Session) -> Document:
            which = {"_id": key_id, "tenant_id": tenant_id}
            found: Document | None = await self._keys.find_one(which, session=session)
            if found is None:
                raise NotFound("There is no such key.")
            if found["revoked_at"] is not None:
                return found
            revoked: Document = await self._keys.find_one_and_update(
                which,
                {"$set": {"revoked_at": milliseconds(self._clock())}},
                session=session,
                return_document=ReturnDocument.AFTER,
            )
            await self._sessions.delete_many({"key_id": key_id}, session=session)
            await self._tickets.delete_many({"key_id": key_id}, session=session)
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action="key.revoked",
                target=key_id,
                before=_told(found),
            )
            return revoked

        return _read(await self._database.transact(work))

    @guarded
    async def touch(self, key_id: str) -> None:
        now = milliseconds(self._clock())
        await self._keys.update_one(
            {
                "_id": key_id,
                "$or": [
                    {"last_used_at": None},
                    {"last_used_at": {"$lte": after(now, -TOUCHED_EVERY)}},
                ],
            },
            {"$set": {"last_used_at": now}},
        )


def _document(key: KeyRecord) -> Document:
    return {
        "_id": key.id,
        "tenant_id": key.tenant_id,
        "name": key.name,
        "role": key.role,
        "hash": key.hash,
        "created_at": milliseconds(key.created_at),
        "created_by": key.created_by,
        "expires_at": milliseconds(key.expires_at) if key.expires_at else None,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def _read(document: Document) -> KeyRecord:
    fields: dict[str, Any] = dict(document)
    return KeyRecord(id=fields.pop("_id"), **fields)


def _told(document: Document) -> Mapping[str, Any]:
    """What the audit trail keeps of a key."""
    return {name: document[name] for name in ("name", "role", "expires_at")}
