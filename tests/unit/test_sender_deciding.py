"""Promises of the sender about held texts on which somebody has decided: what a person allows goes
out once, what a person forbids does not, and a nudge alone moves nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sender_desk import LEASE, QUEUE, Desk, delivery
from sender_stand_ins import NUMBER, FakeDelivery, command

from common.bus.messages import BusUnavailable
from common.bus.topology import Topology, work_queue
from common.bus.verdicts import Defer, Done, Park
from common.events import TextDecided
from common.ids import derive_uuid
from common.providers.port import Ambiguous, NotProcessed
from common.store.control import NewBody
from common.store.records import ApprovalDecision, outbound_id
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus
from sender.envelope import lane_of

PHONE = "+15551230001"
TEXT = outbound_id("acme", "support", "c-1", 0)
APPROVED, REJECTED, EXPIRED, _ = ApprovalDecision
OTHER = NewBody(
    body="Other words", whole="Other words", truncated=False, encoding="GSM-7", segments=1
)
THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")


@pytest.fixture
async def desk() -> Desk:
    return await desk_with_held_text()


async def desk_with_held_text(**options: Any) -> Desk:
    """A desk on which the command `c-1` was held."""
    made = Desk(**options)
    await made.prepare()
    await made.connections.set_gate("acme", NUMBER, on=False)
    assert await made.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in made.told()] == [OutcomeCode.GATE_OFF]
    return made


def nudge(tenant_id: str = "acme", message_id: str = TEXT, **changes: Any) -> FakeDelivery:
    made = FakeDelivery(
        body=TextDecided(tenant_id=tenant_id, message_id=message_id).encode(),
        type="text.decided",
        routing_key="acme.decided",
        user_id="health",
    )
    return replace(made, **changes)


def news(desk: Desk) -> list[Outcome]:
    """What the agent was told after the text was held."""
    return desk.told()[1:]


async def test_an_approved_text_goes_out_although_the_gate_is_off(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    assert await desk.replica().handle(nudge()) == Done()
    (sent,) = desk.client.sent
    assert (sent.recipient, sent.body) == (PHONE, "Hello")
    (outcome,) = news(desk)
    assert (outcome.status, outcome.code) == (OutcomeStatus.SENT, OutcomeCode.SENT)
    assert (outcome.message_id, outcome.command_id) == (TEXT, "c-1")
    assert (outcome.edited, outcome.reason) == (False, None)
    held, told = (stored.message for stored in desk.broker.stored(QUEUE))
    assert held.message_id != told.message_id
    assert told.correlation_id == "c-1"


async def test_other_words_go_out_and_the_agent_is_told_of_them(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED, body=OTHER)
    assert await desk.replica().handle(nudge()) == Done()
    assert [text.body for text in desk.client.sent] == ["Other words"]
    (outcome,) = news(desk)
    assert (outcome.edited, outcome.body, outcome.original_body) == (True, "Other words", "Hello")


async def test_the_policy_looks_at_the_words_that_would_go_out(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED, body=replace(OTHER, body=" \n"))
    assert await desk.replica().handle(nudge()) == Done()
    assert desk.client.sent == []
    assert [outcome.code for outcome in news(desk)] == [OutcomeCode.EMPTY_BODY]


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (REJECTED, OutcomeCode.APPROVAL_REJECTED),
        (EXPIRED, OutcomeCode.APPROVAL_EXPIRED),
    ],
)
async def test_what_was_not_allowed_does_not_go_out_even_with_the_gate_on(
    desk: Desk, decision: ApprovalDecision, code: OutcomeCode
) -> None:
    await desk.connections.set_gate("acme", NUMBER, on=True)
    await desk.store.decide("acme", TEXT, decision, reason="too rude")
    assert await desk.replica().handle(nudge()) == Done()
    assert await desk.replica().handle(delivery()) == Done()
    assert desk.client.sent == []
    outcome = news(desk)[0]
    assert (outcome.status, outcome.code) == (OutcomeStatus.BLOCKED, code)
    assert outcome.reason == "too rude"


async def opt_out(desk: Desk) -> None:
    await desk.opt_out(PHONE)


async def switch_off(desk: Desk) -> None:
    desk.memory.agents["acme/support"]["active"] = False


async def disconnect(desk: Desk) -> None:
    desk.memory.connections["acme/line"]["status"] = "disconnected"


async def reassign(desk: Desk) -> None:
    await desk.connections.put_agent("acme", "sales", name="s", bus_user="acme-sales")
    await desk.connections.put_number("acme", "line", address=NUMBER, region="US", agent_id="sales")


async def let_expire(desk: Desk) -> None:
    desk.memory.messages[TEXT]["expires_at"] = datetime.now(UTC) - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (opt_out, OutcomeCode.RECIPIENT_OPTED_OUT),
        (switch_off, OutcomeCode.NOT_AUTHORISED),
        (disconnect, OutcomeCode.CONNECTION_INACTIVE),
        (reassign, OutcomeCode.CONNECTION_INACTIVE),
        (let_expire, OutcomeCode.COMMAND_EXPIRED),
    ],
)
async def test_an_approval_opens_nothing_but_the_gate(
    desk: Desk, change: Any, code: OutcomeCode
) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    await change(desk)
    assert await desk.replica().handle(nudge()) == Done()
    assert desk.client.sent == []
    assert [outcome.code for outcome in news(desk)] == [code]


async def test_a_stop_counts_until_the_very_call_of_an_approved_text(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    desk.client.answers.append(THROTTLED)
    assert await desk.replica().handle(nudge()) == Defer(2.0)
    await opt_out(desk)
    assert await desk.replica().handle(nudge()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in news(desk)] == [OutcomeCode.RECIPIENT_OPTED_OUT]


@pytest.mark.parametrize(
    "forged",
    [
        nudge(user_id="acme-support"),
        nudge("other"),
        nudge(message_id="nothing"),
        nudge(body=b'{"v":1,"tenant_id":"acme","message_id":"%s","decision":"approved"}' % b"x"),
    ],
)
async def test_a_forged_nudge_makes_the_sender_look_and_nothing_else(
    desk: Desk, forged: FakeDelivery
) -> None:
    before = {key: dict(value) for key, value in desk.memory.messages.items()}
    assert await desk.replica().handle(forged) == Done()
    assert desk.client.sent == []
    assert news(desk) == []
    assert desk.memory.messages == before


async def test_a_nudge_that_asks_for_a_reply_gets_none(desk: Desk) -> None:
    reply = "reply.mallory"
    desk.broker.declare(Topology((), (work_queue(reply),)))
    await desk.store.decide("acme", TEXT, APPROVED)
    forged = nudge(reply_to=reply, correlation_id="mine", user_id="mallory")
    assert await desk.replica().handle(forged) == Done()
    assert len(desk.client.sent) == 1
    assert list(desk.broker.stored(reply)) == []
    (told,) = [stored.message for stored in desk.broker.stored(QUEUE)][1:]
    assert told.correlation_id == "c-1"


async def test_an_unreadable_nudge_is_parked(desk: Desk) -> None:
    verdict = await desk.replica().handle(nudge(body=b"{"))
    assert isinstance(verdict, Park)
    assert verdict.code == "not_json"


async def test_a_nudge_again_sends_and_tells_nothing(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    handler = desk.replica()
    for _ in range(3):
        assert await handler.handle(nudge()) == Done()
    assert len(desk.client.sent) == len(news(desk)) == 1


async def test_nudges_for_one_text_wait_for_each_other_whatever_else_they_say() -> None:
    plain = nudge()
    padded = nudge(
        body=b'{"v":1,"tenant_id":"b","message_id":"%s","number":"+1","to":"+2"}' % TEXT.encode()
    )
    assert lane_of(plain) == lane_of(padded)
    assert lane_of(plain) != lane_of(nudge(message_id="another"))


async def test_a_nudge_and_the_command_again_at_once_send_one_text(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    desk.client.blocking = True
    handler = desk.replica()
    first = asyncio.create_task(handler.handle(nudge()))
    await desk.client.busy.wait()
    assert await handler.handle(delivery()) == Defer(1.0)
    assert await desk.replica("b").handle(nudge()) == Defer(1.0)
    desk.client.release.set()
    assert await first == Done()
    assert await handler.handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert len({outcome.model_dump_json() for outcome in news(desk)}) == 1


async def test_within_one_replica_a_lost_lease_is_noticed_too(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    handler = desk.replica()
    asked, slow = asyncio.Event(), asyncio.Event()
    get = desk.connections.get

    async def slow_get(tenant_id: str, connection_id: str) -> Any:
        asked.set()
        await slow.wait()
        return await get(tenant_id, connection_id)

    desk.connections.get = slow_get  # type: ignore[method-assign]
    late = asyncio.create_task(handler.handle(nudge()))
    await asked.wait()
    desk.wind(LEASE + 1)
    desk.connections.get = get  # type: ignore[method-assign]
    desk.client.blocking = True
    again = asyncio.create_task(handler.handle(delivery()))
    await desk.client.busy.wait()
    slow.set()
    assert await late == Defer(1.0)
    desk.client.release.set()
    assert await again == Done()
    assert len(desk.client.sent) == 1


async def test_the_command_again_carries_out_a_decision_whose_nudge_was_lost(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    assert await desk.replica().handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.status for outcome in news(desk)] == [OutcomeStatus.SENT]
    assert await desk.replica().handle(delivery()) == Done()
    assert len(desk.client.sent) == 1


async def test_what_a_crash_left_behind_goes_out_again_with_the_same_values(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    desk.client.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(nudge())
    assert await desk.replica("b").handle(nudge()) == Defer(1.0)
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(nudge()) == Done()
    one, two = desk.client.sent
    assert one == two
    assert [outcome.status for outcome in news(desk)] == [OutcomeStatus.SENT]


async def test_what_a_crash_left_behind_stays_uncertain_without_deduplication() -> None:
    desk = await desk_with_held_text(deduplicates=False)
    await desk.store.decide("acme", TEXT, APPROVED)
    desk.client.answers.append(Ambiguous("no answer"))
    assert await desk.replica().handle(nudge()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in news(desk)] == [OutcomeCode.AMBIGUOUS]


async def test_a_text_with_other_words_is_another_one_to_the_provider() -> None:
    desk = Desk()
    await desk.prepare()
    desk.client.answers.append(THROTTLED)
    assert await desk.replica().handle(delivery()) == Defer(2.0)
    await desk.connections.set_gate("acme", NUMBER, on=False)
    assert await desk.replica().handle(delivery()) == Done()
    desk.wind(3600)
    await desk.store.decide("acme", TEXT, APPROVED, body=OTHER)
    assert await desk.replica().handle(nudge()) == Done()
    first, second = desk.client.sent
    assert first.request_id == derive_uuid("repeatability", TEXT)
    assert first.request_id != second.request_id
    assert second.first_sent == desk.instant.replace(
        microsecond=desk.instant.microsecond // 1000 * 1000
    )


async def test_an_outcome_that_the_bus_did_not_take_is_told_when_it_is_back(desk: Desk) -> None:
    await desk.store.decide("acme", TEXT, APPROVED)
    desk.broker.stop()
    with pytest.raises(BusUnavailable):
        await desk.replica().handle(nudge())
    desk.broker.start()
    assert await desk.replica().handle(nudge()) == Done()
    assert len(desk.client.sent) == len(news(desk)) == 1


async def test_of_several_recipients_each_is_decided_on_by_itself() -> None:
    desk = Desk()
    await desk.prepare()
    await desk.connections.set_gate("acme", NUMBER, on=False)
    order = command(to=(PHONE, "+15551230002"))
    assert await desk.replica().handle(delivery(order)) == Done()
    second = outbound_id("acme", "support", "c-1", 1)
    await desk.store.decide("acme", TEXT, REJECTED, reason="no")
    await desk.store.decide("acme", second, APPROVED)
    for message_id in (TEXT, second):
        assert await desk.replica().handle(nudge(message_id=message_id)) == Done()
    assert [text.recipient for text in desk.client.sent] == ["+15551230002"]
    assert [(o.to, o.code) for o in desk.told()[2:]] == [
        (PHONE, OutcomeCode.APPROVAL_REJECTED),
        ("+15551230002", OutcomeCode.SENT),
    ]
