"""Looking at parked messages without losing or changing one, and taking single ones away.

A queue has no way to be read that leaves it alone: a message is got, and given back. A quorum queue
counts that, and drops a message that it has delivered more often than its delivery limit, which is
20 where nothing else is declared (RabbitMQ 4.0; RabbitMQ documentation, "Quorum Queues", "Poison
Message Handling"). From 4.3 on it no longer counts `basic.nack` (rabbitmq-server, pull request
15387), which is therefore how messages are given back here. An existing queue's limit cannot be
changed by those who declare it, so nothing is built on one: every message carries its count as
`x-delivery-count`, and when the first has reached `RENEW_AT`, what is in hand is published to the
queue's end again, and only when that is confirmed, acked. A renewed message counts from nought.

Where all messages of the queue are in hand, renewing keeps their order; of a longer queue the part
that is looked at goes behind the rest. Whoever dies between confirm and ack leaves a message twice.

What somebody else has in hand at that moment is not seen.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import structlog
from aiormq.exceptions import ChannelNotFoundEntity
from yarl import URL

from common.bus.deadline import bounded
from common.bus.depths import depths
from common.bus.in_hand import DeadLetter, Hand
from common.bus.link import Link
from common.bus.messages import BusError, BusUnavailable, Delivery
from common.bus.parked import renewed
from common.bus.subscription import AmqpDelivery
from common.bus.verdicts import Publisher

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST: Final = 1_000
"""Messages that one look takes, those included that are only passed by to get at others."""

RENEW_AT: Final = 5
"""A quarter of the least delivery limit, so that looks that fail half-way have room."""

_CAREFUL: Final = 2 * RENEW_AT

_FAILURES: Final = 3
"""Renewals that may fail in a row before a queue is left alone for a while."""

_SHUT: Final = 300.0
"""Seconds for which it is left alone then; twice as many after each further failure, as each look
brings its messages nearer to a delivery limit."""

_TOGETHER: Final = 100
"""Messages that are renewed at once: few enough to be confirmed within one publish deadline."""

_COUNT: Final = "x-delivery-count"


class NoSuchQueue(Exception):
    """The broker has no queue of this name: nothing was ever parked there."""


class DeadLetters:
    """Looks at parked messages, over a connection of its own for each look.

    Args:
        url: `amqp://` or `amqps://` URL.
        bus: publishes what is renewed.
        timeout: seconds for one look.
        now: seconds of a clock that only goes on.
    """

    def __init__(
        self,
        url: str,
        bus: Publisher,
        *,
        app: str = "health",
        timeout: float = 10.0,
        now: Callable[[], float] = time.monotonic,
    ):
        self._url = URL(url)
        self._bus = bus
        self._app = app
        self._timeout = timeout
        self._looking = asyncio.Lock()
        self._failures: Counter[str] = Counter()
        self._shut_until: dict[str, float] = {}
        self._now = now

    async def count(self, queues: Iterable[str]) -> Mapping[str, int]:
        """How many messages each queue has; those that do not exist are left out.

        Raises:
            BusUnavailable: the broker is away.
        """
        return await self._linked(lambda link: depths(link, queues))

    async def look(self, queue: str, *, limit: int) -> Sequence[DeadLetter]:
        """The messages at the head of a queue, which keeps them.

        Raises:
            NoSuchQueue: there is no such queue.
            BusUnavailable: the broker is away, or did not take what had to be renewed.
        """

        async def seen(hand: Hand) -> Sequence[DeadLetter]:
            return hand.letters

        return await self._held(queue, seen, limit=limit, strict=True)

    async def hold(
        self, queue: str, work: Callable[[Hand], Awaitable[T]], *, limit: int = MOST
    ) -> T:
        """Do something with the messages at the head of a queue; those that are left go back. It
        has to be done within the time-out of a look.

        Raises:
            NoSuchQueue: there is no such queue.
            BusUnavailable: the broker is away. What was done until then stays done.
        """
        return await self._held(queue, work, limit=limit, strict=False)

    async def _held(
        self, queue: str, work: Callable[[Hand], Awaitable[T]], *, limit: int, strict: bool
    ) -> T:
        """`strict`: that the rest could not be renewed counts for more than what came of it."""
        if self._now() < self._shut_until.get(queue, 0.0):
            raise BusUnavailable(f"{queue} is not looked at now, as renewing its messages fails")

        async def on(link: Link) -> T:
            channel = await link.side_channel()
            taken = await _take(channel, queue, min(limit, MOST))
            try:
                hand = Hand(taken, self._bus, waiting=lambda: _waiting(channel, queue))
                return await self._worked(queue, hand, work, strict=strict)
            finally:
                await _give_back(channel, queue)

        async with self._looking:  # Two at once would hide messages from each other.
            return await self._linked(on)

    async def _worked(
        self, queue: str, hand: Hand, work: Callable[[Hand], Awaitable[T]], *, strict: bool
    ) -> T:
        """What comes of the work. The rest is renewed however it ends: what fails over and over
        counts like any look."""
        try:
            return await work(hand)
        finally:
            try:
                await self._renew(queue, hand.deliveries)
            except BusUnavailable:
                if strict:
                    raise

    async def _renew(self, queue: str, taken: Sequence[Delivery]) -> None:
        """Publish what is in hand anew where one of it was given back too often."""
        if not any(_given_back(delivery) >= RENEW_AT for delivery in taken):
            return
        copies = [renewed(delivery, own_user=self._bus.user) for delivery in taken]
        results: list[BusError | None] = []
        for start in range(0, len(copies), _TOGETHER):
            results += await self._bus.publish_all(copies[start : start + _TOGETHER])
        for delivery, error in zip(taken, results, strict=True):
            if error is None:
                await delivery.ack()
        failed = next((error for error in results if error is not None), None)
        if failed is None:
            self._failures[queue] = 0
            return
        self._failures[queue] += 1
        if (further := self._failures[queue] - _FAILURES) >= 0:
            self._shut_until[queue] = self._now() + _SHUT * 2**further
        log.warning("dead_letters.not_renewed", queue=queue, error=str(failed))
        raise BusUnavailable("the messages could not be renewed") from failed

    async def _linked(self, work: Callable[[Link], Awaitable[T]]) -> T:
        async def linked() -> T:
            link = await Link.open(self._url, app=self._app)
            try:
                return await work(link)
            finally:
                await link.close()

        return await bounded(linked(), self._timeout)


async def _take(channel: Any, queue: str, limit: int) -> list[Delivery]:
    taken: list[Delivery] = []
    try:
        while len(taken) < limit:
            message = await channel.basic_get(queue)
            if message.delivery_tag is None:
                break
            taken.append(AmqpDelivery(message, queue))
            if _given_back(taken[-1]) >= _CAREFUL:
                break  # Looks have failed here; with few in hand this one is quick.
    except ChannelNotFoundEntity:
        raise NoSuchQueue(queue) from None
    return taken


async def _give_back(channel: Any, queue: str) -> None:
    """Give back all that is not acked, and wait until the broker has it: what a closed channel
    leaves counts as a failure on every release."""
    await channel.basic_nack(0, multiple=True, requeue=True)
    await _waiting(channel, queue)


async def _waiting(channel: Any, queue: str) -> int:
    return int((await channel.queue_declare(queue, passive=True)).message_count)


def _given_back(delivery: Delivery) -> int:
    value = delivery.headers.get(_COUNT, 0)
    return value if isinstance(value, int) else 0
