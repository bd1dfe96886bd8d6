"""Two ways to work through a subscription: in micro-batches, or many deliveries at once in lanes.

Both hold the same line: an infrastructure fault (`Unavailable`, `BusUnavailable`) is nobody's
fault, so the work waits in place and is tried again; any other exception is the message's fault and
ends in `Retry`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import structlog

from common import tracing
from common.bus.counting import WorkCounts
from common.bus.messages import BusUnavailable, Delivery, traceparent_of
from common.bus.spans import over_tries
from common.bus.topology import RETRY_DELAYS
from common.bus.verdicts import Publisher, Retry, Verdict, no_move, settle
from common.errors import Unavailable
from common.metrics import Metrics
from common.place import place_of

log = structlog.get_logger(__name__)

_PAUSES: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries while RabbitMQ or MongoDB is away."""


class Source(Protocol):
    """A subscription. It is cancelled after the last ack, not before: RabbitMQ holds acks back
    while 32 are not yet in a quorum queue's log (`rabbit_fifo_client.erl`, SOFT_LIMIT), and loses
    them where the channel closes meanwhile. The answer to a cancel comes through that log, after
    them."""

    @property
    def deliveries(self) -> asyncio.Queue[Delivery]: ...
    async def cancel(self) -> None: ...


BatchHandler = Callable[[Sequence[Delivery]], Awaitable[Sequence[Verdict]]]
Handler = Callable[[Delivery], Awaitable[Verdict]]
T = TypeVar("T")


class Batches:
    """Reads a subscription in micro-batches: what is there, up to `size` messages, or what comes
    within `linger` seconds of the first.

    One batch is in work at a time, so that one multiple-ack settles it. A batch whose handler fails
    is handled again one by one, so that one bad message harms no other. `moved` is called between
    putting messages elsewhere and acking them.
    """

    def __init__(
        self,
        source: Source,
        bus: Publisher,
        handle: BatchHandler,
        *,
        size: int = 200,
        linger: float = 0.002,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        moved: Callable[[], None] = no_move,
        metrics: Metrics | None = None,
    ):
        self._source = source
        self._bus = bus
        self._handle = handle
        self._counts = WorkCounts(metrics or Metrics())
        self._size = size
        self._linger = linger
        self._retry_delays = retry_delays
        self._moved = moved
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain` is called."""
        while not self._stopping.is_set():
            batch = await self._collect()
            if batch:
                await self._work(batch)
        await self._source.cancel()

    async def drain(self) -> None:
        """Begin nothing more; `run` returns when the batch in hand is settled. What was delivered
        but not begun goes back to the broker when the connection closes."""
        self._stopping.set()

    async def _collect(self) -> list[Delivery]:
        queue = self._source.deliveries
        first = await take(queue, self._stopping)
        if first is None:
            return []
        batch = [first]
        if queue.empty() and self._linger:
            await asyncio.sleep(self._linger)
        while len(batch) < self._size and not queue.empty():
            batch.append(queue.get_nowait())
        return [delivery for delivery in batch if not delivery.stale]

    async def _work(self, batch: Sequence[Delivery]) -> None:
        self._counts.begun(batch)
        verdicts = await self._decide(batch)
        decided = batch[: len(verdicts)]
        await settle(
            self._bus,
            decided,
            verdicts,
            retry_delays=self._retry_delays,
            in_order=True,
            moved=self._moved,
            count=self._counts.moved,
        )

    async def _decide(self, batch: Sequence[Delivery]) -> Sequence[Verdict]:
        """Verdicts on the batch, or on its beginning where the rest is no longer ours."""
        verdicts = await self._attempt(batch)
        if verdicts is None:
            return []
        if not isinstance(verdicts, Exception):
            return verdicts
        if len(batch) == 1:
            return [_blame(verdicts, batch[0])]
        singly: list[Verdict] = []
        for delivery in batch:
            verdict = await self._decide([delivery])
            if not verdict:
                break
            singly.extend(verdict)
        return singly

    async def _attempt(self, batch: Sequence[Delivery]) -> Sequence[Verdict] | Exception | None:
        """The handler's verdicts, the exception it ended with, or None where the deliveries are no
        longer ours (a broken channel, or a stop while infrastructure is away)."""
        return await persist(lambda: self._handle(batch), batch, self._stopping)


async def persist(
    work: Callable[[], Awaitable[T]], batch: Sequence[Delivery], stopping: asyncio.Event
) -> T | Exception | None:
    """Run `work` until it ends with anything but an infrastructure fault."""
    with over_tries():
        return await _persist(work, batch, stopping)


async def _persist(
    work: Callable[[], Awaitable[T]], batch: Sequence[Delivery], stopping: asyncio.Event
) -> T | Exception | None:
    for turn in itertools.count():
        try:
            return await work()
        except (Unavailable, BusUnavailable) as fault:
            if turn == 0:
                log.warning("work.waiting", cause=type(fault).__name__, messages=len(batch))
            pause = _PAUSES[min(turn, len(_PAUSES) - 1)]
            if await until(asyncio.sleep(pause, result=True), stopping) is None:
                return None
            if all(delivery.stale for delivery in batch):
                return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends as a Retry
            return error
    raise AssertionError


class Lanes:
    """Reads a subscription many deliveries at a time, one at a time a lane.

    `lane_of` names what must stay in order (a conversation); deliveries of one lane are worked in
    the order in which they came. No more than the prefetch is ever in hand. `moved` is called
    between putting a message elsewhere and acking it.
    """

    def __init__(
        self,
        source: Source,
        bus: Publisher,
        handle: Handler,
        *,
        lanes: int = 32,
        lane_of: Callable[[Delivery], str],
        retry_delays: Sequence[float] = RETRY_DELAYS,
        moved: Callable[[], None] = no_move,
        metrics: Metrics | None = None,
    ):
        self._source = source
        self._bus = bus
        self._handle = handle
        self._counts = WorkCounts(metrics or Metrics())
        self._lane_of = lane_of
        self._retry_delays = retry_delays
        self._moved = moved
        self._stopping = asyncio.Event()
        self._lanes: list[asyncio.Queue[Delivery]] = [asyncio.Queue() for _ in range(lanes)]

    async def run(self) -> None:
        """Work until `drain` is called."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._run_lane(lane))
            while (delivery := await take(self._source.deliveries, self._stopping)) is not None:
                self._lanes[hash(self._lane_of(delivery)) % len(self._lanes)].put_nowait(delivery)
        await self._source.cancel()

    async def drain(self) -> None:
        """Begin nothing more; `run` returns when every delivery being worked on is settled. What
        was delivered but not begun goes back to the broker when the connection closes."""
        self._stopping.set()

    async def _run_lane(self, lane: asyncio.Queue[Delivery]) -> None:
        while (delivery := await take(lane, self._stopping)) is not None:
            if not delivery.stale:
                await self._work(delivery)

    async def _work(self, delivery: Delivery) -> None:
        self._counts.begun([delivery])
        verdict = await persist(lambda: self._handle(delivery), [delivery], self._stopping)
        if verdict is None:
            return
        if isinstance(verdict, Exception):
            verdict = _blame(verdict, delivery)
        await settle(
            self._bus,
            [delivery],
            [verdict],
            retry_delays=self._retry_delays,
            in_order=False,
            moved=self._moved,
            count=self._counts.moved,
        )


class Worker(Protocol):
    """`Batches` or `Lanes`."""

    async def run(self) -> None: ...
    async def drain(self) -> None: ...


async def work_until(stopping: asyncio.Event, worker: Worker) -> None:
    """Let a worker run until `stopping` is set, then until it has drained. What ends the worker
    before that is raised."""
    working = asyncio.create_task(worker.run())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    await worker.drain()
    await working


def _blame(error: Exception, delivery: Delivery) -> Retry:
    log.warning(
        "work.failed",
        error=type(error).__name__,
        queue=delivery.queue,
        bus_message_id=delivery.message_id,
        trace_id=tracing.id_of(traceparent_of(delivery)),
    )
    # Where, not what: its text may quote the message, and this one stands in a header.
    return Retry("unexpected_error", f"{type(error).__name__} at {place_of(error)}")


async def take(queue: asyncio.Queue[T], stopping: asyncio.Event) -> T | None:
    """The next of a queue, or None where `stopping` is set first."""
    if stopping.is_set() or queue.empty():
        return await until(queue.get(), stopping)
    return queue.get_nowait()


async def until(work: Awaitable[T], stopping: asyncio.Event) -> T | None:
    """The result of `work`, or None where `stopping` is set first (the work is then cancelled)."""
    if stopping.is_set():
        if asyncio.iscoroutine(work):
            work.close()
        return None
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        stop.cancel()
