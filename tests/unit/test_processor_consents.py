"""Opt-outs and opt-ins through the processor, over the bus and the store in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from processor_world import (
    AWAY,
    FULL,
    MORNING,
    OTHER,
    OUR_ANSWERS,
    OURS,
    THEIRS,
    Crash,
    World,
    delivery,
    received,
    report,
    say,
)

from common.bus.messages import BusUnavailable
from common.bus.verdicts import Done
from common.failpoints import Failpoint
from common.store.memory import MemoryConsentLedger, MemoryConversationFacts, MemoryOutbound
from common.store.records import Consent, NewOutbound, SendState
from heliograph import Keyword, OutcomeCode, OutcomeStatus, ReportStatus
from heliograph.models import Outcome


def new_text(command: str, **changes: Any) -> NewOutbound:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "agent_id": "desk",
        "command_id": command,
        "index": 0,
        "digest": "d",
        "connection_id": "con-1",
        "provider": "acs",
        "number": OURS,
        "remote": THEIRS,
        "original_to": THEIRS,
        "body": "Yes",
        "original_body": "Yes",
        "truncated": False,
        "encoding": "GSM-7",
        "segments": 1,
        "in_reply_to": None,
        "tag": None,
        "expires_at": None,
    }
    return NewOutbound(**(fields | changes))


async def hold(world: World, command: str, **changes: Any) -> str:
    """A text that waits for a person. Returns its ID."""
    store, text = MemoryOutbound(world.memory), new_text(command, **changes)
    await store.claim([text], owner="sender", lease=5)
    outcome = Outcome(
        command_id=command,
        status=OutcomeStatus.HELD,
        code=OutcomeCode.GATE_OFF,
        message="",
        message_id=text.id,
        to=THEIRS,
        original_to=THEIRS,
        at=MORNING,
    )
    await store.finish("acme", text.id, owner="sender", outcome=outcome)
    return text.id


async def standing(world: World, number: str = OURS) -> Consent:
    consents = await MemoryConsentLedger(world.memory).of_remote("acme", THEIRS)
    return next(item for item in consents if item.number == number)


def state(world: World, message_id: str) -> tuple[str, str | None]:
    document = world.memory.messages[message_id]
    return document["state"], (document["approval"] or {}).get("decision")


# --- What is noted --------------------------------------------------------------------------------


async def test_a_keyword_is_noted_with_its_evidence() -> None:
    world = World()
    await say(world, " stop. ")
    (entry,) = world.memory.consent_ledger.values()
    named = {name: entry[name] for name in ("source", "rule", "who", "at", "opted_out", "in_doubt")}
    assert named == {
        "source": "keyword",
        "rule": "STOP",
        "who": "remote",
        "at": MORNING,
        "opted_out": True,
        "in_doubt": False,
    }
    assert entry["message_id"] in world.memory.messages
    assert world.metrics.consents.labels("keyword", "opted_out")._value.get() == 1


async def test_free_wording_blocks_at_once_and_is_in_doubt() -> None:
    world = World()
    held = await hold(world, "c")
    await say(world, "enough of this", "anything else?")
    first, second = world.turns()
    assert (first.keyword, first.can_send) == (Keyword.OPT_OUT, False)
    assert (second.keyword, second.can_send) == (None, False)
    assert first.cannot_send_reason is OutcomeCode.RECIPIENT_OPTED_OUT
    consent = await standing(world)
    assert (consent.opted_out, consent.in_doubt) == (True, True)
    assert state(world, held) == (SendState.RELEASED, "cancelled")
    (entry,) = world.memory.consent_ledger.values()
    assert (entry["source"], entry["rule"]) == ("wording", "enough")


async def test_what_was_recorded_as_an_opt_out_is_noted_whatever_the_matcher_says_later() -> None:
    world = World()
    event = delivery(received(body="enough of this"))
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("one").handle([event])
    world.memory.consent_ledger.clear()
    world.memory.consents.clear()
    world.rules = lambda text: None
    assert await world.inbox("one").handle([event]) == [Done()]
    assert (await standing(world)).opted_out


@pytest.mark.parametrize(
    ("bodies", "keyword", "can_send"),
    [
        (("Yes!",), None, True),
        (("STOP", "Yes!"), Keyword.OPT_IN, True),
        (("STOP", "START", "Yes!"), None, True),
        (("STOP", "Yes, why?"), None, False),
    ],
)
async def test_yes_is_an_opt_in_of_those_who_have_opted_out(
    bodies: tuple[str, ...], keyword: Keyword | None, can_send: bool
) -> None:
    world = World()
    await say(world, *bodies)
    assert (world.turns()[-1].keyword, world.turns()[-1].can_send) == (keyword, can_send)


async def test_a_yes_that_comes_again_is_still_the_opt_in_that_it_was() -> None:
    world = World()
    await say(world, "STOP")
    event = delivery(received("yes", body="YES", minute=5))
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox("one").handle([event])
    assert await world.inbox("one").handle([event]) == [Done()]
    assert world.turns()[-1].keyword is Keyword.OPT_IN
    assert len(world.memory.consent_ledger) == 2


async def test_a_yes_in_one_batch_with_the_stop_before_it_opts_in() -> None:
    world = World()
    batch = [
        delivery(received("yes", body="YES", minute=2)),
        delivery(received("stop", body="STOP", minute=1)),
    ]
    await world.inbox().handle(batch)
    assert not (await standing(world)).opted_out


# --- What is cancelled ----------------------------------------------------------------------------


async def test_a_stop_cancels_what_is_held_and_nudges_the_sender_before_the_turn_leaves() -> None:
    world = World()
    mine, theirs = await hold(world, "a"), await hold(world, "b", remote="+15551230009")
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):  # The nudge is the first message that is published.
        await world.inbox("one").handle([delivery(received(body="STOP"))])
    assert world.turns() == []
    assert state(world, mine) == (SendState.RELEASED, "cancelled")
    assert state(world, theirs) == (SendState.HELD, None)
    assert await world.inbox("one").handle([delivery(received(body="STOP"))]) == [Done()]
    assert world.nudged() == [mine]
    assert len(world.turns()) == 1


async def test_a_nudge_that_the_bus_refuses_is_left_to_the_sweep() -> None:
    world = World()
    await hold(world, "a")
    world.bus.faults = {0: FULL}
    await say(world, "STOP")
    assert world.nudged() == []
    assert len(world.turns()) == 1


async def test_in_a_tenants_scope_an_opt_out_is_of_all_its_numbers() -> None:
    world = World()
    world.numbers.others = (OTHER,)
    world.memory.tenants["acme"] = {"opt_out_scope": "tenant"}
    held = await hold(world, "a", number=OTHER)
    await say(world, "STOP")
    await say(world, "Hello?", first=1, number=OTHER)
    assert state(world, held) == (SendState.RELEASED, "cancelled")
    assert [turn.can_send for turn in world.turns()] == [False, False]
    await say(world, "START", "Hello!", first=2, number=OTHER)
    await say(world, "Hello!", first=4)
    assert [turn.can_send for turn in world.turns()] == [False, False, True, True, True]


async def test_a_turn_of_a_held_conversation_says_so() -> None:
    world = World()
    await MemoryConversationFacts(world.memory).hold(
        "acme", OURS, THEIRS, reason="loop", at=MORNING
    )
    await say(world, "Hello")
    (turn,) = world.turns()
    assert (turn.can_send, turn.cannot_send_reason) == (False, OutcomeCode.CONVERSATION_HELD)


# --- What a crash leaves behind -------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        Failpoint.PROCESSOR_RECORDED,
        Failpoint.PROCESSOR_CONSENTED,
        Failpoint.PROCESSOR_CANCELLED,
        Failpoint.PROCESSOR_ANSWERED,
        Failpoint.PROCESSOR_TURNS_PUBLISHED,
    ],
)
async def test_a_stop_that_a_crash_cut_short_is_carried_out_by_another(point: Failpoint) -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    held = await hold(world, "a")
    world.crash_at = point
    with pytest.raises(Crash):
        await world.inbox("dead").handle([delivery(received(body="STOP"))])
    world.instant += timedelta(seconds=6)
    world.crash_at = None
    assert await world.inbox("two").handle([delivery(received(body="STOP"))]) == [Done()]
    (notice,) = world.notices()
    assert state(world, held) == (SendState.RELEASED, "cancelled")
    assert set(world.nudged()) == {held, notice["_id"]}
    assert len(world.memory.consent_ledger) == 1
    assert {turn.can_send for turn in world.turns()} == {False}


# --- What providers tell --------------------------------------------------------------------------


async def test_a_report_that_says_opted_out_is_noted_and_cancels_without_an_answer() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    sent, held = await hold(world, "sent"), await hold(world, "held")
    told = report(sent, status=ReportStatus.REJECTED).model_copy(update={"code": "4007"})
    batch = [delivery(told)]
    assert await world.inbox().handle(batch) == [Done()]
    assert await world.inbox().handle(batch) == [Done()]
    (entry,) = world.memory.consent_ledger.values()
    named = tuple(entry[name] for name in ("source", "rule", "who", "message_id"))
    assert named == ("report", "4007", "provider:acs", sent)
    assert (await standing(world)).opted_out
    assert state(world, held) == (SendState.RELEASED, "cancelled")
    assert held in world.nudged()
    assert world.notices() == []


async def test_a_late_report_does_not_undo_a_newer_start() -> None:
    world = World()
    sent = await hold(world, "sent")
    world.memory.messages[sent]["sent_at"] = MORNING
    await say(world, "STOP", "START", first=1)
    told = report(sent, status=ReportStatus.REJECTED).model_copy(update={"code": "4007"})
    await world.inbox().handle([delivery(told)])
    assert not (await standing(world)).opted_out
    assert len(world.memory.consent_ledger) == 3


@pytest.mark.parametrize("code", [None, "4005"])
async def test_other_reports_say_nothing_about_consent(code: str | None) -> None:
    world = World()
    sent = await hold(world, "sent")
    told = report(sent, status=ReportStatus.REJECTED).model_copy(update={"code": code})
    await world.inbox().handle([delivery(told)])
    assert world.memory.consent_ledger == {}


async def test_a_report_on_a_text_that_is_not_ours_is_not_noted() -> None:
    world = World()
    told = report("unknown", status=ReportStatus.REJECTED).model_copy(update={"code": "4007"})
    await world.inbox().handle([delivery(told)])
    assert world.memory.consent_ledger == {}
