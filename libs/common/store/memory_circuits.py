"""Circuits of connections in memory."""

from __future__ import annotations

from datetime import datetime

from common.circuit import (
    CLOSED,
    after,
    given_back,
    tried,
)
from common.circuit_words import Said
from common.store.circuit_documents import circuit_document, read_circuit, trouble_of
from common.store.clock import after as later
from common.store.clock import milliseconds
from common.store.memory_database import Document, Memory
from common.store.records import ConnectionStatus, Noted, Trying


class MemoryCircuits:
    """Circuits in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

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
        found = self._find(tenant_id, connection_id, credentials_version)
        if found is None:
            return Noted()
        before = read_circuit(found.get("circuit"))
        wanted = after(
            before, said, number=number, began=milliseconds(began), now=self._memory.now()
        )
        if wanted == before:
            return Noted(before=before, after=before)
        found["circuit"] = circuit_document(wanted)
        trouble = trouble_of(before, wanted, ConnectionStatus(found["status"]))
        told = {} if trouble is None else {"status": trouble.status.value, "error": trouble.error}
        changed = any(found[name] != value for name, value in told.items())
        found |= told
        return Noted(before=before, after=wanted, status_changed=changed)

    async def take_try(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        seconds: float,
    ) -> Trying:
        found = self._find(tenant_id, connection_id, credentials_version)
        circuit = read_circuit(found.get("circuit")) if found is not None else CLOSED
        now = self._memory.now()
        until = later(now, seconds)
        wanted = tried(circuit, number, until=until, now=now)
        if found is None or wanted is None:
            return Trying(until=None, circuit=circuit)
        found["circuit"] = circuit_document(wanted)
        return Trying(until=until, circuit=wanted)

    async def give_back(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        until: datetime,
    ) -> None:
        found = self._find(tenant_id, connection_id, credentials_version)
        if found is not None:
            circuit = read_circuit(found.get("circuit"))
            found["circuit"] = circuit_document(given_back(circuit, number, until=until))

    def _find(
        self, tenant_id: str, connection_id: str, credentials_version: str
    ) -> Document | None:
        found = self._memory.connections.get(f"{tenant_id}/{connection_id}")
        if found is None or found["credentials_version"] != credentials_version:
            return None
        return found if found["status"] != ConnectionStatus.DISCONNECTED.value else None
