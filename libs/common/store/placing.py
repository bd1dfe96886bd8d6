"""Putting a number onto a connection, in a transaction.

Such a transaction also writes to the connection (`Placing.hold`), so that of two that put a number
and disconnect at once one must wait and look again: a snapshot alone would let both happen (MongoDB
docs, "Transactions", on write conflicts).
"""

from __future__ import annotations

import uuid

from pymongo.errors import DuplicateKeyError

from common.store.client import Database, Document, Session
from common.store.clock import Clock, milliseconds
from common.store.connection_documents import (
    LIVE,
    agent_fields,
    connection_key,
    next_version,
    number_facts,
    number_fields,
)
from common.store.control import Actor, NewNumber
from common.store.control_ports import Disconnected, InactiveAgent, NotFound, UnknownAgent
from common.store.mongo_audit import MongoAudit
from common.store.ports import NumberTaken
from common.store.schema import AGENTS, CONNECTIONS, NUMBERS


class Placing:
    """What adding and moving numbers have in common."""

    def __init__(self, database: Database, *, clock: Clock):
        self._agents = database.collection(AGENTS)
        self._connections = database.collection(CONNECTIONS)
        self._numbers = database.collection(NUMBERS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    async def hold(self, session: Session, tenant_id: str, connection_id: str) -> Document:
        """A live connection, which nobody else changes until the transaction is over.

        Raises: NotFound, Disconnected.
        """
        found: Document | None = await self._connections.find_one_and_update(
            connection_key(tenant_id, connection_id),
            {"$set": {"held_by": uuid.uuid4().hex}},
            session=session,
        )
        if found is None:
            raise NotFound(connection_id)
        if found["status"] not in LIVE:
            raise Disconnected(connection_id)
        return found

    async def check_agent(self, session: Session, tenant_id: str, agent_id: str) -> None:
        """Raises: UnknownAgent, InactiveAgent."""
        key = agent_fields(tenant_id, agent_id)["agent"]
        agent = await self._agents.find_one({"_id": key, "tenant_id": tenant_id}, session=session)
        if agent is None:
            raise UnknownAgent(agent_id)
        if not agent.get("active", False):
            raise InactiveAgent(agent_id)

    async def put(
        self, session: Session, number: NewNumber, connection: Document, *, by: Actor
    ) -> Document:
        """Connect a number, also one that was freed before, and note it.

        Raises: NumberTaken, UnknownAgent, InactiveAgent.
        """
        tenant_id = connection["tenant_id"]
        await self.check_agent(session, tenant_id, number.agent_id)
        which = {"_id": f"{tenant_id}/{number.address}", "tenant_id": tenant_id}
        before = await self._numbers.find_one(which, session=session)
        if before is not None and before["connected"]:
            raise NumberTaken(number.address, connection_id=before["connection_id"])
        fields = number_fields(
            number,
            connection,
            version=next_version(before) if before is not None else 1,
            now=milliseconds(self._clock()),
        )
        try:
            await self._numbers.update_one(which, {"$set": fields}, upsert=True, session=session)
        except DuplicateKeyError:
            raise NumberTaken(number.address) from None
        # What a freed number had beyond these fields, its rules, it has again.
        after = (before or {}) | which | fields
        await self._audit.note(
            session,
            tenant_id=tenant_id,
            by=by,
            action="number.added",
            target=number.address,
            before=number_facts(before) if before is not None else None,
            after=number_facts(after),
        )
        return after
