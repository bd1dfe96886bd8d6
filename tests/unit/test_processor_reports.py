"""Delivery reports through the processor, over the bus and the store in memory."""

from __future__ import annotations

from typing import Any

import pytest
from processor_world import AWAY, FULL, MORNING, OURS, THEIRS, World, delivery, report

from common.bus.messages import BusUnavailable
from common.bus.topology import RETRY_DELAYS
from common.bus.verdicts import Defer, Done, Retry
from common.store.memory import MemoryOutbound
from common.store.records import NewOutbound
from heliograph import Outcome, OutcomeCode, OutcomeStatus, Report, ReportStatus
from heliograph.models import Keyword

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def sent(world: World, *, recorded: bool = True, **changes: Any) -> str:
    """A text that the sender has claimed, and recorded as sent. Returns its ID."""
    store = MemoryOutbound(world.memory)
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "agent_id": "desk",
        "command_id": "c-1",
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
        "traceparent": TRACE,
    }
    text = NewOutbound(**fields | changes)
    await store.claim([text], owner="sender", lease=5)
    await store.begin("acme", text.id, owner="sender", lease=5)
    if recorded:
        outcome = Outcome(
            command_id="c-1",
            status=OutcomeStatus.SENT,
            code=OutcomeCode.SENT,
            message="",
            message_id=text.id,
            provider_message_id=f"Outgoing_9{text.index or ''}",
            to=text.remote,
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


FINAL = [
    ReportStatus.UNDELIVERABLE,
    ReportStatus.EXPIRED,
    ReportStatus.REJECTED,
    ReportStatus.FAILED,
]


@pytest.mark.parametrize("final", FINAL)
async def test_an_agent_hears_once_that_its_sent_text_finally_failed(final: ReportStatus) -> None:
    world = World()
    message_id = await sent(world)
    for status in (ReportStatus.SENT, final, ReportStatus.SENT, *FINAL):
        await world.inbox().handle([delivery(report(message_id, status=status))])
    (told,) = world.reports()
    assert (told.message_id, told.status) == (message_id, final)
    assert world.memory.messages[message_id]["status"] == final.value


async def test_an_agent_hears_of_a_receipt_that_comes_after_a_failure() -> None:
    world = World()
    message_id = await sent(world)
    for status in (ReportStatus.FAILED, ReportStatus.DELIVERED, ReportStatus.FAILED):
        await world.inbox().handle([delivery(report(message_id, status=status))])
    assert [told.status for told in world.reports()] == [
        ReportStatus.FAILED,
        ReportStatus.DELIVERED,
    ]


async def test_a_report_of_a_call_to_many_reaches_the_text_to_its_recipient() -> None:
    world = World()
    other = "+15550200009"
    first, second = await sent(world), await sent(world, index=1, remote=other)
    event = report(first, status=ReportStatus.REJECTED)
    event = event.model_copy(update={"remote": other, "provider_message_id": "Outgoing_91"})
    await world.inbox().handle([delivery(event)])
    assert [told.message_id for told in world.reports()] == [second]
    assert world.memory.messages[first]["status"] == "sent"


async def test_a_report_on_a_text_of_ours_is_told_to_nobody() -> None:
    world = World()
    message_id = await sent(world, notice=Keyword.OPT_OUT)
    await world.inbox().handle([delivery(report(message_id, status=ReportStatus.FAILED))])
    assert world.memory.messages[message_id]["status"] == "failed"
    assert world.reports() == []
