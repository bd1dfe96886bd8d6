"""Delivery reports through the processor, over the bus and the store in memory."""

from __future__ import annotations

import pytest
from processor_world import AWAY, FULL, MORNING, OURS, THEIRS, World, delivery, report

from common.bus.messages import BusUnavailable
from common.bus.topology import RETRY_DELAYS
from common.bus.verdicts import Defer, Done, Retry
from common.store.memory import MemoryOutbound
from common.store.records import NewOutbound
from heliograph import Outcome, OutcomeCode, OutcomeStatus, Report, ReportStatus

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def sent(world: World, *, recorded: bool = True) -> str:
    """A text that the sender has claimed, and recorded as sent. Returns its ID."""
    store = MemoryOutbound(world.memory)
    text = NewOutbound(
        tenant_id="acme",
        agent_id="desk",
        command_id="c-1",
        index=0,
        digest="d",
        connection_id="con-1",
        provider="acs",
        number=OURS,
        remote=THEIRS,
        original_to=THEIRS,
        body="Yes",
        original_body="Yes",
        truncated=False,
        encoding="GSM-7",
        segments=1,
        in_reply_to=None,
        tag=None,
        expires_at=None,
        traceparent=TRACE,
    )
    await store.claim([text], owner="sender", lease=5)
    await store.begin("acme", text.id, owner="sender", lease=5)
    if recorded:
        outcome = Outcome(
            command_id="c-1",
            status=OutcomeStatus.SENT,
            code=OutcomeCode.SENT,
            message="",
            message_id=text.id,
            provider_message_id="Outgoing_9",
            to=THEIRS,
            original_to=THEIRS,
            at=MORNING,
        )
        await store.finish("acme", text.id, owner="sender", outcome=outcome)
    return text.id


async def test_a_report_reaches_the_agent_that_sent_the_text() -> None:
    world = World()
    message_id = await sent(world)
    assert await world.inbox().handle([delivery(report(message_id))]) == [Done()]
    (told,) = world.reports()
    assert (told.message_id, told.command_id) == (message_id, "c-1")
    assert told.status is ReportStatus.DELIVERED


async def test_a_report_follows_the_trace_of_its_text() -> None:
    world = World()
    message_id = await sent(world)
    await world.inbox().handle([delivery(report(message_id))])
    (traceparent,) = world.traces(Report.type)
    assert traceparent.split("-")[1] == TRACE.split("-")[1]


async def test_a_report_without_our_reference_is_found_by_the_providers_id() -> None:
    world = World()
    message_id = await sent(world)
    await world.inbox().handle([delivery(report(None))])
    assert [told.message_id for told in world.reports()] == [message_id]


async def test_a_report_that_overtakes_the_recording_of_its_send_is_applied() -> None:
    world = World()
    message_id = await sent(world, recorded=False)
    assert await world.inbox().handle([delivery(report(message_id))]) == [Done()]
    assert world.memory.messages[message_id]["status"] == "delivered"


async def test_copies_of_a_report_tell_the_agent_once() -> None:
    world = World()
    message_id = await sent(world)
    batch = [delivery(report(message_id)) for _ in range(3)]
    await world.inbox().handle(batch)
    await world.inbox().handle(batch)
    assert len(world.reports()) == 1


async def test_a_late_report_of_a_lower_rank_changes_nothing() -> None:
    world = World()
    message_id = await sent(world)
    for status in (ReportStatus.DELIVERED, ReportStatus.SENT, ReportStatus.FAILED):
        await world.inbox().handle([delivery(report(message_id, status=status))])
    assert [told.status for told in world.reports()] == [ReportStatus.DELIVERED]
    assert world.memory.messages[message_id]["status"] == "delivered"


async def test_a_report_applied_but_not_told_is_told_when_it_comes_again() -> None:
    world = World()
    message_id = await sent(world)
    world.bus.faults = {0: AWAY}
    with pytest.raises(BusUnavailable):
        await world.inbox().handle([delivery(report(message_id))])
    assert world.reports() == []
    assert await world.inbox("two").handle([delivery(report(message_id))]) == [Done()]
    assert len(world.reports()) == 1


async def test_a_report_that_a_full_queue_refuses_comes_back_and_is_told() -> None:
    world = World()
    message_id = await sent(world)
    world.bus.faults = {0: FULL}
    (verdict,) = await world.inbox().handle([delivery(report(message_id))])
    assert isinstance(verdict, Defer)
    assert await world.inbox().handle([delivery(report(message_id))]) == [Done()]
    assert len(world.reports()) == 1


async def test_a_report_for_nobody_is_retried_and_then_dropped_and_counted() -> None:
    world = World()
    (verdict,) = await world.inbox().handle([delivery(report(None))])
    assert isinstance(verdict, Retry)
    last = delivery(report(None), attempts=len(RETRY_DELAYS))
    assert await world.inbox().handle([last]) == [Done()]
    assert world.metrics.reports.labels("unknown", "delivered")._value.get() == 1


async def test_a_report_of_another_tenant_changes_nothing() -> None:
    world = World()
    message_id = await sent(world)
    foreign = report(message_id).model_copy(update={"tenant_id": "other"})
    (verdict,) = await world.inbox().handle([delivery(foreign)])
    assert isinstance(verdict, Retry)
    assert world.memory.messages[message_id]["status"] == "sent"
    assert world.reports() == []
