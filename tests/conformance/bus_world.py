"""What the bus's conformance suites need of a broker, and the names they use on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from common.bus.messages import BusError, Delivery, Outgoing
from common.bus.topology import Binding, Exchange, Queue, Topology, consumed, work_queue
from heliograph import wire

T = TypeVar("T")

TOPIC = "suite.topic"
FANOUT = "suite.fanout"
WORK = "suite.work"
EXCHANGES = (
    Exchange(TOPIC, "topic"),
    Exchange(FANOUT, "fanout"),
    Exchange(wire.DEAD_EXCHANGE, "topic"),
)
SHORT = 0.2
"""Seconds that a message waits in the suite's wait queue."""
HOUSE = Topology(EXCHANGES, consumed(work_queue(WORK, Binding(TOPIC, "work.*")), delays=(SHORT, 1)))
"""One queue with all that our services give a queue."""


class SuiteSource(Protocol):
    """A subscription."""

    @property
    def deliveries(self) -> asyncio.Queue[Any]: ...
    async def cancel(self) -> None: ...


class SuiteBus(Protocol):
    """The surface that both buses have."""

    @property
    def user(self) -> str: ...
    @property
    def problem(self) -> str | None: ...
    def start(self) -> None: ...
    async def ready(self) -> None: ...
    async def subscribe(
        self, queue: str, *, prefetch: int, private: Queue | None = None
    ) -> SuiteSource: ...
    async def declare(self, topology: Topology) -> None: ...
    async def publish(self, message: Outgoing) -> None: ...
    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]: ...
    async def close(self) -> None: ...


class World:
    """A broker of the test's own. `make` builds a bus of a user, `cut` cuts every connection, and
    `delete` removes a queue. What has not come after a `moment` (seconds) does not come."""

    def __init__(
        self,
        make: Callable[[Topology, str], SuiteBus],
        cut: Callable[[], Awaitable[None]],
        delete: Callable[[str], Awaitable[None]],
        *,
        moment: float,
    ):
        self.make = make
        self.cut = cut
        self.delete = delete
        self._moment = moment
        self._open: list[SuiteBus] = []

    async def bus(self, topology: Topology = HOUSE, *, user: str = "house") -> SuiteBus:
        """A bus that is ready; closed with the world."""
        bus = self.make(topology, user)
        self._open.append(bus)
        bus.start()
        await soon(bus.ready())
        return bus

    async def stays_empty(self, source: SuiteSource) -> bool:
        """Whether nothing more comes for a moment."""
        await asyncio.sleep(self._moment)
        return source.deliveries.empty()

    async def close(self) -> None:
        for bus in self._open:
            await bus.close()


@asynccontextmanager
async def closing(world: World) -> AsyncIterator[World]:
    """The world, whose buses are closed afterwards."""
    try:
        yield world
    finally:
        await world.close()


async def soon(work: Awaitable[T]) -> T:
    """What must come, on a busy machine too."""
    async with asyncio.timeout(20):
        return await work


async def eventually(condition: Callable[[], bool]) -> None:
    """Until a condition that announces itself by no event holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def published(bus: SuiteBus, message: Outgoing) -> None:
    """Publish again and again until the broker takes it."""
    async with asyncio.timeout(20):
        while (await bus.publish_all([message]))[0] is not None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


async def next_of(source: SuiteSource) -> Delivery:
    """The next delivery."""
    delivery: Delivery = await soon(source.deliveries.get())
    return delivery


async def take(source: SuiteSource, number: int) -> list[Delivery]:
    """The next deliveries."""
    return [await next_of(source) for _ in range(number)]


def text(message_id: str, *, key: str = "work.now", exchange: str = TOPIC) -> Outgoing:
    """A message whose body is its ID."""
    return Outgoing(
        exchange=exchange, key=key, body=message_id.encode(), type="test", message_id=message_id
    )


def texts(number: int, prefix: str = "m") -> list[Outgoing]:
    """Messages m0, m1, …"""
    return [text(f"{prefix}{place}") for place in range(number)]


def bodies(deliveries: Sequence[Delivery]) -> list[str]:
    """The bodies, as strings."""
    return [delivery.body.decode() for delivery in deliveries]
