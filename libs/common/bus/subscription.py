"""A queue that is being read over RabbitMQ, and the messages that come from it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiormq

from common.bus.counting import Hand
from common.bus.deadline import bounded
from common.bus.messages import BusUnavailable, Delivery, Headers
from common.bus.topology import Queue
from common.metrics.labels import queue_label

_SETTLE_SECONDS = 5.0
"""An ack that the socket has not taken by then is given up; the message comes again."""


class AmqpDelivery:
    """A message from RabbitMQ, held until it is settled."""

    __slots__ = ("_channel", "_hand", "_message", "_properties", "_tag", "body", "queue")

    def __init__(self, message: aiormq.abc.DeliveredMessage, queue: str, hand: Hand | None = None):
        self._hand = hand
        self._message = message
        self._channel = message.channel
        self._properties = message.header.properties
        self._tag = message.delivery_tag
        self.body: bytes = message.body
        self.queue = queue

    @property
    def type(self) -> str:
        return self._properties.message_type or ""

    @property
    def message_id(self) -> str:
        return self._properties.message_id or ""

    @property
    def headers(self) -> Headers:
        return self._properties.headers or {}

    @property
    def routing_key(self) -> str:
        return self._message.routing_key or ""

    @property
    def user_id(self) -> str | None:
        return self._properties.user_id

    @property
    def correlation_id(self) -> str | None:
        return self._properties.correlation_id

    @property
    def reply_to(self) -> str | None:
        return self._properties.reply_to

    @property
    def published_at(self) -> datetime | None:
        stamp = self._properties.timestamp
        return stamp.astimezone(UTC) if isinstance(stamp, datetime) else None

    @property
    def redelivered(self) -> bool:
        return bool(self._message.redelivered)

    @property
    def stale(self) -> bool:
        return bool(self._channel.is_closed)

    async def ack(self, *, multiple: bool = False) -> None:
        # Waiting until the frame is written, so that closing the connection next loses no ack.
        if self._tag is not None and not self.stale:
            if self._hand is not None:
                self._hand.settle(self._tag, multiple=multiple)
            with contextlib.suppress(BusUnavailable):
                await bounded(self._channel.basic_ack(self._tag, multiple), _SETTLE_SECONDS)

    async def requeue(self) -> None:
        if self._tag is not None and not self.stale:
            if self._hand is not None:
                self._hand.settle(self._tag)
            with contextlib.suppress(BusUnavailable):
                await bounded(self._channel.basic_nack(self._tag, requeue=True), _SETTLE_SECONDS)


class Subscription:
    """A queue that is being read. Deliveries arrive in `deliveries`, in the broker's order.

    The queue is bounded by the prefetch: the broker sends no more than that many unacked messages.
    """

    def __init__(self, queue: str, prefetch: int, *, private: Queue | None = None):
        self.queue = queue
        self.label = queue_label(queue, private=private is not None)
        self.prefetch = prefetch
        self.deliveries: asyncio.Queue[Delivery] = asyncio.Queue()
        self._private = private
        self._hand = Hand()
        self._channel: Any = None
        self._tag: str | None = None
        self.cancelled = False

    @property
    def attached(self) -> bool:
        """Whether the broker sends its messages here at the moment."""
        return self._tag is not None and not self._channel.is_closed

    @property
    def problem(self) -> str | None:
        """Why nothing arrives, in one sentence, or None where the broker knows of this consumer."""
        return None if self.attached else f"{self.queue} is not being read."

    @property
    def in_hand(self) -> int:
        """Messages that were delivered and are not settled yet."""
        return 0 if self._channel is None or self._channel.is_closed else len(self._hand)

    async def attach(self, channel: Any, on_lost: Callable[[object], None]) -> None:
        """Start reading on a channel of its own."""
        channel.on_consumer_cancel_callbacks.add(on_lost)
        await channel.basic_qos(prefetch_count=self.prefetch)
        name = await _declare_private(channel, self._private) if self._private else self.queue
        self._forget_what_is_stale()
        deliveries, queue, hand = self.deliveries, self.queue, Hand()

        async def take(message: aiormq.abc.DeliveredMessage) -> None:
            if message.delivery_tag is not None:
                hand.take(message.delivery_tag)
            deliveries.put_nowait(AmqpDelivery(message, queue, hand))

        ok = await channel.basic_consume(name, take, no_ack=False)
        self._channel, self._tag, self._hand = channel, ok.consumer_tag, hand
        if self.cancelled:  # Meanwhile.
            await self._stop_consuming()

    async def cancel(self) -> None:
        """Take no further messages; those in hand can still be settled."""
        self.cancelled = True
        await self._stop_consuming()

    async def _stop_consuming(self) -> None:
        tag, self._tag = self._tag, None
        if tag is not None and not self._channel.is_closed:
            with contextlib.suppress(BusUnavailable):
                await bounded(self._channel.basic_cancel(tag), _SETTLE_SECONDS)

    def _forget_what_is_stale(self) -> None:
        """What a lost channel had delivered comes again on the new one; keeping both would let the
        queue grow with every reconnection."""
        while not self.deliveries.empty():
            self.deliveries.get_nowait()


async def _declare_private(channel: Any, queue: Queue) -> str:
    """Declare a queue of this connection alone; returns its name, new at each attachment: after a
    network partition the broker may still hold the last one for a connection that is gone."""
    name = f"{queue.name}.{secrets.token_hex(4)}"
    await channel.queue_declare(name, exclusive=True, auto_delete=True)
    for binding in queue.bindings:
        await channel.queue_bind(name, binding.exchange, binding.key)
    return name
