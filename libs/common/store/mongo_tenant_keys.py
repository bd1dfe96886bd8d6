"""The tenants' wrapped data keys in MongoDB: what a change of the master key goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, utc_now
from common.store.connection_documents import LIVE, connection_facts, lost
from common.store.control import SYSTEM
from common.store.mongo_audit import MongoAudit
from common.store.schema import CONNECTIONS, TENANTS


class MongoTenantKeys:
    """Wrapped data keys of all tenants."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._tenants = database.majority(TENANTS)
        self._connections = database.collection(CONNECTIONS)
        self._audit = MongoAudit(database, clock=clock)

    async def ids(self, *, page: int = 500) -> AsyncIterator[str]:
        """The ID of every tenant, in order, also of those that are made meanwhile behind it."""
        after = ""
        while found := await self._page(after, page):
            for tenant_id in found:
                yield tenant_id
            after = found[-1]

    @guarded
    async def _page(self, after: str, size: int) -> list[str]:
        found = self._tenants.find({"_id": {"$gt": after}}, {"_id": True})
        return [document["_id"] for document in await found.sort("_id").limit(size).to_list(None)]

    @guarded
    async def get(self, tenant_id: str) -> Mapping[str, Any] | None:
        """A tenant's wrapped data key."""
        found: Document | None = await self._tenants.find_one(
            {"_id": tenant_id}, {"wrapped_key": True}
        )
        return found.get("wrapped_key") if found is not None else None

    @guarded
    async def samples(self, *, each: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Of every master key that wraps something, some of the tenants whose data keys it wraps,
        with those: (tenant ID, wrapped key)."""
        samples: list[tuple[str, Mapping[str, Any]]] = []
        for key_id in await self._tenants.distinct("wrapped_key.master_key_id"):
            found = self._tenants.find(
                {"wrapped_key.master_key_id": key_id}, {"wrapped_key": True}
            ).limit(each)
            documents = await found.to_list(None)
            samples += [(document["_id"], document["wrapped_key"]) for document in documents]
        return samples

    @guarded
    async def replace(self, tenant_id: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Put a wrapped key into the place of another, in one transaction with its audit entry;
        False where it is not the other that is there."""

        async def work(session: Session) -> bool:
            changed = await self._tenants.update_one(
                {"_id": tenant_id, "wrapped_key.blob": old["blob"]},
                {"$set": {"wrapped_key": dict(new)}},
                session=session,
            )
            if changed.matched_count == 0:
                return False
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=SYSTEM,
                action="tenant.key_rewrapped",
                target=tenant_id,
                before={"master_key_id": old["master_key_id"]},
                after={"master_key_id": new["master_key_id"]},
            )
            return True

        return await self._database.transact(work)

    @guarded
    async def replace_lost(
        self, tenant_id: str, old: Mapping[str, Any] | None, new: Mapping[str, Any], *, why: str
    ) -> Sequence[str] | None:
        """Put a new data key into the place of one that no key opens any more. What it sealed on
        the tenant's live connections is dropped and they are set to `error`, in one transaction
        with the audit entries: the IDs of these connections. None where it is not the old one that
        is there."""

        async def work(session: Session) -> list[str] | None:
            changed = await self._tenants.update_one(
                {"_id": tenant_id, "wrapped_key": old},
                {"$set": {"wrapped_key": dict(new)}},
                session=session,
            )
            if changed.matched_count == 0:
                return None
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=SYSTEM,
                action="tenant.key_replaced",
                target=tenant_id,
                before=_key_facts(old or {}),
                after=_key_facts(new),
                note=why,
            )
            return await self._drop(session, tenant_id, why)

        return await self._database.transact(work)

    async def _drop(self, session: Session, tenant_id: str, why: str) -> list[str]:
        live = {"tenant_id": tenant_id, "status": {"$in": list(LIVE)}}
        found = self._connections.find(live, session=session).sort("_id")
        connections = await found.to_list(None)
        for before in connections:
            changes = lost(before, why=why)
            await self._connections.update_one(
                {"_id": before["_id"], "tenant_id": tenant_id}, {"$set": changes}, session=session
            )
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=SYSTEM,
                action="connection.credentials_lost",
                target=before["connection_id"],
                before=connection_facts(before),
                after=connection_facts(before | changes),
                note=why,
            )
        return [connection["connection_id"] for connection in connections]


def _key_facts(wrapped: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wrapped.get(name) for name in ("data_key_id", "master_key_id")}
