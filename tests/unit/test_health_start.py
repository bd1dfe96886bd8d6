"""How long the health service waits for the broker before it serves without."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from common.bus.client import Bus
from health import app as module

pytestmark = pytest.mark.unit

PATIENCE = 10


class Broker:
    def __init__(self) -> None:
        self.up = asyncio.Event()

    async def ready(self) -> None:
        await self.up.wait()


async def met(broker: Broker, stopping: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await module._met(cast("Bus", broker), stopping)


async def test_it_serves_once_the_broker_is_there_or_the_patience_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = Broker()
    waiting = asyncio.create_task(met(broker, asyncio.Event()))
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.up.set()
    await waiting
    monkeypatch.setattr(module, "_BROKER_PATIENCE", 0.01)
    await met(Broker(), asyncio.Event())


async def test_a_stop_does_not_wait_for_the_broker() -> None:
    stopping = asyncio.Event()
    stopping.set()
    await met(Broker(), stopping)
