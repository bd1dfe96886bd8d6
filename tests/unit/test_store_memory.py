"""The store in memory keeps the promises of the ports."""

from __future__ import annotations

import pytest
from conformance.store_suite import FakeClock, Stores, StoreSuite

from common.errors import StoreUnavailable
from common.store.memory import (
    Memory,
    MemoryConnections,
    MemoryDirectory,
    MemoryExecutions,
    MemoryInbound,
    MemoryLeases,
    MemoryOutbound,
)


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
