"""What processor, sender and webhook tell of texts on their way, over the stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from processor_world import FULL, MORNING, OUR_ANSWERS, delivery, received, report, say
from processor_world import World as Processor
from sender_desk import Desk
from sender_desk import delivery as commanded
from sender_stand_ins import FakeDelivery, command
from test_processor_consents import hold
from test_processor_reports import sent
from test_sender_many import to_many
from webhook_world import FakeBus, event_grid, received_data, webhook

from common.bus.messages import BusError, Outgoing
from common.bus.verdicts import Defer, Done, Park
from common.events import SmsReceived
from common.metrics import Metrics
from common.providers.port import Accepted, Ambiguous, NotProcessed
from common.store.memory import MemoryOutbound
from heliograph import wire
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword, Outcome, OutcomeStatus, ReportStatus

pytestmark = pytest.mark.unit

THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"heliograph_{name}", labels)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    return made


# --- Inbound --------------------------------------------------------------------------------------


async def test_the_events_own_time_goes_with_the_text_to_the_processor() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        status, _ = await world.post([event_grid(received_data())])
        assert status == 200
    [message] = bus.messages
    event = SmsReceived.decode(message.body)
    assert event.event_at == datetime(2020, 9, 18, 0, 27, 47, tzinfo=UTC)
    assert event.at < event.event_at, "the provider had it before it told of it"


async def test_the_time_from_event_to_hand_over_is_told_once_a_text() -> None:
    world = Processor()
    event = received().model_copy(update={"event_at": datetime.now(UTC) - timedelta(seconds=40)})
    for _ in range(2):
        assert await world.inbox().handle([delivery(event)]) == [Done()]
    assert sample(world.metrics, "event_to_hand_over_seconds_count", provider="acs") == 1
    total = sample(world.metrics, "event_to_hand_over_seconds_sum", provider="acs")
    assert total is not None
    assert 40 <= total < 100
    assert sample(world.metrics, "inbound_texts_total", result="duplicate") == 1


async def test_an_event_of_an_earlier_release_tells_no_time_and_is_handed_over() -> None:
    world = Processor()
    assert await world.inbox().handle([delivery(received())]) == [Done()]
    assert len(world.turns()) == 1
    assert sample(world.metrics, "event_to_hand_over_seconds_count", provider="acs") is None


async def uncertain(world: Processor) -> str:
    """A text of which nobody knows whether it went out."""
    text_id = await sent(world, recorded=False)
    ambiguous = Outcome(
        command_id="c-1",
        status=OutcomeStatus.UNCERTAIN,
        code=OutcomeCode.AMBIGUOUS,
        message="",
        message_id=text_id,
        to="+15551230001",
        original_to="+15551230001",
        at=MORNING,
    )
    store = MemoryOutbound(world.memory)
    await store.finish("acme", text_id, owner="sender", outcome=ambiguous)
    return text_id


def reports_counted(world: Processor, result: str, status: ReportStatus) -> float | None:
    return sample(world.metrics, "reports_total", result=result, status=status.value)


async def test_a_final_report_settles_an_uncertain_text_once() -> None:
    world = Processor()
    text_id = await uncertain(world)
    for status in (ReportStatus.SENT, ReportStatus.DELIVERED, ReportStatus.DELIVERED):
        await world.inbox().handle([delivery(report(text_id, status=status))])
    labels = {"provider": "acs", "step": "settled"}
    assert sample(world.metrics, "uncertain_total", **labels) == 1


async def test_a_report_that_a_full_queue_refuses_counts_once_it_is_told() -> None:
    world = Processor()
    failed = delivery(report(await uncertain(world), status=ReportStatus.FAILED))
    settled = {"provider": "acs", "step": "settled"}
    for _ in range(3):
        world.bus.faults = {0: FULL}
        [verdict] = await world.inbox().handle([failed])
        assert isinstance(verdict, Defer)
    assert not reports_counted(world, "applied", ReportStatus.FAILED)
    assert not sample(world.metrics, "uncertain_total", **settled)
    for _ in range(2):
        assert await world.inbox().handle([failed]) == [Done()]
    assert reports_counted(world, "applied", ReportStatus.FAILED) == 1
    assert reports_counted(world, "repeated", ReportStatus.FAILED) == 1
    assert sample(world.metrics, "uncertain_total", **settled) == 1


async def test_copies_of_a_report_within_a_batch_count_as_repeated() -> None:
    world = Processor()
    copy = delivery(report(await uncertain(world)))
    assert await world.inbox().handle([copy] * 3) == [Done()] * 3
    assert reports_counted(world, "applied", ReportStatus.DELIVERED) == 1
    assert reports_counted(world, "repeated", ReportStatus.DELIVERED) == 2
    assert sample(world.metrics, "uncertain_total", provider="acs", step="settled") == 1


async def test_a_report_on_a_text_of_ours_counts_as_applied_once() -> None:
    world = Processor()
    text_id = await sent(world, notice=Keyword.OPT_OUT)
    for _ in range(2):
        await world.inbox().handle([delivery(report(text_id, status=ReportStatus.FAILED))])
    assert reports_counted(world, "applied", ReportStatus.FAILED) == 1
    assert reports_counted(world, "repeated", ReportStatus.FAILED) == 1
    assert world.reports() == []


async def test_a_report_on_a_certain_text_settles_nothing() -> None:
    world = Processor()
    text_id = await sent(world)
    await world.inbox().handle([delivery(report(text_id))])
    labels = {"provider": "acs", "step": "settled"}
    assert sample(world.metrics, "uncertain_total", **labels) is None


async def test_an_opt_out_tells_what_it_turned_cancelled_and_answered() -> None:
    world = Processor()
    world.routes.rules = OUR_ANSWERS
    await hold(world, "c-1")
    await say(world, "STOP")
    assert sample(world.metrics, "cancelled_texts_total") == 1
    assert sample(world.metrics, "notices_total", keyword="opt_out") == 1
    await say(world, "STOP", first=1)
    for result in ("opted_out", "unchanged"):
        assert sample(world.metrics, "consents_total", source="keyword", result=result) == 1


# --- Outbound -------------------------------------------------------------------------------------


def published(seconds_ago: float) -> FakeDelivery:
    """A command, published by the millisecond so long ago."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    order = commanded()
    order.published_at = at.replace(microsecond=0)
    order.headers[wire.HEADER_PUBLISHED] = int(at.timestamp() * 1000)
    return order


async def test_a_text_tells_how_long_it_took_from_its_command_to_the_first_call(desk: Desk) -> None:
    assert await desk.replica().handle(published(7.5)) == Done()
    assert sample(desk.metrics, "command_to_provider_seconds_count", provider="fake") == 1
    total = sample(desk.metrics, "command_to_provider_seconds_sum", provider="fake")
    assert total is not None
    assert 7.5 <= total < 60


async def test_repeated_calls_count_as_retries_and_tell_no_time_again(desk: Desk) -> None:
    desk.client.answers += [THROTTLED, THROTTLED, Accepted("p-1")]
    for _ in range(3):
        await desk.replica().handle(published(1))
        desk.wind(60)
    assert sample(desk.metrics, "provider_retries_total", provider="fake") == 2
    assert sample(desk.metrics, "command_to_provider_seconds_count", provider="fake") == 1


async def test_a_call_for_several_texts_is_one_call_for_each_class_of_answer(desk: Desk) -> None:
    desk.client.answers += [Accepted("p-1"), THROTTLED, THROTTLED]
    order = commanded(to_many(3))
    assert isinstance(await desk.replica().handle(order), Defer)
    for name, throttled in (("calls", 1), ("texts", 2)):
        of = f"provider_{name}_total"
        assert sample(desk.metrics, of, provider="fake", answer="accepted") == 1
        assert sample(desk.metrics, of, provider="fake", answer="not_processed") == throttled
    assert sample(desk.metrics, "provider_call_seconds_count", provider="fake") == 1
    desk.wind(60)
    assert await desk.replica().handle(order) == Done()
    assert sample(desk.metrics, "provider_retries_total", provider="fake") == 1
    assert sample(desk.metrics, "provider_calls_total", provider="fake", answer="accepted") == 2
    assert sample(desk.metrics, "provider_texts_total", provider="fake", answer="accepted") == 3


async def test_texts_that_a_limit_keeps_back_are_counted(desk: Desk) -> None:
    desk.client.answers.append(THROTTLED)
    for name in ("c-1", "c-2"):
        assert isinstance(await desk.replica().handle(commanded(command(command_id=name))), Defer)
    assert sample(desk.metrics, "limited_texts_total", limit="rate") == 1


async def test_verdicts_are_counted_by_kind_and_code(desk: Desk) -> None:
    await desk.replica().handle(commanded())
    await desk.opt_out("+15551230002")
    await desk.replica().handle(commanded(command(command_id="c-2", to="+15551230002")))
    await desk.connections.set_gate("acme", "+18005550100", on=False)
    await desk.replica().handle(commanded(command(command_id="c-3")))
    assert sample(desk.metrics, "verdicts_total", verdict="send", code="none") == 1
    refused = {"verdict": "refuse", "code": "recipient_opted_out"}
    assert sample(desk.metrics, "verdicts_total", **refused) == 1
    assert sample(desk.metrics, "verdicts_total", verdict="hold", code="gate_off") == 1


async def test_commands_are_counted_by_what_became_of_them(desk: Desk) -> None:
    handler = desk.replica()
    assert await handler.handle(commanded()) == Done()
    desk.client.answers.append(THROTTLED)
    assert isinstance(await handler.handle(commanded(command(command_id="c-2"))), Defer)
    stranger = commanded()
    stranger.user_id = "mallory"
    assert isinstance(await handler.handle(stranger), Park)
    theirs = commanded(command(command_id="c-3", number="+18005550199"))
    assert await handler.handle(theirs) == Done()
    desk.wind(60)
    desk.client.answers.append(RuntimeError("a fault of ours"))
    with pytest.raises(RuntimeError):
        await handler.handle(commanded(command(command_id="c-4")))
    for result in ("done", "deferred", "parked", "refused", "failed"):
        assert sample(desk.metrics, "commands_total", result=result) == 1, result


async def test_a_text_that_ends_uncertain_is_counted_with_its_provider() -> None:
    desk = Desk(deduplicates=False)
    await desk.prepare()
    desk.client.answers.append(Ambiguous("no answer"))
    await desk.replica().handle(commanded())
    labels = {"provider": "fake", "step": "begun"}
    assert sample(desk.metrics, "uncertain_total", **labels) == 1


async def test_the_clients_that_are_open_can_be_counted(desk: Desk) -> None:
    assert len(desk.clients) == 0
    await desk.replica().handle(commanded())
    assert len(desk.clients) == 1
    await desk.clients.close()
    assert len(desk.clients) == 0


class Slow(FakeBus):
    """Takes nothing until it is opened, and says when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.open.clear()

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        self.reached.set()
        return await super().publish_all(messages)


async def test_requests_in_flight_are_counted_while_they_last() -> None:
    bus = Slow()
    async with webhook(bus) as world:
        posting = asyncio.create_task(world.post([event_grid(received_data())]))
        await bus.reached.wait()
        assert sample(world.metrics, "webhook_in_flight_requests") == 1
        bus.open.set()
        await posting
        assert sample(world.metrics, "webhook_in_flight_requests") == 0
        assert sample(world.metrics, "webhook_requests_total", status="200") == 1
