"""What we answer to STOP, START and HELP, through the processor in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest
from processor_world import AWAY, OTHER, OUR_ANSWERS, OURS, THEIRS, World, delivery, received, say

from common.bus.messages import BusUnavailable
from common.sender_types import NumberType
from common.sending_rules import Answers, SendingRules
from common.store.memory import MemoryConsentLedger
from common.store.records import SendState, turn_id
from heliograph import Keyword


async def test_the_first_stop_gets_one_confirmation_and_the_second_none() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await say(world, "STOP", "STOP", "unsubscribe", "enough of this")
    (notice,) = world.notices()
    stop = world.turns()[0].message.id
    assert notice["command_id"] == f"notice-{stop}"
    assert (notice["agent_id"], notice["in_reply_to"]) == ("desk", turn_id(stop))
    assert (notice["body"], notice["encoding"], notice["segments"]) == ("Bye €.", "GSM-7", 1)
    assert (notice["state"], notice["approval"]["decision"]) == (SendState.RELEASED, "approved")
    assert world.nudged() == [notice["_id"]]
    assert world.metrics.notices.labels("opt_out")._value.get() == 1


async def test_a_stop_that_comes_again_is_answered_once() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    event = delivery(received(body="STOP"))
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("one").handle([event])
    await world.inbox("one").handle([event])
    await world.inbox("one").handle([event])
    assert len(world.notices()) == 1
    assert world.nudged() == [world.notices()[0]["_id"]]


async def test_each_change_of_mind_is_answered_once() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    for minute, body in enumerate(["STOP", "START", "START", "STOP", "STOP"]):
        world.instant += timedelta(minutes=1)
        await say(world, body, first=minute)
    assert [item["body"] for item in world.notices()] == ["Bye €.", "Hello.", "Bye €."]


async def test_help_is_answered_each_time_but_not_to_one_who_has_opted_out() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await say(world, "HELP", "HELP", "STOP", "HELP")
    answered = [item["notice"] for item in world.notices()]
    assert answered == ["help", "help", "opt_out"]
    assert [turn.keyword for turn in world.turns()][-1] is Keyword.HELP


async def test_help_without_configured_words_is_left_to_the_agent() -> None:
    world = World()
    world.routes.rules = SendingRules(answers=Answers.US)
    await say(world, "HELP")
    assert world.notices() == []


async def test_what_others_answer_we_do_not() -> None:
    world = World()
    await say(world, "STOP", "START", "HELP")
    assert world.notices() == []


@pytest.mark.parametrize(("body", "answers"), [("STOP", 0), ("Revoke", 1), ("enough of this", 1)])
async def test_we_answer_the_words_that_a_carrier_does_not_know(body: str, answers: int) -> None:
    world = World()
    world.routes.rules, world.routes.type = OUR_ANSWERS, NumberType.TOLL_FREE
    await say(world, body)
    assert len(world.notices()) == answers


async def test_a_number_that_is_gone_answers_nothing() -> None:
    world = World()
    world.routes.rules, world.routes.gone = OUR_ANSWERS, True
    await say(world, "STOP")
    assert world.notices() == []
    (consent,) = await MemoryConsentLedger(world.memory).of_remotes([("acme", THEIRS)])
    assert consent.opted_out


async def test_in_a_tenants_scope_only_the_first_number_confirms() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    world.numbers.others = (OTHER,)
    world.memory.tenants["acme"] = {"opt_out_scope": "tenant"}
    await say(world, "STOP")
    world.instant += timedelta(minutes=1)
    await say(world, "STOP", first=1, number=OTHER)
    assert [item["number"] for item in world.notices()] == [OURS]
