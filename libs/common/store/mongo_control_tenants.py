"""Tenants in MongoDB, for those who administer them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.sending_rules import OptOutScope
from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor, Page, TenantRecord
from common.store.control_ports import NotFound, Stale, Taken
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.mongo_switches import read_stopped
from common.store.schema import TENANTS

_FIELDS: Final = {"wrapped_key": False}


class MongoTenants:
    """Tenants in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._tenants = database.collection(TENANTS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def create(
        self,
        tenant_id: str,
        *,
        name: str,
        features: tuple[str, ...],
        wrapped_key: Mapping[str, object],
        by: Actor,
    ) -> TenantRecord:
        document: Document = {
            "_id": tenant_id,
            "tenant_id": tenant_id,
            "name": name,
            "features": list(features),
            "wrapped_key": dict(wrapped_key),
            "created_at": milliseconds(self._clock()),
            "version": 1,
        }

        async def work(session: Session) -> None:
            await self._tenants.insert_one(document, session=session)
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action="tenant.created",
                target=tenant_id,
                after=_told(document),
            )

        try:
            await self._database.transact(work)
        except DuplicateKeyError:
            raise Taken("There is a tenant with this ID.") from None
        return _read(document)

    @guarded
    async def list(self, *, limit: int, cursor: str | None = None) -> Page[TenantRecord]:
        wanted: Document = {}
        if cursor is not None:
            (after,) = read_cursor(cursor, str)
            wanted["_id"] = {"$gt": after}
        found = self._tenants.find(wanted, _FIELDS).sort("_id", 1).limit(limit + 1)
        documents = await found.to_list(None)
        items = tuple(_read(document) for document in documents[:limit])
        more = len(documents) > limit
        return Page(items, write_cursor(items[-1].id) if more and items else None)

    @guarded
    async def get(self, tenant_id: str) -> TenantRecord | None:
        document = await self._tenants.find_one({"_id": tenant_id}, _FIELDS)
        return _read(document) if document else None

    @guarded
    async def update(
        self,
        tenant_id: str,
        *,
        name: str | None = None,
        features: tuple[str, ...] | None = None,
        opt_out_scope: OptOutScope | None = None,
        version: int | None,
        by: Actor,
    ) -> TenantRecord:
        changes: dict[str, Any] = {}
        if name is not None:
            changes["name"] = name
        if features is not None:
            changes["features"] = list(features)
        if opt_out_scope is not None:
            changes["opt_out_scope"] = opt_out_scope.value
        return await self._change(tenant_id, changes, "tenant.updated", version=version, by=by)

    @guarded
    async def accept_opt_out(self, tenant_id: str, *, by: Actor) -> TenantRecord:
        changes = {
            "opt_out_accepted_at": milliseconds(self._clock()),
            "opt_out_accepted_by": by.name,
        }
        return await self._change(
            tenant_id, changes, "tenant.opt_out_accepted", version=None, by=by, once=True
        )

    @guarded
    async def wrapped_key(self, tenant_id: str) -> Mapping[str, object] | None:
        document = await self._tenants.find_one({"_id": tenant_id}, {"wrapped_key": True})
        return document["wrapped_key"] if document else None

    async def _change(
        self,
        tenant_id: str,
        changes: Mapping[str, Any],
        action: str,
        *,
        version: int | None,
        by: Actor,
        once: bool = False,
    ) -> TenantRecord:
        """Set fields; what changes nothing is not written. `once`: what is there stays."""

        async def work(session: Session) -> TenantRecord:
            before = await self._tenants.find_one({"_id": tenant_id}, _FIELDS, session=session)
            if before is None:
                raise NotFound("There is no such tenant.")
            if version is not None and version != before.get("version", 1):
                raise Stale("The tenant was changed in the meantime.")
            new = {
                field: value
                for field, value in changes.items()
                if before.get(field) != value and not (once and before.get(field))
            }
            if not new:
                return _read(before)
            after = await self._tenants.find_one_and_update(
                {"_id": tenant_id},
                {"$set": new | {"version": before.get("version", 1) + 1}},
                projection=_FIELDS,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action=action,
                target=tenant_id,
                before=_told(before),
                after=_told(after),
            )
            return _read(after)

        return await self._database.transact(work)


def _told(document: Document) -> dict[str, Any]:
    """What the audit trail tells of a tenant."""
    return {
        "name": document["name"],
        "features": document.get("features", []),
        "opt_out_accepted_by": document.get("opt_out_accepted_by"),
        "opt_out_scope": document.get("opt_out_scope") or OptOutScope.NUMBER.value,
    }


def _read(document: Document) -> TenantRecord:
    return TenantRecord(
        id=document["_id"],
        name=document["name"],
        features=tuple(document.get("features", ())),
        opt_out_accepted_at=document.get("opt_out_accepted_at"),
        opt_out_accepted_by=document.get("opt_out_accepted_by"),
        created_at=document["created_at"],
        version=document.get("version", 1),
        opt_out_scope=OptOutScope(document.get("opt_out_scope") or OptOutScope.NUMBER),
        stopped=read_stopped(document.get("sending_stopped")),
    )
