"""The store in memory keeps the promises of the ports."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from conformance.store_suite import FakeClock, Stores, StoreSuite
from conformance.store_world import SetFailover, SetScope

from common.errors import StoreUnavailable
from common.sending_rules import OptOutScope
from common.store.circuit_documents import failover_keys
from common.store.memory import (
    Memory,
    MemoryConnections,
    MemoryConsentLedger,
    MemoryConversationFacts,
    MemoryDirectory,
    MemoryExecutions,
    MemoryInbound,
    MemoryLeases,
    MemoryOutbound,
)
from common.store.memory_circuits import MemoryCircuits
from common.store.memory_limits import MemoryLimits


def scope_setter(memory: Memory) -> SetScope:
    async def set_scope(tenant_id: str, scope: OptOutScope) -> None:
        memory.tenants.setdefault(tenant_id, {})["opt_out_scope"] = scope.value

    return set_scope


def failover_setter(memory: Memory) -> SetFailover:
    async def set_failover(tenant_id: str, address: str, connection_ids: Sequence[str]) -> None:
        keys = failover_keys(tenant_id, connection_ids)
        memory.numbers[f"{tenant_id}/{address}"]["failover"] = keys

    return set_failover


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def stores(self) -> Stores:
        clock = FakeClock()
        memory = Memory(clock=clock)
        return Stores(
            clock=clock,
            directory=MemoryDirectory(memory),
            inbound=MemoryInbound(memory),
            outbound=MemoryOutbound(memory),
            executions=MemoryExecutions(memory),
            connections=MemoryConnections(memory),
            leases=MemoryLeases(memory),
            decide=MemoryOutbound(memory).decide,
            consents=MemoryConsentLedger(memory),
            conversations=MemoryConversationFacts(memory),
            scope=scope_setter(memory),
            limits=MemoryLimits(memory),
            circuits=MemoryCircuits(memory),
            failover=failover_setter(memory),
        )


async def test_a_store_that_is_away_says_so_until_it_is_back() -> None:
    memory = Memory()
    directory, leases = MemoryDirectory(memory), MemoryLeases(memory)
    memory.away = True
    with pytest.raises(StoreUnavailable):
        await directory.ping()
    with pytest.raises(StoreUnavailable):
        await leases.acquire("daily", owner="one", seconds=1)
    memory.away = False
    await directory.ping()
