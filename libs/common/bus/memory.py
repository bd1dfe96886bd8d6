"""A stand-in for the bus in unit tests: a broker in memory, and a bus on it with the surface of
`client.Bus`.

It routes, limits, holds, dead-letters and redelivers as RabbitMQ does with the queue arguments used
here, which one conformance suite shows for both. It knows no time-outs and no half-open states;
what is claimed about those is tested on RabbitMQ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from common.bus.memory_queue import MemoryQueue, MemorySubscription, Stored
from common.bus.messages import BusError, BusUnavailable, Outgoing, PublishRefused, Unroutable
from common.bus.spans import published
from common.bus.topology import Binding, Exchange, Queue, Topology

_AWAY: Final = "RabbitMQ is away: the broker was stopped."


class MemoryBroker:
    """What several buses share. `stop` and `start` make it go away and come back."""

    def __init__(self) -> None:
        self.available = True
        self._exchanges: dict[str, Exchange] = {}
        self._bindings: list[tuple[Binding, str]] = []
        self._queues: dict[str, MemoryQueue] = {}
        self._buses: list[MemoryBus] = []

    def stop(self) -> None:
        self.available = False
        for bus in self._buses:
            bus.disconnect(_AWAY)

    def start(self) -> None:
        self.available = True
        for bus in self._buses:
            bus.connect()

    def stored(self, queue: str) -> list[Stored]:
        """What lies in a queue and is with no reader, oldest first."""
        return list(self._queues[queue].waiting)

    def expire(self, queue: str) -> None:
        """Let all that waits in a queue with a TTL have waited long enough."""
        self._queues[queue].expire()

    def delete(self, queue: str) -> None:
        self._queues.pop(queue, None)
        self._bindings = [(b, name) for b, name in self._bindings if name != queue]

    def enter(self, bus: MemoryBus) -> None:
        self._buses.append(bus)
        if self.available:
            bus.connect()

    def leave(self, bus: MemoryBus) -> None:
        self._buses.remove(bus)
        bus.disconnect("RabbitMQ is away: the bus was closed.")

    def declare(self, topology: Topology) -> None:
        for exchange in topology.exchanges:
            self._exchanges.setdefault(exchange.name, exchange)
        for queue in topology.queues:
            self._queues.setdefault(queue.name, MemoryQueue(queue, self._dead_letter))
            for binding in queue.bindings:
                if (binding, queue.name) not in self._bindings:
                    self._bindings.append((binding, queue.name))

    def queue(self, name: str) -> MemoryQueue:
        return self._queues[name]

    def _route(self, exchange: str, key: str) -> list[MemoryQueue]:
        if exchange == "":
            return [self._queues[key]] if key in self._queues else []
        fanout = self._exchanges[exchange].kind == "fanout"
        names = {
            name
            for binding, name in self._bindings
            if binding.exchange == exchange and (fanout or matches(binding.key, key))
        }
        return [self._queues[name] for name in sorted(names)]

    def publish(self, message: Outgoing, user: str) -> BusError | None:
        if not self.available:
            return BusUnavailable(_AWAY)
        queues = self._route(message.exchange, message.key)
        if not queues:
            return Unroutable(f"no queue is bound for {message.exchange}/{message.key}")
        refused = [queue for queue in queues if queue.full]
        for queue in queues:
            if queue not in refused:
                queue.put(Stored(message, user))
        return PublishRefused(f"{refused[0].name} is full") if refused else None

    def _dead_letter(self, exchange: str, key: str, stored: Stored) -> None:
        for queue in self._route(exchange, key):
            queue.put(Stored(stored.message, stored.user_id))


class MemoryBus:
    """`client.Bus` on a broker in memory. `user` is the broker user that it publishes as."""

    def __init__(
        self, broker: MemoryBroker, *, topology: Topology | None = None, user: str = "guest"
    ):
        self.user = user
        self.problem: str | None = "RabbitMQ is away: not connected yet."
        self._broker = broker
        self._topology = topology or Topology()
        self._subscriptions: list[MemorySubscription] = []
        self._up = asyncio.Event()
        self._started = False

    def start(self) -> None:
        if not self._started:
            self._started = True
            self._broker.enter(self)

    async def ready(self) -> None:
        await self._up.wait()

    async def subscribe(
        self, queue: str, *, prefetch: int, private: Queue | None = None
    ) -> MemorySubscription:
        subscription = MemorySubscription(queue, prefetch, private=private)
        self._subscriptions.append(subscription)
        if self._up.is_set():
            self._attach(subscription)
        return subscription

    async def declare(self, topology: Topology) -> None:
        if self.problem is not None:
            raise BusUnavailable(self.problem)
        self._broker.declare(topology)

    async def publish(self, message: Outgoing) -> None:
        [error] = await self.publish_all([message])
        if error is not None:
            raise error

    async def publish_all(self, messages: Iterable[Outgoing]) -> list[BusError | None]:
        return await published(list(messages), self._publish)

    async def _publish(self, batch: list[Outgoing]) -> list[BusError | None]:
        await asyncio.sleep(0)  # As the real one, it lets others run.
        if self.problem is not None:
            return [BusUnavailable(self.problem) for _ in batch]
        return [self._broker.publish(message, self.user) for message in batch]

    async def close(self) -> None:
        if self._started:
            self._started = False
            self._broker.leave(self)

    def connect(self) -> None:
        """The broker is there (again)."""
        self._broker.declare(self._topology)
        self.problem = None
        for subscription in self._subscriptions:
            self._attach(subscription)
        self._up.set()

    def disconnect(self, problem: str) -> None:
        """The connection is gone."""
        self._up.clear()
        self.problem = problem
        for subscription in self._subscriptions:
            subscription.detach()
            if subscription.private is not None:
                self._broker.delete(subscription.queue)

    def _attach(self, subscription: MemorySubscription) -> None:
        if subscription.private is not None:
            self._broker.declare(Topology((), (subscription.private,)))
        subscription.attach(self._broker.queue(subscription.queue))


def matches(pattern: str, key: str) -> bool:
    """Whether a topic exchange passes `key` to a binding of `pattern`: `*` is one word, `#` any
    number of them."""
    return _match(pattern.split("."), key.split(".") if key else [])


def _match(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_match(pattern[1:], words[skip:]) for skip in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _match(pattern[1:], words[1:])
