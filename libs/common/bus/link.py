"""One connection to RabbitMQ, with all that lives and dies with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import aio_pika
from yarl import URL

from common.bus import lenient
from common.bus.messages import BusError, BusUnavailable, Outgoing
from common.bus.publisher import Publisher
from common.bus.subscription import Subscription
from common.bus.topology import Queue, Topology

_CLOSE_SECONDS: Final = 2.0
_FRAMES: Final = 1000
"""Frames that a channel takes before its reader has to catch up; a delivery is three."""


class Link:
    """An open connection. `lost` is set once any vital part of it is gone; it is then closed and
    replaced as a whole.

    A channel made by `aio_pika.Connection.channel()` leaves a callback on the connection for good,
    so channels are made on the aiormq connection below it.
    """

    def __init__(self, connection: aio_pika.abc.AbstractConnection):
        self._connection = connection
        self._transport = connection.transport
        self._publisher: Publisher | None = None
        self.lost = asyncio.Event()
        if self._transport is None:
            self.lost.set()
        else:
            self._transport.connection.closing.add_done_callback(self.report_loss)

    @classmethod
    async def open(cls, url: URL, *, app: str) -> Link:
        """Connect.

        Not by `aio_pika.connect`: after a failure it leaves an open-looking connection to be
        collected, which then begins to close itself on whatever thread that happens.
        """
        lenient.install()
        connection = aio_pika.Connection(url, client_properties={"connection_name": app})
        try:
            await connection.connect()
        except BaseException:
            await connection.close()
            raise
        return cls(connection)

    def report_loss(self, _: object = None) -> None:
        self.lost.set()

    @property
    def blocked(self) -> bool:
        """Whether the broker takes no messages from this connection: it is short of memory or disk
        (RabbitMQ documentation, "Blocked Connections").

        The client says it by whether `ready` has anything to wait for.
        """
        if self._transport is None or self.lost.is_set():
            return False
        asking = self._transport.connection.ready()
        try:
            asking.send(None)
        except StopIteration:
            return False
        asking.close()
        return True

    async def declare(self, topology: Topology) -> None:
        """On a channel of its own, so that a refusal harms nothing else."""
        if not topology.exchanges and not topology.queues:
            return
        channel = await self._channel(vital=False, publisher_confirms=False)
        for exchange in topology.exchanges:
            await channel.exchange_declare(exchange.name, exchange_type=exchange.kind, durable=True)
        for queue in topology.queues:
            await _declare_queue(channel, queue)
        await channel.close()

    async def begin_publishing(self, *, user: str, app: str) -> None:
        channel = await self._channel(publisher_confirms=True, on_return_raises=True)
        self._publisher = Publisher(channel, user=user, app=app)

    async def publish(self, messages: Sequence[Outgoing], seconds: float) -> list[BusError | None]:
        if self._publisher is None:
            return [BusUnavailable("not ready to publish yet")] * len(messages)
        return await self._publisher.publish(messages, seconds)

    async def attach(self, subscription: Subscription) -> None:
        if not subscription.cancelled:
            channel = await self._channel(publisher_confirms=False)
            await subscription.attach(channel, self.report_loss)

    async def side_channel(self) -> Any:
        """A channel for work in passing, whose end harms nothing else."""
        return await self._channel(vital=False, publisher_confirms=False)

    async def close(self) -> None:
        closing = asyncio.ensure_future(self._connection.close())
        _, unfinished = await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)
        if unfinished:
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)

    async def _channel(self, *, vital: bool = True, **options: Any) -> Any:
        """A new channel; the end of a vital one is the end of the link."""
        if self._transport is None:
            raise ConnectionError("the connection is closed")
        await self._transport.ready()
        channel = await self._transport.connection.channel(frame_buffer_size=_FRAMES, **options)
        if vital:
            channel.closing.add_done_callback(self.report_loss)
        return channel


async def _declare_queue(channel: Any, queue: Queue) -> None:
    await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    for binding in queue.bindings:
        await channel.queue_bind(queue.name, binding.exchange, binding.key)
