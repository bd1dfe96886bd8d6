"""The bus in memory keeps the promises of the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from common.bus.memory import MemoryBroker, MemoryBus
from tests.conformance.bus_suite import BusSuite
from tests.conformance.bus_world import World, closing
from tests.conformance.settle_suite import SettleSuite
from tests.conformance.work_suite import WorkSuite


@pytest.fixture
async def world() -> AsyncIterator[World]:
    broker = MemoryBroker()

    async def cut() -> None:
        broker.stop()
        broker.start()

    async def delete(queue: str) -> None:
        broker.delete(queue)
        broker.stop()
        broker.start()

    def make(topology: object, user: str) -> MemoryBus:
        return MemoryBus(broker, topology=topology, user=user)

    async with closing(World(make, cut, delete, moment=0.01)) as made:
        yield made


class TestBus(BusSuite):
    pass


class TestSettling(SettleSuite):
    pass


class TestWork(WorkSuite):
    pass
