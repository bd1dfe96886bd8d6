"""Connections of tenants in MongoDB, as administrators change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.connection_documents import (
    FREED,
    RECONNECTED,
    cleared,
    connection_document,
    connection_facts,
    connection_key,
    connection_view,
    credentials_fields,
    next_version,
)
from common.store.control import Actor, ConnectionView, NewConnection, NewNumber, Page
from common.store.control_ports import Disconnected, NotDisconnected, NotFound, Stale, Taken
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.placing import Placing
from common.store.records import ConnectionStatus
from common.store.schema import CONNECTIONS, NUMBERS, TENANTS

Documents: TypeAlias = list[Document]  # `list` is a method below

_OFF: Final = ConnectionStatus.DISCONNECTED.value


class MongoConnectionDirectory:
    """Connections in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._tenants = database.collection(TENANTS)
        self._connections = database.collection(CONNECTIONS)
        self._numbers = database.collection(NUMBERS)
        self._placing = Placing(database, clock=clock)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def create(
        self,
        tenant_id: str,
        connection: NewConnection,
        *,
        numbers: Sequence[NewNumber] = (),
        by: Actor,
    ) -> ConnectionView:
        async def work(session: Session) -> ConnectionView:
            if await self._tenants.find_one({"_id": tenant_id}, session=session) is None:
                raise NotFound(tenant_id)
            document = connection_document(tenant_id, connection, by=by, now=self._now())
            try:
                await self._connections.insert_one(document, session=session)
            except DuplicateKeyError:
                raise Taken(connection.id) from None
            await self._note(session, "connection.connected", by, before=None, after=document)
            for number in numbers:
                await self._placing.put(session, number, document, by=by)
            return connection_view(document | {"connected_numbers": len(numbers)})

        return await self._database.transact(work)

    @guarded
    async def list(
        self,
        tenant_id: str,
        *,
        status: ConnectionStatus | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[ConnectionView]:
        wanted: Document = {"tenant_id": tenant_id}
        if status is not None:
            wanted["status"] = status.value
        if cursor is not None:
            at, connection_id = read_cursor(cursor, datetime, str)
            key = f"{tenant_id}/{connection_id}"
            older = {"created_at": at, "_id": {"$lt": key}}
            wanted["$or"] = [{"created_at": {"$lt": at}}, older]
        documents = await self._read(wanted, limit + 1)
        items = tuple(connection_view(document) for document in documents[:limit])
        more = bool(items) and len(documents) > limit
        return Page(items, write_cursor(items[-1].created_at, items[-1].id) if more else None)

    @guarded
    async def get(self, tenant_id: str, connection_id: str) -> ConnectionView | None:
        documents = await self._read(connection_key(tenant_id, connection_id), 1)
        return connection_view(documents[0]) if documents else None

    @guarded
    async def update(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        version: int | None,
        by: Actor,
    ) -> ConnectionView:
        asked = {"name": name, "description": description}
        changes = {field: value for field, value in asked.items() if value is not None}

        async def work(session: Session) -> ConnectionView:
            before = await self._find(session, tenant_id, connection_id, version)
            if before["status"] == _OFF:
                raise Disconnected(connection_id)
            return await self._change(session, before, changes, "connection.updated", by)

        return await self._database.transact(work)

    @guarded
    async def set_credentials(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        sealed: Mapping[str, Any],
        public: Mapping[str, str],
        secrets: tuple[str, ...],
        partner: str | None,
        version: int | None,
        action: str,
        by: Actor,
    ) -> ConnectionView:
        async def work(session: Session) -> ConnectionView:
            before = await self._find(session, tenant_id, connection_id, version)
            if before["status"] == _OFF and action != RECONNECTED:
                raise Disconnected(connection_id)
            if before["status"] != _OFF and action == RECONNECTED:
                raise NotDisconnected(connection_id)
            changes = credentials_fields(
                sealed=dict(sealed),
                public=dict(public),
                secrets=secrets,
                partner=partner,
                now=self._now(),
            )
            return await self._change(session, before, changes, action, by)

        return await self._database.transact(work)

    @guarded
    async def disconnect(
        self, tenant_id: str, connection_id: str, *, version: int | None, by: Actor
    ) -> ConnectionView:
        async def work(session: Session) -> ConnectionView:
            before = await self._find(session, tenant_id, connection_id, None)
            if before["status"] == _OFF:
                return await self._view(session, before)
            _check_version(before, version)
            which = {"tenant_id": tenant_id, "connection": before["_id"], "connected": True}
            freed = await self._numbers.find(which, session=session).to_list(None)
            await self._numbers.update_many(which, FREED, session=session)
            changes = cleared(before, now=self._now()) | {"error": None}
            addresses = sorted(number["address"] for number in freed)
            return await self._change(
                session, before, changes, "connection.disconnected", by, freed=addresses
            )

        return await self._database.transact(work)

    async def _change(
        self,
        session: Session,
        before: Document,
        changes: Document,
        action: str,
        by: Actor,
        *,
        freed: Sequence[str] = (),
    ) -> ConnectionView:
        """Write what differs; where nothing does, nothing is written or noted."""
        if connection_facts(before | changes) == connection_facts(before):
            return await self._view(session, before)
        changes = changes | {"version": next_version(before)}
        await self._connections.update_one(
            {"_id": before["_id"], "tenant_id": before["tenant_id"]},
            {"$set": changes},
            session=session,
        )
        note = f"Freed: {', '.join(freed)}." if freed else None
        await self._note(session, action, by, before=before, after=before | changes, note=note)
        return await self._view(session, before | changes)

    async def _note(
        self,
        session: Session,
        action: str,
        by: Actor,
        *,
        before: Document | None,
        after: Document,
        note: str | None = None,
    ) -> None:
        await self._audit.note(
            session,
            tenant_id=after["tenant_id"],
            by=by,
            action=action,
            target=after["connection_id"],
            before=connection_facts(before) if before is not None else None,
            after=connection_facts(after),
            note=note,
        )

    async def _find(
        self, session: Session, tenant_id: str, connection_id: str, version: int | None
    ) -> Document:
        found = await self._connections.find_one(
            connection_key(tenant_id, connection_id), session=session
        )
        if found is None:
            raise NotFound(connection_id)
        _check_version(found, version)
        return found

    async def _view(self, session: Session, document: Document) -> ConnectionView:
        which = {"tenant_id": document["tenant_id"], "connection": document["_id"]}
        count = await self._numbers.count_documents(which | {"connected": True}, session=session)
        return connection_view(document | {"connected_numbers": count})

    async def _read(self, wanted: Document, limit: int) -> Documents:
        """Newest first, each with the number of its numbers; what is sealed stays behind."""
        theirs: Document = {"from": NUMBERS, "localField": "_id", "foreignField": "connection"}
        connected = {"input": "$found", "cond": "$$this.connected"}
        found = self._connections.aggregate(
            [
                {"$match": wanted},
                {"$sort": {"created_at": DESCENDING, "_id": DESCENDING}},
                {"$limit": limit},
                {"$lookup": theirs | {"as": "found"}},
                {"$set": {"connected_numbers": {"$size": {"$filter": connected}}}},
                {"$unset": ["sealed", "found"]},
            ]
        )
        documents: Documents = await found.to_list(None)
        return documents

    def _now(self) -> datetime:
        return milliseconds(self._clock())


def _check_version(document: Document, version: int | None) -> None:
    if version is not None and version != document.get("version", 1):
        raise Stale(document["_id"])
