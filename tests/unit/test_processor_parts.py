"""A batch that is larger than one part: the parts overlap, and nobody can tell."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from processor_world import AWAY, World, delivery, received

from common.bus.messages import BusUnavailable
from common.bus.verdicts import Done
from common.store.memory import MemoryConsentLedger, MemoryConversationFacts, MemoryInbound

MANY = 330

Ask = Callable[..., Awaitable[Any]]


def counted(world: World, result: str) -> float | None:
    name = "heliograph_inbound_texts_total"
    return world.metrics.registry.get_sample_value(name, {"result": result})


async def test_turns_of_a_large_batch_leave_in_order_of_time_with_rising_seq() -> None:
    world = World()
    texts = [delivery(received(str(minute), minute=minute)) for minute in range(MANY)]
    random.shuffle(texts)
    assert await world.inbox().handle(texts) == [Done()] * MANY
    turns = world.turns()
    assert [turn.message.at for turn in turns] == sorted(turn.message.at for turn in turns)
    assert [turn.seq for turn in turns] == sorted({turn.seq for turn in turns})
    assert [len(turn.history) for turn in turns] == [min(place, 10) for place in range(MANY)]


async def test_an_opt_out_early_in_a_large_batch_is_known_to_its_last_text() -> None:
    world = World()
    texts = [delivery(received("stop", body="STOP"))]
    texts += [delivery(received(str(minute), minute=minute)) for minute in range(1, MANY)]
    await world.inbox().handle(texts)
    assert not any(turn.can_send for turn in world.turns())


async def test_a_fault_in_one_part_leaves_nothing_undone_and_nothing_doubled() -> None:
    world = World()
    inbox = world.inbox()
    texts = [delivery(received(str(minute), minute=minute)) for minute in range(MANY)]
    world.bus.faults = {7: AWAY}
    with pytest.raises(BusUnavailable):
        await inbox.handle(texts)
    assert len(world.turns()) == MANY - 1
    assert counted(world, "handed_over") == MANY - 1
    assert not counted(world, "duplicate")
    assert await inbox.handle(texts) == [Done()] * MANY
    assert counted(world, "handed_over") == MANY
    assert world.metrics.registry.get_sample_value("heliograph_hand_over_seconds_count") == MANY
    assert len({turn.turn_id for turn in world.turns()}) == len(world.turns()) == MANY


async def test_a_turns_history_and_whether_it_may_be_answered_are_looked_up_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = asyncio.Barrier(3)

    def only_together(ask: Ask) -> Ask:
        async def asked(*args: Any, **named: Any) -> Any:
            await together.wait()
            return await ask(*args, **named)

        return asked

    for store, question in (
        (MemoryConsentLedger, "of_remotes"),
        (MemoryConversationFacts, "held"),
        (MemoryInbound, "histories"),
    ):
        monkeypatch.setattr(store, question, only_together(getattr(store, question)))
    async with asyncio.timeout(10):
        assert await World().inbox().handle([delivery(received())]) == [Done()]
