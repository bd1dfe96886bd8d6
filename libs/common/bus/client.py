"""The RabbitMQ client: one supervised connection that declares, publishes and consumes.

The connection is rebuilt whole whenever any part of it breaks (a closed channel, a cancelled
consumer, a lost heartbeat): one path of recovery, exercised by every fault, instead of one per
fault. While it is away a publish fails at once, so that a caller can refuse instead of waiting.

Closing a consuming channel with acks in flight kills the connection, so a subscription is
cancelled, drained and acked before the bus is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from yarl import URL

from common.bus.counting import BusCounts
from common.bus.deadline import bounded, say
from common.bus.link import Link
from common.bus.messages import BusError, BusUnavailable, Outgoing
from common.bus.spans import published
from common.bus.subscription import Subscription
from common.bus.topology import Queue, Topology
from common.metrics import Metrics

log = structlog.get_logger(__name__)

_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to connect."""
_STEADY: Final = 5.0
"""A connection that lived so many seconds starts the pauses anew."""
_CANCEL_AGAIN = 3.0
"""Longer than closing a connection takes, which a second cancellation would cut short."""
_BLOCKED: Final = "RabbitMQ takes no messages: it is short of memory or disk."
_SETUP_SECONDS: Final = 30.0
_DECLARE_SECONDS: Final = 10.0


class Bus:
    """RabbitMQ, as the services see it.

    Args:
        url: `amqp://` or `amqps://` URL.
        app: name of the connection and `app_id` of its messages.
        topology: declared on every (re)connection.
        publish_deadline: seconds after which an unconfirmed publish counts as failed.
        connect_timeout: seconds for TCP, TLS and the AMQP handshake.
        heartbeat: AMQP heartbeat in seconds. A silent broker is given up after three of them.
            RabbitMQ advises 5 to 20 (RabbitMQ documentation, "Detecting Dead TCP Connections with
            Heartbeats and TCP Keepalives").
        metrics: told of the connection, of consumers and of publishes.
    """

    def __init__(
        self,
        url: str,
        *,
        app: str,
        topology: Topology | None = None,
        publish_deadline: float = 1.5,
        connect_timeout: float = 5.0,
        heartbeat: int = 5,
        metrics: Metrics | None = None,
    ):
        self.user = URL(url).user or "guest"
        self._url = URL(url).update_query(heartbeat=str(heartbeat))
        self._app = app
        self._topology = topology or Topology()
        self._deadline = publish_deadline
        self._connect_timeout = connect_timeout
        self._subscriptions: list[Subscription] = []
        self._attaching = asyncio.Lock()
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._last_error = "not connected yet"
        self._counts = BusCounts(metrics or Metrics(), connected=lambda: self._alive is not None)

    @property
    def problem(self) -> str | None:
        """Why nothing can be published now, in one sentence, or None where it can."""
        link = self._alive
        if link is None:
            return f"RabbitMQ is away: {self._last_error}."
        return _BLOCKED if link.blocked else None

    def start(self) -> None:
        """Begin connecting; returns at once."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="bus")

    async def ready(self) -> None:
        """Wait until the broker is connected and the topology declared."""
        await self._up.wait()

    async def subscribe(
        self, queue: str, *, prefetch: int, private: Queue | None = None
    ) -> Subscription:
        """Read a queue from now on, also over reconnections. `private` declares it as this
        connection's own, gone with it."""
        subscription = Subscription(queue, prefetch, private=private)
        async with self._attaching:
            self._subscriptions.append(subscription)
            self._counts.watch(self._subscriptions, subscription.label)
            link = self._alive
            if link is not None:
                try:
                    await bounded(link.attach(subscription), _SETUP_SECONDS)
                except BusUnavailable as error:
                    log.warning("bus.not_attached", queue=queue, error=str(error))
                    link.report_loss()
        return subscription

    async def declare(self, topology: Topology) -> None:
        """Declare exchanges and queues now.

        Raises:
            BusUnavailable: the broker did not confirm it in time, or has something else of that
                name.
        """
        link = self._alive
        if link is None:
            raise BusUnavailable(self.problem or "")
        await bounded(link.declare(topology), _DECLARE_SECONDS)

    async def publish(self, message: Outgoing) -> None:
        """Publish and wait until the broker has stored the message.

        Raises:
            BusUnavailable: away, frozen or blocked; whether it was stored is unknown.
            Unroutable: no queue is bound for it; not stored.
            PublishRefused: refused by the broker (a full queue), or not to be expressed in AMQP;
                not stored.
        """
        [error] = await self.publish_all([message])
        if error is not None:
            raise error

    async def publish_all(self, messages: Iterable[Outgoing]) -> list[BusError | None]:
        """Publish together and wait for all confirms; one result a message, in order. The errors
        are those of `publish`."""
        batch = list(messages)
        if self._alive is None:  # Nothing leaves: there is nothing to follow.
            return await self._publish(batch)
        return await published(batch, self._publish)

    async def _publish(self, batch: list[Outgoing]) -> list[BusError | None]:
        link = self._alive
        results: list[BusError | None] = [BusUnavailable(self.problem or "")] * len(batch)
        if link is not None:
            results = await link.publish(batch, self._deadline)
        self._counts.published(batch, results)
        return results

    async def close(self) -> None:
        """Close the connection. Cancel and drain subscriptions before.

        The supervisor is cancelled until it ends: the client library can swallow a cancellation
        that comes while it is connecting.
        """
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        while not supervisor.done():
            supervisor.cancel()
            await asyncio.wait({supervisor}, timeout=_CANCEL_AGAIN)
        self._last_error = "the bus was closed"

    @property
    def _alive(self) -> Link | None:
        return None if self._link is None or self._link.lost.is_set() else self._link

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._live_once()
                self._last_error = "the connection was lost"
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer is to reconnect
                self._last_error = str(error) if isinstance(error, BusError) else say(error)
            failures = 0 if loop.time() - began > _STEADY else failures + 1
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            log.warning("bus.down", error=self._last_error, retry_in_s=pause)
            await asyncio.sleep(pause)

    async def _live_once(self) -> None:
        """Connect, and stay until the connection is lost."""
        link = await bounded(Link.open(self._url, app=self._app), self._connect_timeout)
        try:
            await bounded(self._set_up(link), _SETUP_SECONDS)
            await link.lost.wait()
        finally:
            self._link = None
            self._up.clear()
            await link.close()

    async def _set_up(self, link: Link) -> None:
        await link.declare(self._topology)
        await link.begin_publishing(user=self.user, app=self._app)
        async with self._attaching:
            for subscription in self._subscriptions:
                await link.attach(subscription)
            self._link = link
        self._up.set()
        log.info("bus.up")
