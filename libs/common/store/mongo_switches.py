"""The kill switches in MongoDB: a field of each tenant, and one document for all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from common.store.client import Collection, Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor, Stopped, Stops
from common.store.control_ports import NotFound
from common.store.mongo_audit import MongoAudit
from common.store.schema import SENDING_SWITCH, SWITCHES, TENANTS

OF_TENANT: Final = "sending_stopped"
"""The field of a tenant."""
OF_ALL: Final = "stopped"
"""The field of the document for all."""


class MongoSwitches:
    """The kill switches in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._switches = database.collection(SWITCHES)
        self._tenants = database.collection(TENANTS)
        self._read_switches = database.majority(SWITCHES)
        self._read_tenants = database.majority(TENANTS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def all(self) -> Stopped | None:
        return await _find(self._read_switches, SENDING_SWITCH, OF_ALL)

    @guarded
    async def of(self, tenant_id: str) -> Stops:
        everywhere, own = await asyncio.gather(
            _find(self._read_switches, SENDING_SWITCH, OF_ALL),
            _find(self._read_tenants, tenant_id, OF_TENANT),
        )
        return Stops(everywhere=everywhere, tenant=own)

    @guarded
    async def set_all(self, *, stopped: bool, reason: str, by: Actor) -> Stopped | None:
        wanted = self._document(stopped, reason, by)

        async def work(session: Session) -> Stopped | None:
            found = await self._switches.find_one({"_id": SENDING_SWITCH}, session=session)
            before = (found or {}).get(OF_ALL)
            if bool(before) is stopped:
                return read_stopped(before)
            await self._switches.update_one(
                {"_id": SENDING_SWITCH}, {"$set": {OF_ALL: wanted}}, upsert=True, session=session
            )
            await self._note(session, None, stopped, reason, by)
            return read_stopped(wanted)

        return await self._database.transact(work)

    @guarded
    async def set_tenant(
        self, tenant_id: str, *, stopped: bool, reason: str, by: Actor
    ) -> Stopped | None:
        wanted = self._document(stopped, reason, by)

        async def work(session: Session) -> Stopped | None:
            fields = {OF_TENANT: True, "version": True}
            found = await self._tenants.find_one({"_id": tenant_id}, fields, session=session)
            if found is None:
                raise NotFound("There is no such tenant.")
            before = found.get(OF_TENANT)
            if bool(before) is stopped:
                return read_stopped(before)
            changes = {OF_TENANT: wanted, "version": found.get("version", 1) + 1}
            await self._tenants.update_one({"_id": tenant_id}, {"$set": changes}, session=session)
            await self._note(session, tenant_id, stopped, reason, by)
            return read_stopped(wanted)

        return await self._database.transact(work)

    def _document(self, stopped: bool, reason: str, by: Actor) -> Document | None:
        at = milliseconds(self._clock())
        return {"at": at, "by": by.name, "reason": reason} if stopped else None

    async def _note(
        self, session: Session, tenant_id: str | None, stopped: bool, reason: str, by: Actor
    ) -> None:
        await self._audit.note(
            session,
            tenant_id=tenant_id,
            by=by,
            action="sending.stopped" if stopped else "sending.resumed",
            target=tenant_id or "all",
            before={"stopped": not stopped},
            after={"stopped": stopped},
            note=reason or None,
        )


def read_stopped(document: Mapping[str, Any] | None) -> Stopped | None:
    """A kill switch, where it is on."""
    if not document:
        return None
    return Stopped(at=document["at"], by=document["by"], reason=document.get("reason") or "")


async def _find(collection: Collection, identifier: str, field: str) -> Stopped | None:
    found = await collection.find_one({"_id": identifier}, {field: True})
    return read_stopped((found or {}).get(field))
