"""Inbound texts through the processor, over the bus and the store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from processor_world import AWAY, FULL, MORNING, FakeDelivery, World, delivery, received

from common.bus.messages import BusUnavailable
from common.bus.verdicts import Defer, Done, Park, Retry
from common.events import SmsReceived
from heliograph import Direction, Keyword, OutcomeCode


async def test_a_text_reaches_its_agent_with_all_that_the_turn_needs() -> None:
    world = World()
    verdicts = await world.inbox().handle([delivery(received(body="Hi there"))])
    assert verdicts == [Done()]
    (turn,) = world.turns()
    assert (turn.tenant_id, turn.agent_id, turn.connection_id) == ("acme", "desk", "con-1")
    assert (turn.number, turn.remote) == ("+18005550100", "+15551230001")
    assert (turn.message.body, turn.message.at, turn.message.segments) == ("Hi there", MORNING, 1)
    assert turn.history == ()
    assert (turn.can_send, turn.cannot_send_reason, turn.keyword) == (True, None, None)


async def test_copies_of_one_text_in_one_batch_are_one_turn() -> None:
    world = World()
    verdicts = await world.inbox().handle([delivery(received()) for _ in range(50)])
    assert verdicts == [Done()] * 50
    assert len(world.turns()) == 1
    (document,) = world.memory.messages.values()
    assert document["duplicates"] == 49


async def test_a_text_that_was_handed_over_is_dropped_and_counted() -> None:
    world = World()
    await world.inbox().handle([delivery(received())])
    assert await world.inbox("two").handle([delivery(received())]) == [Done()]
    assert len(world.turns()) == 1
    assert world.metrics.inbound_texts.labels("duplicate")._value.get() == 1


async def test_a_text_that_another_replica_has_in_hand_is_looked_at_again() -> None:
    world = World()
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("one").handle([delivery(received())])
    (verdict,) = await world.inbox("two").handle([delivery(received())])
    assert isinstance(verdict, Defer)
    assert world.turns() == []


async def test_a_text_left_behind_by_a_dead_replica_is_handed_over_by_another() -> None:
    world = World()
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("dead").handle([delivery(received())])
    world.instant += timedelta(seconds=6)
    assert await world.inbox("two").handle([delivery(received())]) == [Done()]
    assert len(world.turns()) == 1


async def test_the_same_replica_goes_on_at_once_when_the_broker_is_back() -> None:
    world = World()
    inbox = world.inbox("one")
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await inbox.handle([delivery(received())])
    assert await inbox.handle([delivery(received())]) == [Done()]
    assert len(world.turns()) == 1


async def test_a_broker_that_takes_half_a_batch_is_given_only_the_other_half_again() -> None:
    world = World()
    batch = [delivery(received(str(number))) for number in range(4)]
    inbox = world.inbox()
    world.bus.faults = {1: AWAY, 3: AWAY}
    with pytest.raises(BusUnavailable):
        await inbox.handle(batch)
    assert await inbox.handle(batch) == [Done()] * 4
    assert len(world.turns()) == 4


async def test_an_agent_whose_queue_is_full_holds_up_nobody_else() -> None:
    world = World()
    world.bus.faults = {0: FULL}
    first, second = await world.inbox().handle(
        [delivery(received("1")), delivery(received("2", minute=1))]
    )
    assert isinstance(first, Defer)
    assert second == Done()
    assert [turn.message.at.minute for turn in world.turns()] == [1]


async def test_a_missing_agent_queue_is_declared_and_the_turn_is_in_it() -> None:
    world = World(declare_agent=False)
    assert await world.inbox().handle([delivery(received())]) == [Done()]
    assert len(world.turns()) == 1


async def test_the_history_has_the_last_ten_in_order_of_time_without_the_text_itself() -> None:
    world = World()
    order = [3, 1, 2, *range(4, 13)]
    for minute in order:
        await world.inbox().handle(
            [delivery(received(str(minute), body=f"m{minute}", minute=minute))]
        )
    await world.inbox().handle([delivery(received("20", body="now", minute=20))])
    last = world.turns()[-1]
    assert [past.body for past in last.history] == [f"m{minute}" for minute in range(3, 13)]
    assert {past.direction for past in last.history} == {Direction.INBOUND}
    assert last.message.body == "now"


async def test_a_batch_of_one_conversation_is_ordered_by_time_and_shows_no_later_text() -> None:
    world = World()
    await world.inbox().handle(
        [
            delivery(received("b", body="second", minute=2)),
            delivery(received("a", body="first", minute=1)),
        ]
    )
    turns = {turn.message.body: turn for turn in world.turns()}
    assert turns["first"].seq < turns["second"].seq
    assert turns["first"].history == ()
    assert [past.body for past in turns["second"].history] == ["first"]


@pytest.mark.parametrize("body", ["STOP", " stop. ", "Unsubscribe"])
async def test_an_opt_out_reaches_the_agent_marked_and_unable_to_send(body: str) -> None:
    world = World()
    await world.inbox().handle([delivery(received(body=body))])
    (turn,) = world.turns()
    assert turn.keyword is Keyword.OPT_OUT
    assert turn.can_send is False
    assert turn.cannot_send_reason is OutcomeCode.RECIPIENT_OPTED_OUT


async def test_an_opt_out_lasts_until_the_person_opts_in_again() -> None:
    world = World()
    for minute, body in enumerate(["STOP", "Are you there?", "START", "Hello again"]):
        await world.inbox().handle([delivery(received(str(minute), body=body, minute=minute))])
    assert [turn.can_send for turn in world.turns()] == [False, False, True, True]


async def test_an_opt_out_in_one_conversation_says_nothing_of_another() -> None:
    world = World()
    await world.inbox().handle([delivery(received("1", body="STOP"))])
    await world.inbox().handle([delivery(received("2", remote="+15551230002"))])
    assert [turn.can_send for turn in world.turns()] == [False, True]


async def test_a_text_to_a_number_that_is_gone_is_retried_not_lost() -> None:
    world = World()
    world.numbers.number = None
    (verdict,) = await world.inbox().handle([delivery(received())])
    assert isinstance(verdict, Retry)
    assert verdict.code == "no_agent"


async def test_a_text_to_a_number_that_moved_to_another_tenant_is_not_handed_to_it() -> None:
    world = World()
    assert world.numbers.number is not None
    world.numbers.number = replace(world.numbers.number, tenant_id="other", agent_id="spy")
    (verdict,) = await world.inbox().handle([delivery(received())])
    assert isinstance(verdict, Retry)
    assert verdict.code == "no_agent"
    assert world.memory.messages == {}


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{", SmsReceived.type, "not_json"),
        (b'{"v": 2}', SmsReceived.type, "unknown_version"),
        (b"{}", SmsReceived.type, "wrong_shape"),
        (b"{}", "sms.unheard-of", "unknown_type"),
    ],
)
async def test_one_bad_message_is_parked_and_its_neighbours_go_on(
    body: bytes, kind: str, code: str
) -> None:
    world = World()
    good, bad, other = await world.inbox().handle(
        [delivery(received("1")), FakeDelivery(body, kind), delivery(received("2", minute=1))]
    )
    assert (good, other) == (Done(), Done())
    assert isinstance(bad, Park)
    assert bad.code == code
    assert len(world.turns()) == 2
