"""The queues of the broker in memory, and the subscriptions that read them."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.bus.messages import Headers, Outgoing
from common.bus.topology import Queue
from heliograph import wire

DeadLetter = Callable[[str, str, "Stored"], None]
"""Takes exchange, routing key and message."""


@dataclass(eq=False)
class Stored:
    """A message in a queue."""

    message: Outgoing
    user_id: str
    deliveries: int = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class MemoryDelivery:
    """A message from the broker in memory, held until it is settled."""

    def __init__(self, reader: MemorySubscription, tag: int, stored: Stored):
        message = stored.message
        self._reader = reader
        self._tag = tag
        self._connection = reader.connection
        self.queue = reader.queue
        self.body = message.body
        self.type = message.type
        self.message_id = message.message_id
        published = {wire.HEADER_PUBLISHED: int(stored.at.timestamp() * 1000)}
        self.headers: Headers = {**message.headers, **published}
        self.routing_key = message.key
        self.user_id: str | None = stored.user_id
        self.correlation_id = message.correlation_id
        self.reply_to = message.reply_to
        self.published_at: datetime | None = stored.at.replace(microsecond=0)
        self.redelivered = stored.deliveries > 1

    @property
    def stale(self) -> bool:
        return self._reader.connection is not self._connection

    async def ack(self, *, multiple: bool = False) -> None:
        if not self.stale:
            self._reader.settle(self._tag, multiple=multiple)

    async def requeue(self) -> None:
        if not self.stale:
            self._reader.give_back(self._tag)


class MemorySubscription:
    """A queue that is being read."""

    def __init__(self, queue: str, prefetch: int, *, private: Queue | None = None):
        self.queue = queue
        self.prefetch = prefetch
        self.deliveries: asyncio.Queue[MemoryDelivery] = asyncio.Queue()
        self.connection = object()
        self.private = private
        self.unacked: dict[int, Stored] = {}
        self._source: MemoryQueue | None = None
        self._tags = itertools.count(1)
        self._cancelled = False

    @property
    def has_room(self) -> bool:
        return len(self.unacked) < self.prefetch

    async def cancel(self) -> None:
        self._cancelled = True
        if self._source is not None:
            self._source.remove(self)

    def attach(self, source: MemoryQueue) -> None:
        while not self.deliveries.empty():
            self.deliveries.get_nowait()
        self._source = source
        if not self._cancelled:
            source.add(self)

    def detach(self) -> None:
        """The connection is gone: what was not settled goes back."""
        self.connection = object()
        source, self._source = self._source, None
        unsettled, self.unacked = list(self.unacked.values()), {}
        if source is not None:
            source.remove(self)
            source.put_back(unsettled)

    def take(self, stored: Stored) -> None:
        tag = next(self._tags)
        self.unacked[tag] = stored
        self.deliveries.put_nowait(MemoryDelivery(self, tag, stored))

    def settle(self, tag: int, *, multiple: bool) -> None:
        for settled in [t for t in self.unacked if t == tag or (multiple and t < tag)]:
            del self.unacked[settled]
        if self._source is not None:
            self._source.deliver()

    def give_back(self, tag: int) -> None:
        stored = self.unacked.pop(tag, None)
        if stored is not None and self._source is not None:
            self._source.put_back([stored])


class MemoryQueue:
    """A queue with its limits."""

    def __init__(self, declared: Queue, dead_letter: DeadLetter):
        self.name = declared.name
        self.waiting: deque[Stored] = deque()
        self._arguments = declared.arguments
        self._dead_letter_to = dead_letter
        self._readers: list[MemorySubscription] = []

    @property
    def full(self) -> bool:
        limit = self._arguments.get("x-max-length")
        return limit is not None and len(self.waiting) >= int(limit)

    def put(self, stored: Stored) -> None:
        self.waiting.append(stored)
        if (ttl := self._arguments.get("x-message-ttl")) is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(int(ttl) / 1000, self._expire, stored)
        self.deliver()

    def put_back(self, returned: Sequence[Stored]) -> None:
        """To where they were; a message that came back too often goes to the dead letters."""
        limit = self._arguments.get("x-delivery-limit")
        kept = [s for s in returned if limit is None or s.deliveries <= int(limit)]
        self.waiting.extendleft(reversed(kept))
        for stored in returned:
            if stored not in kept:
                self._dead_letter(stored)
        self.deliver()

    def deliver(self) -> None:
        while self.waiting:
            reader = next((reader for reader in self._readers if reader.has_room), None)
            if reader is None:
                return
            self._readers.remove(reader)
            self._readers.append(reader)  # Round robin.
            stored = self.waiting.popleft()
            stored.deliveries += 1
            reader.take(stored)

    def add(self, reader: MemorySubscription) -> None:
        self._readers.append(reader)
        self.deliver()

    def remove(self, reader: MemorySubscription) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    def expire(self) -> None:
        for stored in list(self.waiting):
            self._expire(stored)

    def _expire(self, stored: Stored) -> None:
        if stored in self.waiting:
            self.waiting.remove(stored)
            self._dead_letter(stored)

    def _dead_letter(self, stored: Stored) -> None:
        exchange = self._arguments.get("x-dead-letter-exchange")
        if exchange is not None:
            key = self._arguments.get("x-dead-letter-routing-key", stored.message.key)
            self._dead_letter_to(str(exchange), str(key), stored)
