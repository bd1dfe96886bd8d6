"""Another matcher in the rules' place: it is asked, and where it fails the rules judge."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from processor_world import AWAY, World, delivery, received, say

from common.bus.messages import BusUnavailable
from common.bus.verdicts import Done
from common.optout.wording import Match, classify_wording
from heliograph import Keyword
from processor.wording import Wording

PLAIN, ODD = "enough of this", "leave me be"
"""What the rules of these tests know, and what only the model does."""


class Model:
    """Knows what the rules do not; perhaps it fails."""

    def __init__(self, fault: Exception | None = None, *, hangs: bool = False):
        self.asked: list[str] = []
        self._fault = fault
        self._hangs = hangs

    async def __call__(self, text: str, /) -> Match | None:
        self.asked.append(text)
        if self._hangs:
            await asyncio.Event().wait()
        if self._fault is not None:
            raise self._fault
        return Match("model", text) if text == ODD else None


async def test_another_matcher_judges_in_the_rules_place() -> None:
    world = World()
    world.matcher = model = Model()
    await say(world, PLAIN, ODD, "STOP")
    assert [turn.keyword for turn in world.turns()] == [None, Keyword.OPT_OUT, Keyword.OPT_OUT]
    assert {entry["rule"] for entry in world.memory.consent_ledger.values()} == {"model", "STOP"}
    assert "STOP" not in model.asked


@pytest.mark.parametrize("model", [Model(ValueError("please")), Model(hangs=True)])
async def test_where_it_raises_or_is_late_the_rules_judge_and_nobody_is_held_up(
    model: Model,
) -> None:
    world = World()
    world.matcher = model
    batch = [
        delivery(received("1", body=PLAIN)),
        delivery(received("2", body="Hello", remote="+15551230009")),
    ]
    with structlog.testing.capture_logs() as logged:
        assert await world.inbox().handle(batch) == [Done(), Done()]
    assert {turn.message.body: turn.keyword for turn in world.turns()} == {
        PLAIN: Keyword.OPT_OUT,
        "Hello": None,
    }
    assert {"wording.rules_instead"} <= {line["event"] for line in logged}
    assert not any(word in str(logged) for word in (PLAIN, "Hello", "please"))


async def test_what_it_found_stays_an_opt_out_when_it_fails_on_the_second_try() -> None:
    world = World()
    world.matcher = Model()
    event = delivery(received(body=ODD))
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("one").handle([event])
    world.memory.consent_ledger.clear()
    world.memory.consents.clear()
    world.matcher = Model(OSError("away"))
    assert await world.inbox("one").handle([event]) == [Done()]
    assert [turn.can_send for turn in world.turns()] == [False]


async def test_without_another_matcher_the_rules_are_called_directly() -> None:
    assert await Wording().read(["Hello"]) is classify_wording
