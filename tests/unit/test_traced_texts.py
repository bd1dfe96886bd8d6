"""One text is one trace, from the delivery through both queues to the provider and the report; and
nothing in it says whose the text is or what it says."""

from __future__ import annotations

import asyncio
import io
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import processor_world as processor
import pytest
import sender_desk as sender
import webhook_world as webhook
from opentelemetry.sdk.trace import ReadableSpan
from sender_stand_ins import command
from tracing_world import Recorder, recording, says, trace_of, tree

from common import trace, tracing
from common.bus import topology
from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.messages import Outgoing
from common.bus.spans import work_on, working
from common.bus.verdicts import Done, Park, Retry
from common.bus.work import persist
from common.errors import StoreUnavailable
from common.events import TextDecided
from common.providers.port import Ambiguous, NotProcessed
from common.spans import Attribute
from common.store.memory import MemoryOutbound
from common.store.records import ApprovalDecision, NewOutbound, inbound_id
from common.store.text_views import read_text
from heliograph import ReportStatus, wire
from heliograph.codes import OutcomeCode
from webhook import intake

pytestmark = pytest.mark.unit

TRACE = "0af7651916cd43dd8448eb211c80319c"
COMES = f"00-{TRACE}-b7ad6b7169203331-00"
BODY = "canary words of a text"
REMOTE = "+15551230001"
HERE = Path(__file__).parent


def headed(found: object, traceparent: str = COMES) -> object:
    found.headers[wire.HEADER_TRACEPARENT] = traceparent  # type: ignore[attr-defined]
    return found


# --- webhook --------------------------------------------------------------------------------------


async def delivered(*events: object, **headers: str) -> tuple[webhook.FakeBus, list[ReadableSpan]]:
    bus = webhook.FakeBus()
    async with recording() as recorder:
        async with webhook.webhook(bus) as world:
            assert (await world.post(list(events), headers=headers))[0] == 200
        return bus, await recorder.spans()


@pytest.mark.parametrize("envelope", [webhook.event_grid, webhook.cloud_event])
async def test_each_event_of_a_delivery_has_its_span_in_its_own_trace(envelope: Any) -> None:
    one = envelope(webhook.received_data(1)) | {"traceparent": COMES}
    other = envelope(webhook.received_data(2))
    bus, spans = await delivered(one, other)
    assert [span.name for span in spans] == ["deliver acs", "deliver acs"]
    first, second = spans
    assert trace_of(first) == TRACE
    assert first.parent is not None
    assert second.parent is None
    assert trace_of(second) != TRACE
    assert [tracing.id_of(it.headers["traceparent"]) for it in bus.messages] == [
        trace_of(span) for span in spans
    ]
    assert bus.messages[0].headers["traceparent"].split("-")[2] == f"{first.context.span_id:016x}"
    assert says(first, Attribute.MESSAGE_ID) == inbound_id(
        "acme", "acs", webhook.received_data(1)["messageId"]
    )
    assert says(first, Attribute.TOGETHER) == 2


async def test_the_trace_of_the_request_is_that_of_events_without_one() -> None:
    event = webhook.event_grid(webhook.received_data(1))
    _, (span,) = await delivered(event, traceparent=COMES)
    assert trace_of(span) == TRACE


async def test_a_stranger_and_a_fault_of_ours() -> None:
    bus = webhook.FakeBus()
    async with recording() as recorder, webhook.webhook(bus) as world:
        async with world.session.post(world.url, data=io.BytesIO(b"no json")) as answer:
            assert answer.status == 400
        assert await recorder.spans() == []
        bus.fault = RuntimeError(BODY)
        status, _ = await world.post([webhook.event_grid(webhook.received_data(1))])
        assert status == 503
        span = await recorder.one("deliver acs")
    assert not span.status.is_ok
    assert says(span, Attribute.ERROR_TYPE) == "RuntimeError"
    assert BODY not in span.to_json()


async def test_a_fault_at_a_later_event_fails_the_spans_of_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write, taken = intake.outgoing, itertools.count()

    def fails_at_the_second(*what: Any) -> Outgoing:
        if next(taken):
            raise RuntimeError(BODY)
        return write(*what)

    monkeypatch.setattr(intake, "outgoing", fails_at_the_second)
    both = [webhook.event_grid(webhook.received_data(number)) for number in (1, 2)]
    async with recording() as recorder, webhook.webhook(webhook.FakeBus()) as world:
        assert (await world.post(both))[0] == 503
        span = await recorder.one("deliver acs")
    assert says(span, Attribute.ERROR_TYPE) == "RuntimeError"


# --- processor ------------------------------------------------------------------------------------


async def test_a_text_is_recorded_and_handed_over_in_the_trace_that_its_message_carries() -> None:
    world = processor.World()
    async with recording() as recorder:
        event = headed(processor.delivery(processor.received(body=BODY)))
        assert await world.inbox().handle([event]) == [Done()]  # type: ignore[list-item]
        spans = await recorder.spans()
    assert {trace_of(span) for span in spans} == {TRACE}
    assert tree(spans) == {
        "process processor.inbound": "outside",
        "record text": "process processor.inbound",
        "hand over text": "process processor.inbound",
        "publish heliograph.agents": "process processor.inbound",
    }
    text = inbound_id("acme", "acs", "Incoming_1")
    for span in spans:
        if span.name != "publish heliograph.agents":
            assert says(span, Attribute.MESSAGE_ID) == text
    (turn,) = world.traces("agent.turn")
    assert turn.startswith(f"00-{TRACE}-")
    assert turn.endswith("-01")


async def test_each_of_a_batch_is_in_its_own_trace_and_what_failed_says_why() -> None:
    world = processor.World()
    world.numbers.others = ()
    async with recording() as recorder:
        good = headed(processor.delivery(processor.received("1")))
        lost = processor.delivery(processor.received("2", number=processor.OTHER))
        odd = processor.FakeDelivery(b"{", "sms.received")
        verdicts = await world.inbox().handle([good, lost, odd])  # type: ignore[list-item]
        spans = await recorder.spans("process processor.inbound")
    assert isinstance(verdicts[1], Retry)
    assert isinstance(verdicts[2], Park)
    assert len({trace_of(span) for span in spans}) == 3
    said = [(says(it, Attribute.VERDICT), says(it, Attribute.ERROR_TYPE)) for it in spans]
    assert said == [("done", None), ("retry", "no_agent"), ("park", verdicts[2].code)]


async def a_sent_text(world: processor.World, traceparent: str) -> str:
    store = MemoryOutbound(world.memory)
    text = NewOutbound(
        tenant_id="acme",
        agent_id="desk",
        command_id="c-1",
        index=0,
        digest="d",
        connection_id="con-1",
        provider="acs",
        number=processor.OURS,
        remote=processor.THEIRS,
        original_to=processor.THEIRS,
        body=BODY,
        original_body=BODY,
        truncated=False,
        encoding="GSM-7",
        segments=1,
        in_reply_to=None,
        tag=None,
        expires_at=None,
        traceparent=traceparent,
    )
    await store.claim([text], owner="sender", lease=5)
    return text.id


async def test_a_report_joins_the_trace_of_its_text_and_is_linked_to_its_own_delivery() -> None:
    world = processor.World()
    message_id = await a_sent_text(world, f"00-{TRACE}-00f067aa0ba902b7-01")
    own = "00-" + "c" * 32 + "-b7ad6b7169203331-01"
    async with recording() as recorder:
        event = headed(processor.delivery(processor.report(message_id)), own)
        assert await world.inbox().handle([event]) == [Done()]  # type: ignore[list-item]
        process = await recorder.one("process processor.inbound")
        applied = await recorder.one("apply report")
        told = await recorder.one("publish heliograph.agents")
    assert trace_of(process) == "c" * 32
    assert trace_of(applied) == trace_of(told) == TRACE
    assert applied.parent is not None
    assert f"{applied.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert [link.context.span_id for link in applied.links] == [process.context.span_id]
    assert told.parent is not None
    assert told.parent.span_id == applied.context.span_id
    assert says(applied, Attribute.STATUS) == ReportStatus.DELIVERED.value
    assert says(applied, Attribute.MESSAGE_ID) == message_id


async def test_the_hand_over_has_an_exemplar_where_its_trace_is_exported() -> None:
    for ratio, exemplars in ((1.0, {TRACE}), (0.0, set())):
        world = processor.World()
        async with recording(ratio=ratio):
            event = headed(processor.delivery(processor.received()))
            await world.inbox().handle([event])  # type: ignore[list-item]
        samples = [it for metric in world.metrics.registry.collect() for it in metric.samples]
        found = {it.exemplar.labels["trace_id"] for it in samples if it.exemplar is not None}
        assert found == exemplars


# --- sender ---------------------------------------------------------------------------------------


async def handled(desk: sender.Desk, recorder: Recorder) -> list[ReadableSpan]:
    order = sender.delivery(command(body=BODY, command_id=f"for {REMOTE}"))
    await desk.replica().handle(headed(order))  # type: ignore[arg-type]
    return await recorder.spans()


async def test_a_command_is_claimed_decided_sent_and_recorded_in_the_trace_of_its_turn() -> None:
    desk = sender.Desk()
    await desk.prepare()
    async with recording() as recorder:
        spans = await handled(desk, recorder)
        call, decide = await recorder.one("call fake"), await recorder.one("decide")
        outcome = await recorder.one("record outcome")
    assert {trace_of(span) for span in spans} == {TRACE}
    inside = "process sender.commands"
    assert tree(spans) == {
        inside: "outside",
        "claim texts": inside,
        "decide": inside,
        "call fake": inside,
        "record outcome": inside,
        "publish heliograph.agents": inside,
    }
    assert says(call, Attribute.ANSWER) == "accepted"
    assert says(decide, Attribute.VERDICT) == "send"
    assert says(outcome, Attribute.STATUS) == "sent"
    (message_id,) = desk.memory.messages
    assert {says(it, Attribute.MESSAGE_ID) for it in (call, decide, outcome)} == {message_id}
    assert read_text(desk.memory.messages[message_id]).trace_id == TRACE


@pytest.mark.parametrize(
    ("answer", "told", "error"),
    [
        (Ambiguous("cut"), "ambiguous", "ambiguous"),
        (
            NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "429"),
            "not_processed",
            "provider_throttled",
        ),
        (RuntimeError(BODY), None, "RuntimeError"),
    ],
)
async def test_a_call_that_goes_wrong_is_a_failed_span(
    answer: object, told: str | None, error: str
) -> None:
    desk = sender.Desk()
    await desk.prepare()
    desk.client.answers.append(answer)  # type: ignore[arg-type]
    async with recording() as recorder:
        try:
            await handled(desk, recorder)
        except RuntimeError:
            assert isinstance(answer, RuntimeError)
        call = (await recorder.spans("call fake"))[0]
    assert not call.status.is_ok
    assert (says(call, Attribute.ANSWER), says(call, Attribute.ERROR_TYPE)) == (told, error)
    assert BODY not in call.to_json()


async def test_a_held_text_is_a_decision_without_a_call() -> None:
    desk = sender.Desk()
    await desk.prepare()
    await desk.connections.set_gate("acme", command().number, on=False)
    async with recording() as recorder:
        spans = await handled(desk, recorder)
        decide = await recorder.one("decide")
    assert says(decide, Attribute.VERDICT) == "end"
    assert says(decide, Attribute.CODE) == "gate_off"
    assert not [span for span in spans if span.name.startswith("call")]


async def test_a_text_that_a_person_let_go_goes_on_in_its_own_trace() -> None:
    desk = sender.Desk()
    await desk.prepare()
    await desk.connections.set_gate("acme", command().number, on=False)
    nudged = "00-" + "d" * 32 + "-b7ad6b7169203331-01"
    async with recording() as recorder:
        await handled(desk, recorder)
        (message_id,) = desk.memory.messages
        approval = ApprovalDecision.APPROVED
        await desk.store.decide("acme", message_id, approval)
        event = headed(
            sender.FakeDelivery(
                body=TextDecided(tenant_id="acme", message_id=message_id).encode(),
                type=TextDecided.type,
            ),
            nudged,
        )
        assert await desk.replica().handle(event) == Done()  # type: ignore[arg-type]
        process = (await recorder.spans("process sender.commands"))[-1]
        went_on, call = await recorder.one("carry out decision"), await recorder.one("call fake")
    assert trace_of(process) == "d" * 32
    assert trace_of(went_on) == trace_of(call) == TRACE
    assert [link.context.span_id for link in went_on.links] == [process.context.span_id]
    assert call.parent is not None
    assert call.parent.span_id == went_on.context.span_id
    assert says(went_on, Attribute.MESSAGE_ID) == message_id


async def test_without_a_collector_what_came_is_passed_on_as_it_was() -> None:
    desk = sender.Desk()
    await desk.prepare()
    await desk.replica().handle(headed(sender.delivery()))  # type: ignore[arg-type]
    (told,) = desk.broker.stored(sender.QUEUE)
    assert told.message.headers[wire.HEADER_TRACEPARENT] == COMES
    assert trace.current.get() is None


# --- bus ------------------------------------------------------------------------------------------


async def test_a_publish_that_is_not_confirmed_is_a_failed_span() -> None:
    bus = MemoryBus(MemoryBroker(), topology=topology.SERVICES)
    bus.start()
    message = Outgoing(
        exchange=wire.AGENTS_EXCHANGE, key="acme.nobody.turn", body=b"", type="t", message_id="m"
    )
    async with recording() as recorder:
        (error,) = await bus.publish_all([message])
        span = await recorder.one("publish heliograph.agents")
    assert error is not None
    assert says(span, Attribute.ERROR_TYPE) == error.code
    assert says(span, Attribute.DESTINATION) == wire.AGENTS_EXCHANGE
    await bus.close()


async def test_a_message_that_waits_is_published_in_its_own_trace() -> None:
    bus = MemoryBus(MemoryBroker(), topology=topology.SERVICES)
    bus.start()
    queue = topology.wait_queue(topology.SENDER_QUEUE, 1.0)
    message = Outgoing(
        exchange="",
        key=queue,
        body=b"",
        type="t",
        message_id="m",
        headers={wire.HEADER_TRACEPARENT: COMES},
    )
    async with recording() as recorder:
        assert await bus.publish_all([message]) == [None]
        span = await recorder.one("publish wait")
    assert trace_of(span) == TRACE
    await bus.close()


@pytest.mark.parametrize(
    ("queue", "name"),
    [
        (topology.SENDER_QUEUE, "publish sender.commands"),
        (wire.agent_queue("acme", "support"), "publish agents"),
        (wire.reply_queue("acme", "support", "1"), "publish reply"),
        (topology.dead_queue(topology.SENDER_QUEUE), None),
    ],
)
async def test_a_replay_names_its_queue_and_what_stays_parked_is_left_as_it_was(
    queue: str, name: str | None
) -> None:
    bus = MemoryBus(broker := MemoryBroker(), topology=topology.SERVICES)
    bus.start()
    broker.declare(topology.agent_topology("acme", "support"))
    headers = {wire.HEADER_TRACEPARENT: COMES}
    message = Outgoing(exchange="", key=queue, body=b"", type="t", message_id="m", headers=headers)
    async with recording() as recorder:
        await bus.publish_all([message])
        assert [span.name for span in await recorder.spans()] == ([name] if name else [])
    if name is None:
        (parked,) = broker.stored(queue)
        assert parked.message.headers == headers
    await bus.close()


async def test_a_message_without_a_trace_begins_one_with_the_span_of_its_publication() -> None:
    bus = MemoryBus(broker := MemoryBroker(), topology=topology.SERVICES)
    bus.start()
    async with recording() as recorder:
        event = processor.received(body=BODY)
        key = topology.received_key("acs")
        message = Outgoing.of(event, exchange=topology.INBOUND_EXCHANGE, key=key, message_id="m")
        assert await bus.publish_all([message]) == [None]
        span = await recorder.one(f"publish {topology.INBOUND_EXCHANGE}")
    assert span.parent is None
    (stored,) = broker.stored(topology.PROCESSOR_QUEUE)
    assert tracing.id_of(stored.message.headers[wire.HEADER_TRACEPARENT]) == trace_of(span)
    await bus.close()


@pytest.mark.parametrize("ends", ["done", "stopped"])
async def test_work_that_is_tried_again_while_mongodb_is_away_is_one_span_a_message(
    ends: str,
) -> None:
    batch = [headed(processor.delivery(processor.received(it))) for it in ("1", "2")]
    stopping, tries = asyncio.Event(), 0

    async def work() -> str:
        nonlocal tries
        tries += 1
        with working(batch):  # type: ignore[arg-type]
            if tries < 3:
                raise StoreUnavailable
            if ends == "stopped":
                stopping.set()
                raise StoreUnavailable
        return "done"

    async with recording() as recorder:
        ended = await persist(work, batch, stopping)  # type: ignore[arg-type]
        spans = await recorder.spans()
    assert (ended, tries) == ("done" if ends == "done" else None, 3)
    assert [span.name for span in spans] == ["process processor.inbound"] * 2
    assert [span.status.is_ok for span in spans] == [ends == "done"] * 2


async def test_a_command_that_is_tried_again_is_one_span() -> None:
    delivery = headed(sender.delivery())
    tries = 0

    async def work() -> str | None:
        nonlocal tries
        tries += 1
        with work_on(delivery) as span:  # type: ignore[arg-type]
            if tries < 3:
                raise StoreUnavailable
            return span.traceparent

    async with recording() as recorder:
        ended = await persist(work, [delivery], asyncio.Event())  # type: ignore[list-item]
        (span,) = await recorder.spans()
    assert tracing.id_of(ended) == trace_of(span) == TRACE
    assert span.status.is_ok
    assert trace.current.get() is None


# --- What nobody may read -------------------------------------------------------------------------


async def test_no_number_no_word_and_no_secret_is_in_any_span() -> None:
    desk, world, bus = sender.Desk(), processor.World(), webhook.FakeBus()
    await desk.prepare()
    desk.client.answers.append(Ambiguous(f"the provider quotes {BODY} to {REMOTE}"))
    async with recording() as recorder:
        async with webhook.webhook(bus) as hook:
            data = webhook.received_data(1, message=BODY)
            await hook.post([webhook.event_grid(data), {"neither": BODY}])
        text = processor.received(body=BODY)
        await world.inbox().handle([processor.delivery(text)])
        await handled(desk, recorder)
        spans = await recorder.spans()
    assert {span.name.split()[0] for span in spans} >= {"deliver", "process", "publish", "call"}
    said = "".join(span.to_json() for span in spans)
    digits = [number.lstrip("+") for number in (REMOTE, processor.OURS, processor.THEIRS)]
    for secret in (BODY, "canary", "acme", "good", *digits):
        assert secret not in said


# --- Log lines ------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys
import processor_world as processor, sender_desk as sender, webhook_world as webhook
from sender_stand_ins import command
from common.logging import configure
from common.providers.port import Ambiguous

async def work():
    desk, world = sender.Desk(), processor.World()
    await desk.prepare()
    desk.client.answers.append(Ambiguous("cut"))
    for name in ("c-1", "c-2"):
        order = sender.delivery(command(command_id=name))
        order.headers["traceparent"] = "{traceparent}"
        await desk.replica().handle(order)
    text = processor.delivery(processor.received())
    text.headers["traceparent"] = "{traceparent}"
    await world.inbox().handle([text])
    bus, headers = webhook.FakeBus(), {{"traceparent": "{traceparent}"}}
    async with webhook.webhook(bus) as hook:
        event = webhook.event_grid(webhook.received_data())
        await hook.post([event], headers=headers)
        bus.fault = RuntimeError("broken")
        await hook.post([event], headers=headers)

configure(service="tiny", level="debug", form="{form}")
asyncio.run(work())
"""


def logged(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(traceparent=COMES, form=form)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=HERE,
    )
    return done.stderr.splitlines()


OF_A_TEXT = ("event.published", "text.handed_over")
OF_A_COMMAND = ("provider.answered", "send.not_accepted", "text.finished")
OF_A_DELIVERY = ("delivery.failed", "delivery.refused")


def test_every_line_about_a_text_names_trace_message_and_command() -> None:
    lines = [orjson.loads(line) for line in logged("json")]
    about = {
        name: [line for line in lines if line["event"] == name]
        for name in (*OF_A_TEXT, *OF_A_COMMAND, *OF_A_DELIVERY)
    }
    assert all(about.values()), lines
    for line in lines:
        assert line["trace_id"] == TRACE, line
        if line["event"] not in OF_A_DELIVERY:
            assert len(line["message_id"]) == 32, line
        if line["event"] in OF_A_COMMAND:
            assert line["command_id"] in ("c-1", "c-2")
    first, second = about["provider.answered"]
    assert (first["command_id"], second["command_id"]) == ("c-1", "c-2")
    assert first["message_id"] != second["message_id"]


def test_on_the_console_too() -> None:
    lines = [line for line in logged("console") if "text.finished" in line]
    assert lines
    for line in lines:
        for said in (f"trace_id={TRACE}", "message_id=", "command_id=c-"):
            assert said in line
