"""Circuits of connections in MongoDB: a field of each connection.

The decisions are pure (`common.circuit`), so a change is: read, decide, and write on the condition
that the field is what it was. Who comes too late decides again on what is there then. A circuit
changes a few times in a row of failures and never while all is well, so that this is rare.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import structlog

from common.circuit import (
    CLOSED,
    Circuit,
    after,
    given_back,
    tried,
)
from common.circuit_words import Said
from common.store.circuit_documents import circuit_document, read_circuit, trouble_of
from common.store.client import Database, Document, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.clock import after as later
from common.store.connection_documents import LIVE, connection_key
from common.store.records import ConnectionStatus, Noted, Trying
from common.store.schema import CONNECTIONS

log = structlog.get_logger(__name__)

_ROUNDS: Final = 20
"""Times that a change is decided again, others having come first."""


class MongoCircuits:
    """Circuits in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._connections = database.collection(CONNECTIONS)
        self._clock = clock

    @guarded
    async def note(
        self,
        tenant_id: str,
        connection_id: str,
        said: Said,
        *,
        credentials_version: str,
        number: str,
        began: datetime,
    ) -> Noted:
        which = _which(tenant_id, connection_id, credentials_version)
        for _ in range(_ROUNDS):
            found = await self._find(which)
            if found is None:
                return Noted()
            before = read_circuit(found.get("circuit"))
            now = milliseconds(self._clock())
            wanted = after(before, said, number=number, began=milliseconds(began), now=now)
            if wanted == before:
                return Noted(before=before, after=before)
            fields, changed = _fields(found, before, wanted)
            if await self._change(which, found, fields):
                return Noted(before=before, after=wanted, status_changed=changed)
        log.warning("circuit.not_noted", tenant_id=tenant_id, connection_id=connection_id)
        return Noted()

    @guarded
    async def take_try(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        seconds: float,
    ) -> Trying:
        which = _which(tenant_id, connection_id, credentials_version)
        circuit = CLOSED
        for _ in range(_ROUNDS):
            found = await self._find(which)
            circuit = read_circuit((found or {}).get("circuit"))
            now = milliseconds(self._clock())
            until = later(now, seconds)
            wanted = tried(circuit, number, until=until, now=now)
            if found is None or wanted is None:
                break
            if await self._change(which, found, {"circuit": circuit_document(wanted)}):
                return Trying(until=until, circuit=wanted)
        return Trying(until=None, circuit=circuit)

    @guarded
    async def give_back(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        until: datetime,
    ) -> None:
        which = _which(tenant_id, connection_id, credentials_version)
        for _ in range(_ROUNDS):
            found = await self._find(which)
            before = read_circuit((found or {}).get("circuit"))
            wanted = given_back(before, number, until=until)
            if found is None or wanted == before:
                return
            if await self._change(which, found, {"circuit": circuit_document(wanted)}):
                return

    async def _find(self, which: Document) -> Document | None:
        wanted = {"circuit": True, "status": True, "error": True}
        found: Document | None = await self._connections.find_one(which, wanted)
        return found

    async def _change(self, which: Document, found: Document, fields: Document) -> bool:
        """Write, if the circuit is still as it was found; no circuit is found as None."""
        changed = await self._connections.update_one(
            which | {"circuit": found.get("circuit")}, {"$set": fields}
        )
        return changed.matched_count == 1


def _which(tenant_id: str, connection_id: str, credentials_version: str) -> Document:
    live = {"status": {"$in": list(LIVE)}, "credentials_version": credentials_version}
    return connection_key(tenant_id, connection_id) | live


def _fields(found: Document, before: Circuit, wanted: Circuit) -> tuple[dict[str, Any], bool]:
    """What is written, and whether that changes the connection's status or error."""
    fields: dict[str, Any] = {"circuit": circuit_document(wanted)}
    trouble = trouble_of(before, wanted, ConnectionStatus(found["status"]))
    if trouble is None:
        return fields, False
    told = {"status": trouble.status.value, "error": trouble.error}
    return fields | told, any(found[name] != value for name, value in told.items())
