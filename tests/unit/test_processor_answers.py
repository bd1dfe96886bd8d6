"""What we answer to STOP, START and HELP, through the processor in memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from processor_world import (
    AWAY,
    MORNING,
    OTHER,
    OUR_ANSWERS,
    OURS,
    THEIRS,
    World,
    delivery,
    received,
    say,
)

from common.bus.messages import BusUnavailable
from common.sender_types import NumberType
from common.sending_rules import Answers, SendingRules
from common.store.consents import ConsentSource, NewConsent
from common.store.memory import MemoryConsentLedger
from common.store.records import SendState, turn_id
from heliograph import Keyword


def providers_word(at: datetime = MORNING + timedelta(minutes=5)) -> NewConsent:
    """The provider refused a text, because the remote had opted out."""
    return NewConsent(
        tenant_id="acme",
        number=OURS,
        remote=THEIRS,
        opted_out=True,
        at=at,
        source=ConsentSource.REFUSAL,
        rule="recipient_opted_out",
        who="provider:acs",
        message_id="refused",
    )


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


async def test_help_is_not_answered_to_one_who_has_opted_out() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await say(world, "HELP", "STOP")
    await say(world, "HELP", first=11)
    assert [item["notice"] for item in world.notices()] == ["help", "opt_out"]
    assert [turn.keyword for turn in world.turns()][-1] is Keyword.HELP


async def test_help_is_answered_once_in_ten_minutes_to_each_remote_and_by_each_number() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    world.numbers.others = (OTHER,)
    await say(world, *["HELP"] * 21)
    await say(world, "HELP", number=OTHER)
    await say(world, "HELP", remote="+15551230009")
    answered = [(item["number"], item["remote"]) for item in world.notices()]
    assert answered == [*[(OURS, THEIRS)] * 3, (OTHER, THEIRS), (OURS, "+15551230009")]


@pytest.mark.parametrize("body", ["STOP", "START", "HELP"])
async def test_an_answer_is_worth_sending_for_five_minutes(body: str) -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await say(world, body)
    (notice,) = world.notices()
    assert notice["expires_at"] == MORNING + timedelta(minutes=5)


@pytest.mark.parametrize("word", ["YES", "Alta", "REPRENDRE"])
async def test_what_the_carrier_does_not_take_for_an_opt_in_is_none(word: str) -> None:
    world = World()
    world.routes.rules, world.routes.type = OUR_ANSWERS, NumberType.TOLL_FREE
    await say(world, "STOP", word)
    assert world.notices() == []
    turn = world.turns()[-1]
    assert (turn.keyword, turn.can_send) == (None, False)
    await say(world, "START", first=3)
    assert (world.turns()[-1].keyword, world.turns()[-1].can_send) == (Keyword.OPT_IN, True)


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


async def test_a_stop_is_confirmed_once_also_where_the_providers_word_came_first() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await MemoryConsentLedger(world.memory).note([providers_word()])
    await say(world, "STOP", "STOP")
    assert [item["body"] for item in world.notices()] == ["Bye €."]


@pytest.mark.parametrize(
    ("said", "confirming"),
    [
        ([("STOP", OURS), ("STOP", OTHER)], [OURS]),
        ([("STOP", OURS), ("START", OTHER), ("STOP", OTHER)], [OURS, OTHER]),
        ([("STOP", OURS), ("START", OTHER), ("STOP", OURS), ("STOP", OTHER)], [OURS, OURS]),
        ([("STOP", OURS), ("START", OTHER), ("STOP", OTHER), ("STOP", OURS)], [OURS, OTHER]),
        ([("STOP", OURS), ("START", OURS), ("STOP", OTHER)], [OURS, OTHER]),
    ],
)
async def test_in_a_tenants_scope_the_first_number_to_hear_it_after_an_opt_in_confirms(
    said: list[tuple[str, str]], confirming: list[str]
) -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    world.numbers.others = (OTHER,)
    world.memory.tenants["acme"] = {"opt_out_scope": "tenant"}
    for minute, (body, number) in enumerate(said):
        world.instant += timedelta(minutes=1)
        await say(world, body, first=minute, number=number)
    confirmed = [item["number"] for item in world.notices() if item["notice"] == "opt_out"]
    assert confirmed == confirming
