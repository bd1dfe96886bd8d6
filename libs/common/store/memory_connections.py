"""Tenants, agents, connections, numbers and leases in memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from common.addresses import usual_type
from common.store.clock import after, milliseconds
from common.store.control import CLEARED
from common.store.documents import read_connection
from common.store.memory_database import Document, Memory
from common.store.ports import BusUserTaken, NumberTaken, UnknownConnection
from common.store.records import ConnectionRecord, ConnectionStatus


class MemoryConnections:
    """Tenants, agents, connections and numbers in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def put_tenant(
        self, tenant_id: str, *, name: str, wrapped_key: Mapping[str, object]
    ) -> Mapping[str, object]:
        new = {"_id": tenant_id, "name": name, "wrapped_key": dict(wrapped_key)}
        kept: Mapping[str, object] = self._memory.tenants.setdefault(tenant_id, new)["wrapped_key"]
        return kept

    async def put_agent(self, tenant_id: str, agent_id: str, *, name: str, bus_user: str) -> None:
        key, agents = f"{tenant_id}/{agent_id}", self._memory.agents
        if any(item["bus_user"] == bus_user and item["_id"] != key for item in agents.values()):
            raise BusUserTaken("Another agent has this broker user.")
        agents[key] = {"active": True} | agents.get(key, {})
        agents[key] |= {
            "_id": key,
            "tenant_id": tenant_id,
            "agent_id": agent_id,
            "name": name,
            "bus_user": bus_user,
        }

    async def put_connection(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str,
        provider: str,
        sealed: Mapping[str, object],
    ) -> None:
        key, connections = f"{tenant_id}/{connection_id}", self._memory.connections
        connections[key] = {"checked_at": None} | connections.get(key, {})
        connections[key] |= {
            "_id": key,
            "tenant_id": tenant_id,
            "connection_id": connection_id,
            "name": name,
            "provider": provider,
            "sealed": dict(sealed),
            "public": {},
            "status": ConnectionStatus.ACTIVE.value,
            "error": None,
            "circuit": None,
            "credentials_version": uuid.uuid4().hex,
        }

    async def put_number(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        address: str,
        region: str,
        agent_id: str,
    ) -> None:
        connection = self._live(tenant_id, connection_id)
        if connection is None:
            raise UnknownConnection("The tenant has no such connection, or it is disconnected.")
        key, numbers = f"{tenant_id}/{address}", self._memory.numbers
        for item in numbers.values():
            if item["address"] == address and item["connected"] and item["_id"] != key:
                raise NumberTaken(address)
        numbers[key] = {"gate_on": False, "type": usual_type(address).value} | numbers.get(key, {})
        if numbers[key].get("connection", connection["_id"]) != connection["_id"]:
            numbers[key]["ways_since"] = self._memory.now()
        numbers[key] |= {
            "_id": key,
            "tenant_id": tenant_id,
            "address": address,
            "region": region,
            "agent_id": agent_id,
            "agent": f"{tenant_id}/{agent_id}",
            "connection_id": connection_id,
            "connection": connection["_id"],
            "provider": connection["provider"],
            "connected": True,
        }

    def _live(self, tenant_id: str, connection_id: str) -> Document | None:
        connection = self._memory.connections.get(f"{tenant_id}/{connection_id}")
        if connection is None or connection["status"] == ConnectionStatus.DISCONNECTED.value:
            return None
        return connection

    async def set_gate(self, tenant_id: str, address: str, *, on: bool) -> bool:
        number = self._memory.numbers.get(f"{tenant_id}/{address}")
        if number is None:
            return False
        number["gate_on"] = on
        return True

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None:
        connection = self._memory.connections.get(f"{tenant_id}/{connection_id}")
        return self._read(connection) if connection is not None else None

    async def to_validate(self) -> Sequence[ConnectionRecord]:
        return [
            self._read(connection)
            for _, connection in sorted(self._memory.connections.items())
            if connection["status"] != ConnectionStatus.DISCONNECTED.value
        ]

    def _read(self, connection: Document) -> ConnectionRecord:
        tenant = self._memory.tenants.get(connection["tenant_id"])
        numbers = [
            item
            for item in self._memory.numbers.values()
            if item["connection"] == connection["_id"]
        ]
        return read_connection(
            connection | {"tenant": [tenant] if tenant else [], "numbers": numbers}
        )

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
        connection = self._live(tenant_id, connection_id)
        if connection is None or credentials_version not in {
            None,
            connection["credentials_version"],
        }:
            return False
        before = (connection["status"], connection["error"])
        connection |= {
            "status": status.value,
            "error": error,
            "checked_at": milliseconds(checked_at),
        }
        if works:
            connection["circuit"] = None
        if status is ConnectionStatus.DISCONNECTED:
            connection |= {"sealed": CLEARED, "circuit": None}
            for number in self._memory.numbers.values():
                if number["connection"] == connection["_id"]:
                    number |= {"connected": False, "gate_on": False, "failover": []}
        return before != (status.value, error)


class MemoryLeases:
    """Leases in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def acquire(self, name: str, *, owner: str, seconds: float) -> bool:
        now, leases = self._memory.now(), self._memory.leases
        lease = leases.get(name)
        if lease is not None and lease["owner"] != owner and lease["until"] >= now:
            return False
        leases[name] = {"_id": name, "owner": owner, "until": after(now, seconds)}
        return True

    async def release(self, name: str, *, owner: str) -> None:
        lease = self._memory.leases.get(name)
        if lease is not None and lease["owner"] == owner:
            del self._memory.leases[name]
