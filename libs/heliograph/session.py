"""One connection to RabbitMQ: built whole, used, and dropped whole when any part of it breaks.

A publish or a channel call that waits while the connection goes away ends as `CancelledError` in
aiormq, which looks like the caller being cancelled, or as a bare `Exception` where the connection
was closed from this side. So each call runs in a task of its own, with a deadline, and both become
`Disconnected` (see `within`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, TypeVar

import aiormq
from aiormq import spec

from heliograph import wire

ANSWER_SECONDS = 10.0
"""How long the broker may take to answer one call or to confirm one message."""

T = TypeVar("T")


class BrokerFault(Exception):
    """The broker did not do what it was asked for."""


class Disconnected(BrokerFault):
    """The broker is away or frozen; whether it did what it was asked for is unknown."""


class NotTaken(BrokerFault):
    """The broker gave a message back: no queue is bound for it, or the queue is full."""


class NotPermitted(BrokerFault):
    """The broker refused the credentials, or what was asked for with them."""


class NotThere(BrokerFault):
    """The queue or the exchange does not exist."""


_FAULTS: tuple[tuple[tuple[type[BaseException], ...], type[BrokerFault]], ...] = (
    (
        (
            aiormq.AuthenticationError,
            aiormq.ProbableAuthenticationError,
            aiormq.ChannelAccessRefused,
        ),
        NotPermitted,
    ),
    ((aiormq.DeliveryError,), NotTaken),
    ((aiormq.ChannelNotFoundEntity,), NotThere),
    # A closed channel or connection is a RuntimeError in aiormq; the end of a stream an EOFError.
    ((aiormq.AMQPError, OSError, TimeoutError, EOFError, RuntimeError), Disconnected),
)
"""The first row that fits says what an exception means."""


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of a call to the broker.

    Raises:
        BrokerFault: whatever went wrong, also where aiormq cancelled the call.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not task.done():
        task.cancel()
        raise Disconnected(f"the broker did not answer within {seconds:g} s")
    if task.cancelled():
        raise Disconnected("the connection was closed")
    error = task.exception()
    if error is None:
        return task.result()
    for kinds, fault in _FAULTS:
        if isinstance(error, kinds):
            raise fault(f"{type(error).__name__}: {error}") from None
    if type(error) is Exception:  # aiormq's word for "closed, and nobody said why"
        raise Disconnected("the connection was closed") from None
    raise error


class Delivery:
    """A message from the broker, held until it is settled."""

    __slots__ = ("_message", "body", "properties")

    def __init__(self, message: aiormq.abc.DeliveredMessage):
        self._message = message
        self.body: bytes = message.body
        self.properties: spec.Basic.Properties = message.header.properties

    @property
    def type(self) -> str:
        return self.properties.message_type or ""

    @property
    def traceparent(self) -> str | None:
        value = (self.properties.headers or {}).get(wire.HEADER_TRACEPARENT)
        return value if isinstance(value, str) else None

    async def ack(self) -> None:
        """Settle it. On a lost channel nothing happens: the broker delivers it again."""
        await self._settle(lambda channel, tag: channel.basic_ack(tag))

    async def reject(self) -> None:
        """Let the broker dead-letter it."""
        await self._settle(lambda channel, tag: channel.basic_reject(tag, requeue=False))

    async def _settle(self, call: Callable[[Any, int], Coroutine[Any, Any, None]]) -> None:
        tag = self._message.delivery_tag
        if tag is None or self._message.channel.is_closed:
            return
        with contextlib.suppress(BrokerFault):
            await within(ANSWER_SECONDS, call(self._message.channel, tag))


Take = Callable[[Delivery], Awaitable[None]]


class Session:
    """A connection with the agent's two subscriptions: its own queue, and a passing reply queue.

    Outcomes that a handler waits for come through the reply queue. On the agent's own queue they
    stand behind turns, and when the prefetch is used up by turns that all wait for their outcomes,
    nothing would move any more.

    Each exchange has a publishing channel of its own, opened when it is first needed: what the
    broker refuses on one (it then closes the channel) harms no other.
    """

    def __init__(self, connection: aiormq.abc.AbstractConnection, reply_queue: str):
        self.reply_queue = reply_queue
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._publishing: dict[str, aiormq.abc.AbstractChannel] = {}
        self._opening = asyncio.Lock()
        self._reading: aiormq.abc.AbstractChannel | None = None
        self._begun = False
        self._consumer: str | None = None
        connection.closing.add_done_callback(self.lose)

    @classmethod
    async def open(cls, url: str, *, name: str, reply_queue: str, on_reply: Take) -> Session:
        """Connect, and read replies."""
        context = aiormq.connect(url, client_properties={"connection_name": name})
        session = cls(await within(ANSWER_SECONDS, _connect(context)), reply_queue)
        try:
            await within(ANSWER_SECONDS, session._read_replies(on_reply))
        except BaseException:
            await session.close()
            raise
        return session

    def lose(self, *_: object) -> None:
        """Give the session up; it is then built again."""
        if not self.lost.done():
            self.lost.set_result(None)

    async def check(self, queue: str) -> None:
        """Raise NotThere or NotPermitted where the queue cannot be used."""
        await within(ANSWER_SECONDS, self._check(queue))

    async def read(self, queue: str, *, prefetch: int, take: Take) -> None:
        """Read a queue from now on; at most once a session."""
        if self._begun:
            return
        self._begun = True
        await within(ANSWER_SECONDS, self._read(queue, prefetch, take))

    async def is_heard(self, queue: str) -> bool:
        """Whether the queue has a reader, as the broker sees it; ours is one while it is read."""
        return await within(ANSWER_SECONDS, self._readers(queue)) > 0

    async def stop_reading(self) -> None:
        """Take nothing more; what is in hand can still be settled."""
        channel, tag = self._reading, self._consumer
        self._consumer = None
        if channel is not None and tag is not None and not channel.is_closed:
            with contextlib.suppress(BrokerFault):
                await within(ANSWER_SECONDS, _cancel(channel, tag))

    async def publish(
        self, exchange: str, key: str, body: bytes, properties: spec.Basic.Properties
    ) -> None:
        """Publish and wait until the broker has stored it."""
        await within(ANSWER_SECONDS, self._publish(exchange, key, body, properties))

    async def close(self) -> None:
        """Close the connection; what is unsettled goes back to its queue."""
        self.lose()
        with contextlib.suppress(BrokerFault):
            await within(3.0, self._connection.close())

    async def _read_replies(self, on_reply: Take) -> None:
        channel = await self._watched_channel()
        await channel.queue_declare(
            self.reply_queue,
            exclusive=True,
            auto_delete=True,
            arguments={"x-queue-type": "classic"},
        )
        await channel.basic_consume(self.reply_queue, self._taking(on_reply), no_ack=True)

    def _taking(
        self, take: Take
    ) -> Callable[[aiormq.abc.DeliveredMessage], Coroutine[Any, Any, None]]:
        async def consume(message: aiormq.abc.DeliveredMessage) -> None:
            # What still trickles in from a lost session comes again, in its place.
            if not self.lost.done():
                await take(Delivery(message))

        return consume

    async def _check(self, queue: str) -> None:
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.queue_declare(queue, passive=True)
        await channel.close()

    async def _readers(self, queue: str) -> int:
        channel = await self._connection.channel(publisher_confirms=False)
        declared = await channel.queue_declare(queue, passive=True)
        await channel.close()
        return declared.consumer_count or 0

    async def _read(self, queue: str, prefetch: int, take: Take) -> None:
        self._reading = channel = await self._watched_channel()
        await channel.basic_qos(prefetch_count=prefetch)
        answer = await channel.basic_consume(queue, self._taking(take), no_ack=False)
        self._consumer = answer.consumer_tag

    async def _watched_channel(self) -> aiormq.abc.AbstractChannel:
        channel: Any = await self._connection.channel(publisher_confirms=False)
        channel.closing.add_done_callback(self.lose)
        channel.on_consumer_cancel_callbacks.add(self.lose)
        return channel  # type: ignore[no-any-return]  # the callbacks are not in aiormq's interface

    async def _publish(
        self, exchange: str, key: str, body: bytes, properties: spec.Basic.Properties
    ) -> None:
        async with self._opening:
            channel = self._publishing.get(exchange)
            if channel is None or channel.is_closed:
                channel = await self._connection.channel(
                    publisher_confirms=True, on_return_raises=True
                )
                self._publishing[exchange] = channel
        await channel.basic_publish(
            body, exchange=exchange, routing_key=key, properties=properties, mandatory=True
        )


async def _connect(context: Any) -> aiormq.abc.AbstractConnection:
    return await context  # type: ignore[no-any-return]  # aiormq's context is an awaitable of it


async def _cancel(channel: aiormq.abc.AbstractChannel, tag: str) -> None:
    await channel.basic_cancel(tag)


def properties_of(
    *,
    type: str,  # noqa: A002 - the name of the AMQP property
    message_id: str | None,
    user: str,
    headers: Mapping[str, Any],
    timestamp: datetime | None,
    correlation_id: str | None = None,
    reply_to: str | None = None,
) -> spec.Basic.Properties:
    """Properties of a persistent message. The broker validates `user` against the connection."""
    return spec.Basic.Properties(
        content_type=wire.CONTENT_TYPE,
        delivery_mode=2,
        headers=dict(headers),
        correlation_id=correlation_id,
        reply_to=reply_to,
        message_id=message_id,
        message_type=type,
        timestamp=timestamp,
        user_id=user,
        app_id="heliograph-agent",
    )
