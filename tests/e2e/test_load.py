"""Copies of one event, and a house that is restarted service by service, under load."""

from __future__ import annotations

import asyncio
from typing import Final

from promises import check_promises
from scene import World, clock, texts_coming

from heliograph.models import Turn
from local.house import SERVICES

COPIES: Final = 50
GRACE: Final = 25.0
"""Seconds that a service has to stop (the default of `HELIOGRAPH_GRACE_PERIOD`)."""


async def test_fifty_copies_of_one_event_at_once_are_one_turn(world: World) -> None:
    await world.ensure("webhook", "processor", "sender")
    text = await world.text(copies=COPIES)
    await check_promises(world)
    [sent] = world.simulator.phone(text.remote).sent
    answers = [
        delivery["status"]
        for delivery in world.simulator.deliveries
        if delivery["event_ids"] == [sent.message_id]
    ]
    assert answers == [200] * COPIES
    assert len([turn for turn in world.spy.all(Turn) if turn.message.id == text.id]) == 1


async def test_a_rolling_restart_under_load_loses_and_doubles_nothing(world: World) -> None:
    await world.ensure(*SERVICES)
    async with texts_coming(world, per_second=25):
        for name in SERVICES:
            await _some_more_texts(world)
            began = clock()
            await world.service(name).stop(timeout=GRACE + 10)
            assert (name, world.service(name).exit_code) == (name, 0)
            assert clock() - began < GRACE
            await world.house.start(name)
        back = clock()
        await _some_more_texts(world)
    await check_promises(world, since=back)


async def test_stopping_everything_under_load_loses_and_doubles_nothing(world: World) -> None:
    await world.ensure("webhook", "processor", "sender")
    async with texts_coming(world, per_second=25):
        await _some_more_texts(world)
        await world.house.stop()
        ended = {name: world.service(name).exit_code for name in ("webhook", "processor", "sender")}
        assert set(ended.values()) == {0}, ended
        await asyncio.gather(world.text(), world.text())
        await world.ensure("webhook", "processor", "sender")
        back = clock()
    await check_promises(world, since=back)


async def _some_more_texts(world: World, count: int = 15) -> None:
    """Wait until the agent is done with so many more texts, so that all are at work."""
    wanted = len(world.notebook.handled) + count
    await world.notebook.wait(lambda: len(world.notebook.handled) >= wanted, 60)
