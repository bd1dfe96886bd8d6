"""Agents in MongoDB, for those who administer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor, AgentKind, AgentRecord, Page
from common.store.control_ports import NotFound, Stale, Taken
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.ports import BusUserTaken
from common.store.schema import AGENTS, NUMBERS, TENANTS

_TOLD: Final = ("name", "kind", "employee", "active", "bus_user")
"""What the audit trail tells of an agent, which is also what can be changed."""


class MongoAgents:
    """Agents in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._agents = database.collection(AGENTS)
        self._tenants = database.collection(TENANTS)
        self._numbers = database.collection(NUMBERS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def create(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        name: str,
        kind: AgentKind,
        employee: str | None,
        bus_user: str,
        by: Actor,
    ) -> AgentRecord:
        document: Document = {
            "_id": f"{tenant_id}/{agent_id}",
            "tenant_id": tenant_id,
            "agent_id": agent_id,
            "name": name,
            "kind": kind.value,
            "employee": employee,
            "active": True,
            "bus_user": bus_user,
            "created_at": milliseconds(self._clock()),
            "version": 1,
        }

        async def work(session: Session) -> None:
            if (
                await self._tenants.find_one({"_id": tenant_id}, {"_id": 1}, session=session)
                is None
            ):
                raise NotFound("There is no such tenant.")
            await self._agents.insert_one(document, session=session)
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action="agent.created",
                target=agent_id,
                after=_told(document),
            )

        try:
            await self._database.transact(work)
        except DuplicateKeyError as error:
            if _broke_bus_user(error):
                raise BusUserTaken("Another agent has this broker user.") from None
            raise Taken("The tenant has an agent with this ID.") from None
        return _read(document)

    @guarded
    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[AgentRecord]:
        wanted: Document = {"tenant_id": tenant_id}
        if cursor is not None:
            (after,) = read_cursor(cursor, str)
            wanted["agent_id"] = {"$gt": after}
        found = self._agents.find(wanted).sort("agent_id", 1).limit(limit + 1)
        documents = await found.to_list(None)
        shown = documents[:limit]
        counts = await self._numbers_of(tenant_id, [item["agent_id"] for item in shown])
        items = tuple(_read(item, counts.get(item["agent_id"], 0)) for item in shown)
        more = len(documents) > limit
        return Page(items, write_cursor(items[-1].id) if more and items else None)

    @guarded
    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord | None:
        document = await self._agents.find_one({"tenant_id": tenant_id, "agent_id": agent_id})
        if document is None:
            return None
        counts = await self._numbers_of(tenant_id, [agent_id])
        return _read(document, counts.get(agent_id, 0))

    @guarded
    async def update(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Actor,
    ) -> AgentRecord:
        wanted: Document = {"tenant_id": tenant_id, "agent_id": agent_id}

        async def work(session: Session) -> AgentRecord:
            before = await self._agents.find_one(wanted, session=session)
            if before is None:
                raise NotFound("The tenant has no such agent.")
            if version is not None and version != before.get("version", 1):
                raise Stale("The agent was changed in the meantime.")
            old = _told(before)
            new = {field: changes[field] for field in _TOLD if field in changes}
            counts = await self._numbers_of(tenant_id, [agent_id], session)
            if old | new == old:
                return _read(before, counts.get(agent_id, 0))
            after = await self._agents.find_one_and_update(
                wanted,
                {"$set": new | {"version": before.get("version", 1) + 1}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            await self._audit.note(
                session,
                tenant_id=tenant_id,
                by=by,
                action="agent.updated",
                target=agent_id,
                before=old,
                after=_told(after),
            )
            return _read(after, counts.get(agent_id, 0))

        try:
            return await self._database.transact(work)
        except DuplicateKeyError:
            raise BusUserTaken("Another agent has this broker user.") from None

    async def _numbers_of(
        self, tenant_id: str, agent_ids: Sequence[str], session: Session | None = None
    ) -> Mapping[str, int]:
        """How many connected numbers reach each."""
        theirs = {"tenant_id": tenant_id, "connected": True, "agent_id": {"$in": agent_ids}}
        count = {"$group": {"_id": "$agent_id", "number": {"$sum": 1}}}
        found = self._numbers.aggregate([{"$match": theirs}, count], session=session)
        return {item["_id"]: item["number"] for item in await found.to_list(None)}


def _broke_bus_user(error: DuplicateKeyError) -> bool:
    """Which of the two unique indexes it was; the server names the keys (MongoDB 4.4 and later)."""
    return "bus_user" in (error.details or {}).get("keyPattern", {})


def _told(document: Document) -> dict[str, Any]:
    record = _read(document)
    return {
        "name": record.name,
        "kind": record.kind.value,
        "employee": record.employee,
        "active": record.active,
        "bus_user": record.bus_user,
    }


def _read(document: Document, numbers: int = 0) -> AgentRecord:
    return AgentRecord(
        id=document["agent_id"],
        tenant_id=document["tenant_id"],
        name=document["name"],
        kind=AgentKind(document.get("kind", AgentKind.AGENT.value)),
        employee=document.get("employee"),
        active=document["active"],
        bus_user=document["bus_user"],
        created_at=document["created_at"],
        version=document.get("version", 1),
        numbers=numbers,
    )
