"""Tenants, agents, connections, numbers and leases in MongoDB.

Keys begin with the tenant (`acme/support`), so that no tenant can name another's document.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.addresses import usual_type
from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, after, milliseconds, utc_now
from common.store.connection_documents import FREED, agent_fields, cleared, place_fields
from common.store.documents import read_connection
from common.store.ports import BusUserTaken, NumberTaken, UnknownConnection
from common.store.records import ConnectionRecord, ConnectionStatus
from common.store.schema import AGENTS, CONNECTIONS, LEASES, NUMBERS, TENANTS

_LIVE = [ConnectionStatus.ACTIVE.value, ConnectionStatus.ERROR.value]


class MongoConnections:
    """Tenants, agents, connections and numbers in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._tenants = database.collection(TENANTS)
        self._agents = database.collection(AGENTS)
        self._connections = database.collection(CONNECTIONS)
        self._numbers = database.collection(NUMBERS)
        self._clock = clock

    @guarded
    async def put_tenant(
        self, tenant_id: str, *, name: str, wrapped_key: Mapping[str, object]
    ) -> Mapping[str, object]:
        tenant = await self._tenants.find_one_and_update(
            {"_id": tenant_id},
            {
                "$setOnInsert": {
                    "tenant_id": tenant_id,
                    "name": name,
                    "wrapped_key": dict(wrapped_key),
                    "created_at": milliseconds(self._clock()),
                }
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        kept: Mapping[str, object] = tenant["wrapped_key"]
        return kept

    @guarded
    async def put_agent(self, tenant_id: str, agent_id: str, *, name: str, bus_user: str) -> None:
        try:
            await self._agents.update_one(
                {"_id": f"{tenant_id}/{agent_id}"},
                {
                    "$set": {
                        "tenant_id": tenant_id,
                        "agent_id": agent_id,
                        "name": name,
                        "bus_user": bus_user,
                    },
                    "$setOnInsert": {"active": True, "created_at": milliseconds(self._clock())},
                },
                upsert=True,
            )
        except DuplicateKeyError:
            raise BusUserTaken("Another agent has this broker user.") from None

    @guarded
    async def put_connection(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str,
        provider: str,
        sealed: Mapping[str, object],
    ) -> None:
        await self._connections.update_one(
            {"_id": f"{tenant_id}/{connection_id}"},
            {
                "$set": {
                    "tenant_id": tenant_id,
                    "connection_id": connection_id,
                    "name": name,
                    "provider": provider,
                    "sealed": dict(sealed),
                    "public": {},
                    "status": ConnectionStatus.ACTIVE.value,
                    "error": None,
                    "circuit": None,
                    "disconnected_at": None,
                    "credentials_version": uuid.uuid4().hex,
                },
                "$setOnInsert": {"checked_at": None, "created_at": milliseconds(self._clock())},
            },
            upsert=True,
        )

    @guarded
    async def put_number(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        address: str,
        region: str,
        agent_id: str,
    ) -> None:
        connection = await self._connections.find_one(
            {"_id": f"{tenant_id}/{connection_id}", "status": {"$in": _LIVE}},
            {"connection_id": True, "provider": True},
        )
        if connection is None:
            raise UnknownConnection("The tenant has no such connection, or it is disconnected.")
        now = milliseconds(self._clock())
        stays = {"$eq": [{"$ifNull": ["$connection", connection["_id"]]}, connection["_id"]]}
        fields = {
            name: {"$literal": value}
            for name, value in {
                "tenant_id": tenant_id,
                "address": address,
                "region": region,
                **agent_fields(tenant_id, agent_id),
                **place_fields(connection),
                "connected": True,
            }.items()
        }
        kept: Document = {
            "gate_on": {"$ifNull": ["$gate_on", False]},
            "type": {"$ifNull": ["$type", usual_type(address).value]},
            "created_at": {"$ifNull": ["$created_at", now]},
            "ways_since": {"$cond": [stays, "$ways_since", now]},
        }
        try:
            await self._numbers.update_one(
                {"_id": f"{tenant_id}/{address}"}, [{"$set": fields | kept}], upsert=True
            )
        except DuplicateKeyError:
            raise NumberTaken(address) from None

    @guarded
    async def set_gate(self, tenant_id: str, address: str, *, on: bool) -> bool:
        changed = await self._numbers.update_one(
            {"_id": f"{tenant_id}/{address}", "tenant_id": tenant_id}, {"$set": {"gate_on": on}}
        )
        return changed.matched_count == 1

    @guarded
    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None:
        key = f"{tenant_id}/{connection_id}"
        records = await self._read({"_id": key, "tenant_id": tenant_id})
        return records[0] if records else None

    @guarded
    async def to_validate(self) -> Sequence[ConnectionRecord]:
        return await self._read({"status": {"$in": _LIVE}})

    async def _read(self, which: Document) -> list[ConnectionRecord]:
        found = self._connections.aggregate(
            [
                {"$match": which},
                {"$sort": {"_id": 1}},
                _join(TENANTS, "tenant_id", "_id", "tenant"),
                _join(NUMBERS, "_id", "connection", "numbers"),
            ]
        )
        return [read_connection(document) for document in await found.to_list(None)]

    @guarded
    async def set_status(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        status: ConnectionStatus,
        error: str | None,
        checked_at: datetime,
        credentials_version: str | None = None,
        works: bool = False,
    ) -> bool:
        which: Document = {
            "_id": f"{tenant_id}/{connection_id}",
            "tenant_id": tenant_id,
            "status": {"$in": _LIVE},
        }
        if credentials_version is not None:
            which["credentials_version"] = credentials_version
        fields: Document = {
            "status": status.value,
            "error": error,
            "checked_at": milliseconds(checked_at),
        }
        if works:
            fields["circuit"] = None
        if status is ConnectionStatus.DISCONNECTED:
            before = await self._database.transact(lambda it: self._disconnect(which, fields, it))
        else:
            before = await self._connections.find_one_and_update(
                which, {"$set": fields}, projection={"status": True, "error": True}
            )
        return before is not None and (before["status"], before["error"]) != (status.value, error)

    async def _disconnect(
        self, which: Document, fields: Document, session: Session
    ) -> Document | None:
        before: Document | None = await self._connections.find_one(which, session=session)
        if before is not None:
            changes = fields | cleared(before, now=milliseconds(self._clock()))
            await self._connections.update_one(which, {"$set": changes}, session=session)
            await self._numbers.update_many(
                {"connection": before["_id"], "tenant_id": before["tenant_id"], "connected": True},
                FREED,
                session=session,
            )
        return before


class MongoLeases:
    """Leases in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._leases = database.collection(LEASES)
        self._clock = clock

    @guarded
    async def acquire(self, name: str, *, owner: str, seconds: float) -> bool:
        now = milliseconds(self._clock())
        try:
            await self._leases.update_one(
                {"_id": name, "$or": [{"owner": owner}, {"until": {"$lt": now}}]},
                {"$set": {"owner": owner, "until": after(now, seconds)}},
                upsert=True,
            )
        except DuplicateKeyError:
            return False  # It is there, but neither ours nor run out: another's.
        return True

    @guarded
    async def release(self, name: str, *, owner: str) -> None:
        await self._leases.delete_one({"_id": name, "owner": owner})


def _join(collection: str, local: str, foreign: str, name: str) -> Document:
    return {
        "$lookup": {
            "from": collection,
            "localField": local,
            "foreignField": foreign,
            "as": name,
        }
    }
