"""A bus can be closed at any moment of its life, and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from common.bus.client import Bus
from common.bus.topology import EXCHANGES, Topology


async def test_a_close_at_any_moment_of_connecting_ends_soon(vhost_url: str) -> None:
    others = {task for task in asyncio.all_tasks() if task.get_name() == "bus"}
    for moment in range(60):
        bus = Bus(vhost_url, app="close", topology=Topology(EXCHANGES))
        bus.start()
        await asyncio.sleep(moment * 0.001)  # The moment is what is tested.
        async with asyncio.timeout(10):
            await bus.close()
        assert bus.problem is not None
    assert {task for task in asyncio.all_tasks() if task.get_name() == "bus"} <= others


async def test_a_cancellation_that_the_library_swallows_does_not_keep_the_bus(
    vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    swallowed = asyncio.Event()

    async def deaf(self: Bus) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if swallowed.is_set():
                raise
            swallowed.set()
            await asyncio.sleep(3600)

    monkeypatch.setattr(Bus, "_live_once", deaf)
    monkeypatch.setattr("common.bus.client._CANCEL_AGAIN", 0.05)
    bus = Bus(vhost_url, app="close")
    bus.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await bus.close()
    assert swallowed.is_set()
