"""Numbers of connections in MongoDB, as administrators change them.

That an address is connected once is the unique index's word, in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from common.sending_rules import SendingRules, rules_document
from common.store.circuit_documents import failover_keys
from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.connection_documents import (
    agent_fields,
    next_version,
    number_facts,
    number_record,
    place_fields,
)
from common.store.control import Actor, NewNumber, NumberRecord, Page
from common.store.control_ports import NotFound, Stale
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.placing import Placing
from common.store.schema import NUMBERS

_CHANGEABLE: Final = ("name", "type", "owners", "region")


class MongoNumbers:
    """Numbers in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._numbers = database.collection(NUMBERS)
        self._placing = Placing(database, clock=clock)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def add(
        self, tenant_id: str, connection_id: str, number: NewNumber, *, by: Actor
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            connection = await self._placing.hold(session, tenant_id, connection_id)
            return number_record(await self._placing.put(session, number, connection, by=by))

        return await self._database.transact(work)

    @guarded
    async def list(
        self,
        tenant_id: str,
        *,
        connection_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[NumberRecord]:
        wanted: Document = {"tenant_id": tenant_id, "connected": True}
        if connection_id is not None:
            wanted["connection_id"] = connection_id
        if agent_id is not None:
            wanted["agent_id"] = agent_id
        if cursor is not None:
            (after,) = read_cursor(cursor, str)
            wanted["address"] = {"$gt": after}
        found = self._numbers.find(wanted).sort("address", 1).limit(limit + 1)
        documents = await found.to_list(None)
        items = tuple(number_record(document) for document in documents[:limit])
        more = bool(items) and len(documents) > limit
        return Page(items, write_cursor(items[-1].address) if more else None)

    @guarded
    async def get(self, tenant_id: str, address: str) -> NumberRecord | None:
        document = await self._numbers.find_one(_only(tenant_id, address))
        return number_record(document) if document is not None else None

    @guarded
    async def update(
        self,
        tenant_id: str,
        address: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        fields = {name: _plain(changes[name]) for name in _CHANGEABLE if name in changes}

        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            return await self._change(session, before, fields, "number.updated", by)

        return await self._database.transact(work)

    @guarded
    async def assign(
        self, tenant_id: str, address: str, agent_id: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            await self._placing.check_agent(session, tenant_id, agent_id)
            fields = agent_fields(tenant_id, agent_id)
            return await self._change(session, before, fields, "number.assigned", by)

        return await self._database.transact(work)

    @guarded
    async def move(
        self, tenant_id: str, address: str, connection_id: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            connection = await self._placing.hold(session, tenant_id, connection_id)
            others = [key for key in before.get("failover") or () if key != connection["_id"]]
            fields = place_fields(connection) | {"failover": others} | self._ways_anew()
            return await self._change(session, before, fields, "number.moved", by)

        return await self._database.transact(work)

    @guarded
    async def set_gate(self, tenant_id: str, address: str, *, on: bool, by: Actor) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, None)
            if before["gate_on"] is on:
                return number_record(before)
            fields = {
                "gate_on": on,
                "gate_changed_at": milliseconds(self._clock()),
                "gate_changed_by": by.name,
            }
            action = "number.gate_on" if on else "number.gate_off"
            return await self._change(session, before, fields, action, by)

        return await self._database.transact(work)

    @guarded
    async def set_rules(
        self,
        tenant_id: str,
        address: str,
        rules: SendingRules,
        *,
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            fields = {"rules": rules_document(rules)}
            return await self._change(session, before, fields, "number.rules_changed", by)

        return await self._database.transact(work)

    @guarded
    async def set_failover(
        self,
        tenant_id: str,
        address: str,
        connection_ids: Sequence[str],
        *,
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            for connection_id in connection_ids:
                await self._placing.hold(session, tenant_id, connection_id)
            fields = {"failover": failover_keys(tenant_id, connection_ids)} | self._ways_anew()
            return await self._change(session, before, fields, "number.failover_changed", by)

        return await self._database.transact(work)

    @guarded
    async def remove(
        self, tenant_id: str, address: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        async def work(session: Session) -> NumberRecord:
            before = await self._find(session, tenant_id, address, version)
            fields = {"connected": False, "gate_on": False, "failover": []}
            return await self._change(session, before, fields, "number.removed", by)

        return await self._database.transact(work)

    def _ways_anew(self) -> Document:
        """Somebody has chosen where the number's texts go: what carried them before counts no
        more."""
        return {"ways_since": milliseconds(self._clock())}

    async def _find(
        self, session: Session, tenant_id: str, address: str, version: int | None
    ) -> Document:
        """A connected number, at the version that is meant."""
        found = await self._numbers.find_one(_only(tenant_id, address), session=session)
        if found is None or not found["connected"]:
            raise NotFound(address)
        if version is not None and version != found.get("version", 1):
            raise Stale(address)
        return found

    async def _change(
        self, session: Session, before: Document, fields: Document, action: str, by: Actor
    ) -> NumberRecord:
        """Write what differs; where nothing does, nothing is written or noted."""
        if number_facts(before | fields) == number_facts(before):
            return number_record(before)
        fields = fields | {"version": next_version(before)}
        after = before | fields
        await self._numbers.update_one(
            _only(before["tenant_id"], before["address"]), {"$set": fields}, session=session
        )
        await self._audit.note(
            session,
            tenant_id=before["tenant_id"],
            by=by,
            action=action,
            target=before["address"],
            before=number_facts(before),
            after=number_facts(after),
        )
        return number_record(after)


def _only(tenant_id: str, address: str) -> Document:
    return {"_id": f"{tenant_id}/{address}", "tenant_id": tenant_id}


def _plain(value: Any) -> Any:
    """A value as BSON has it."""
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
