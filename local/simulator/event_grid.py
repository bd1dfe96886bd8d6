"""Event Grid as a whole: subscriptions come and go, published events reach all of them."""

import asyncio
import random
import uuid

import aiohttp
import orjson

from local.simulator.clock import now, ticks
from local.simulator.courier import Courier, Letter
from local.simulator.events import SUBSCRIPTION, TOPIC, Event
from local.simulator.journal import Journal
from local.simulator.subscriptions import Subscription, shake_hands


class EventGrid:
    """Keeps one courier per subscription. Endpoints get `delivery_timeout` real seconds each."""

    def __init__(
        self, journal: Journal, *, time_scale: float, delivery_timeout: float, seed: int | None
    ) -> None:
        self._journal = journal
        self._time_scale = time_scale
        self._timeout = aiohttp.ClientTimeout(total=delivery_timeout)
        self._dice = random.Random(seed)  # noqa: S311 -- jitter is no secret
        self._couriers: dict[str, Courier] = {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def pending(self) -> int:
        """Count events neither delivered nor dropped yet."""
        return sum(courier.pending for courier in self._couriers.values())

    @property
    def subscriptions(self) -> list[Subscription]:
        """Give all subscriptions."""
        return [courier.subscription for courier in self._couriers.values()]

    async def subscribe(self, subscription: Subscription) -> None:
        """Create or replace a subscription; raises HandshakeFailed and then changes nothing."""
        session = self._open_session()
        await shake_hands(session, subscription, time_scale=self._time_scale)
        courier = Courier(
            subscription,
            session=session,
            journal=self._journal,
            time_scale=self._time_scale,
            dice=self._dice,
        )
        former = self._couriers.get(subscription.name)
        self._couriers[subscription.name] = courier
        self._journal.record("subscribed", subscription=subscription.facts())
        if former:
            await former.close()

    async def unsubscribe(self, name: str, *, notify: bool = False) -> None:
        """End a subscription; raises KeyError. `notify` sends the deletion notice first."""
        courier = self._couriers.pop(name)
        await courier.close()
        self._journal.record("unsubscribed", name=name)
        if notify:
            await self._notify_deletion(courier.subscription)

    async def publish(self, event: Event, *, copies: int = 1, delay: float = 0.0) -> list[Letter]:
        """Hand an event to every subscription that wants it, `copies` times."""
        return [
            await courier.accept(event, delay)
            for courier in list(self._couriers.values())
            if courier.subscription.wants(event.type)
            for _ in range(copies)
        ]

    async def publish_and_wait(self, event: Event, *, copies: int = 1) -> None:
        """Publish, and wait until each first attempt has its answer."""
        letters = await self.publish(event, copies=copies)
        await asyncio.gather(*(letter.tried.wait() for letter in letters))

    async def close(self) -> None:
        """Stop all deliveries."""
        for courier in self._couriers.values():
            await courier.close()
        self._couriers.clear()
        if self._session:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        """Make the session on first use, inside the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # The couriers' workers are the limit.
                timeout=self._timeout,
                skip_auto_headers=("User-Agent",),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _notify_deletion(self, subscription: Subscription) -> None:
        """Send the notice that endpoints get on deletion; best effort.

        Microsoft docs name its `aeg-event-type`; the event's form is known from public code that
        receives it.
        """
        notice = {
            "id": str(uuid.uuid4()),
            "topic": TOPIC,
            "subject": "",
            "data": {
                "eventSubscriptionId": f"{SUBSCRIPTION}/providers/microsoft.eventgrid"
                f"/eventsubscriptions/{subscription.name}"
            },
            "eventType": "Microsoft.EventGrid.SubscriptionDeletedEvent",
            "dataVersion": "1",
            "metadataVersion": "1",
            "eventTime": ticks(now()),
        }
        try:
            async with self._open_session().post(
                subscription.target,
                data=orjson.dumps([notice]),
                headers=subscription.notice_headers("SubscriptionDeletion"),
                allow_redirects=False,
            ) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError):
            self._journal.record("notice_lost", subscription=subscription.name)
