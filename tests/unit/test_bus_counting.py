"""What the bus tells of itself: publishes by answer, messages in hand, waits, and what became of
deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from common.bus.client import Bus
from common.bus.counting import BusCounts, Hand, WorkCounts
from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.messages import (
    BusError,
    BusUnavailable,
    Delivery,
    Outgoing,
    PublishRefused,
    Unroutable,
    waited,
)
from common.bus.topology import HEADER_FIRST_SEEN, PROCESSOR_QUEUE, SERVICES, received_key
from common.bus.verdicts import Defer, Done, Park, Retry, Verdict
from common.bus.work import Batches, Lanes, Worker, work_until
from common.metrics import Metrics
from heliograph import wire

pytestmark = pytest.mark.unit

RETRIED = Retry("no_agent", "The number is not connected any more.")


def message(headers: Mapping[str, object] | None = None, **changes: str) -> Outgoing:
    return Outgoing(
        exchange=changes.get("exchange", "heliograph.inbound"),
        key=received_key("acs"),
        body=b"{}",
        type="sms.received",
        message_id=changes.get("message_id", "m"),
        headers=headers or {},
    )


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"heliograph_{name}", labels)


def test_publishes_are_counted_by_exchange_and_answer() -> None:
    metrics = Metrics()
    answers: list[BusError | None] = [None, None, Unroutable(), PublishRefused(), BusUnavailable()]
    BusCounts(metrics, connected=lambda: True).published([message()] * 5, answers)
    for result, number in {"confirmed": 2, "returned": 1, "refused": 1, "unavailable": 1}.items():
        found = sample(metrics, "bus_publishes_total", exchange="heliograph.inbound", result=result)
        assert found == number


async def test_a_bus_that_is_away_says_so_and_counts_what_it_did_not_take() -> None:
    metrics = Metrics()
    bus = Bus("amqp://127.0.0.1:1/", app="test", metrics=metrics)
    await bus.subscribe(PROCESSOR_QUEUE, prefetch=10)
    assert sample(metrics, "bus_connected") == 0
    assert sample(metrics, "bus_consumers", queue=PROCESSOR_QUEUE) == 0
    assert sample(metrics, "bus_in_hand_messages", queue=PROCESSOR_QUEUE) == 0
    await bus.publish_all([message(exchange="")])
    assert sample(metrics, "bus_publishes_total", exchange="default", result="unavailable") == 1


def test_what_is_in_hand_is_what_was_not_settled() -> None:
    hand = Hand()
    for tag in (1, 2, 3, 4, 5):
        hand.take(tag)
    hand.settle(2)
    assert len(hand) == 4
    hand.settle(4, multiple=True)
    assert len(hand) == 1
    hand.settle(4, multiple=True)
    hand.settle(9)
    assert len(hand) == 1


class Told:
    """As much of a delivery as tells how long it waited."""

    def __init__(self, headers: Mapping[str, object], published_at: datetime | None = None):
        self.headers = headers
        self.published_at = published_at


def seconds(headers: Mapping[str, object], published_at: datetime | None = None) -> float | None:
    return waited(Told(headers, published_at), 1_800_000_000.0)  # type: ignore[arg-type]


def test_a_wait_is_told_by_the_millisecond_or_else_by_the_second() -> None:
    assert seconds({wire.HEADER_PUBLISHED: 1_799_999_999_250}) == pytest.approx(0.75)
    at = datetime.fromtimestamp(1_799_999_998, UTC)
    assert seconds({}, at) == 2.0
    assert seconds({wire.HEADER_PUBLISHED: "yesterday"}, at) == 2.0


def test_a_wait_that_nobody_tells_credibly_is_none() -> None:
    assert seconds({}) is None
    assert seconds({wire.HEADER_PUBLISHED: 0}) is None
    assert seconds({wire.HEADER_PUBLISHED: 1_800_000_001_000}) == 0.0, "a clock ahead of ours"


def test_a_message_that_was_in_work_before_waited_because_it_was_told_to() -> None:
    headers = {wire.HEADER_PUBLISHED: 1_799_999_999_000, HEADER_FIRST_SEEN: "2027-01-15T08:00:00Z"}
    assert seconds(headers) is None


class Played:
    """A worker that gives every message the next of some verdicts, over the broker in memory."""

    def __init__(self, verdicts: Sequence[Verdict]):
        self.metrics = Metrics()
        self._verdicts = list(verdicts)
        self._done = asyncio.Event()

    async def play(self, kind: type[Batches] | type[Lanes]) -> None:
        bus = MemoryBus(MemoryBroker(), topology=SERVICES)
        bus.start()
        await bus.publish_all([message(message_id=f"m{n}") for n in range(len(self._verdicts))])
        source = await bus.subscribe(PROCESSOR_QUEUE, prefetch=10)
        worker: Worker
        if kind is Batches:
            worker = Batches(source, bus, self._batch, retry_delays=(30.0,), metrics=self.metrics)
        else:
            worker = Lanes(
                source,
                bus,
                self._one,
                lanes=1,
                lane_of=lambda _: "",
                retry_delays=(30.0,),
                metrics=self.metrics,
            )
        await work_until(self._done, worker)
        await bus.close()

    async def _batch(self, batch: Sequence[Delivery]) -> Sequence[Verdict]:
        return [await self._one(delivery) for delivery in batch]

    async def _one(self, _: Delivery) -> Verdict:
        verdict = self._verdicts.pop(0)
        if not self._verdicts:
            self._done.set()
        return verdict


@pytest.mark.parametrize("kind", [Batches, Lanes])
async def test_what_becomes_of_messages_is_counted_where_it_is_carried_out(
    kind: type[Batches] | type[Lanes],
) -> None:
    played = Played([Done(), RETRIED, Defer(1), Defer(5), Park("wrong_shape"), Park("who_knows")])
    await asyncio.wait_for(played.play(kind), 10)
    metrics = played.metrics
    queue = {"queue": PROCESSOR_QUEUE}
    assert sample(metrics, "retries_total", **queue, reason="no_agent") == 1
    assert sample(metrics, "deferred_total", **queue) == 2
    assert sample(metrics, "parked_total", **queue, reason="wrong_shape") == 1
    assert sample(metrics, "parked_total", **queue, reason="other") == 1
    assert sample(metrics, "queue_wait_seconds_count", **queue) == 6


def test_a_retry_that_has_none_left_counts_as_parked() -> None:
    metrics = Metrics()
    dead = message(exchange=wire.DEAD_EXCHANGE)

    class Held:
        queue = PROCESSOR_QUEUE
        message_id = "m"
        headers: Mapping[str, object] = {}

    WorkCounts(metrics).moved(Held(), RETRIED, dead)  # type: ignore[arg-type]
    queue = {"queue": PROCESSOR_QUEUE}
    assert sample(metrics, "parked_total", **queue, reason="no_agent") == 1
    assert sample(metrics, "retries_total", **queue, reason="no_agent") == 0
