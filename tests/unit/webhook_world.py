"""What the webhook's tests share: payloads of the published shapes, and stand-ins for what is
behind the webhook."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from common.bus.messages import BusError, Outgoing
from common.errors import StoreUnavailable
from common.metrics import Metrics
from common.store.records import CalledConnection, RegisteredNumber
from webhook.auth import Doorkeeper
from webhook.callbacks import CallbackDoor
from webhook.intake import Intake
from webhook.server import ACS_PATH, Server

OURS = "+18005550100"
THEIRS = "+15551230001"


def registered(address: str = OURS) -> RegisteredNumber:
    return RegisteredNumber(
        tenant_id="acme",
        connection_id="con-1",
        provider="acs",
        address=address,
        agent_id="helper",
    )


class FakeBus:
    """Keeps what is published. `fault` fails every publish; `hold` keeps it waiting."""

    user = "webhook"

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self.fault: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        await self.open.wait()
        if isinstance(self.fault, BusError):
            return [self.fault for _ in messages]
        if self.fault is not None:
            raise self.fault
        self.messages.extend(messages)
        return [None for _ in messages]

    def bodies(self) -> list[Any]:
        return [orjson.loads(message.body) for message in self.messages]


class FakeNumbers:
    """Knows some numbers; `away` stands for a store that does not answer."""

    def __init__(self, addresses: Iterable[str] = (OURS, "+15555555555")):
        self.numbers = {address: registered(address) for address in addresses}
        self.short: dict[tuple[str, str], RegisteredNumber] = {}
        self.away = False

    async def find_for(self, tenant_id: str, address: str) -> RegisteredNumber | None:
        number = await self.find(address)
        if number is not None and number.tenant_id == tenant_id:
            return number
        return self.short.get((tenant_id, address))

    async def find(self, address: str) -> RegisteredNumber | None:
        if (number := self.numbers.get(address)) is None and self.away:
            raise StoreUnavailable("away")
        return number


class World:
    """A webhook on a port of this machine."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, metrics: Metrics):
        self.session = session
        self.server = server
        self.url = f"http://127.0.0.1:{server.port}{ACS_PATH}"
        self.metrics = metrics

    async def post(self, content: Any, **options: Any) -> tuple[int, Any]:
        """Status and JSON body (None where there is none) of a delivery's answer."""
        data = content if isinstance(content, bytes) else orjson.dumps(content)
        params = options.pop("query", None)
        async with self.session.post(
            self.url, data=io.BytesIO(data), params=params, **options
        ) as response:
            body = await response.read()
            return response.status, orjson.loads(body) if body else None

    def counted(self, kind: str, result: str) -> float:
        labels = {"type": kind, "result": result}
        name = "heliograph_webhook_events_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class FakeConnections:
    """Knows live connections by ID: what is told at once, and what is told when asked anew."""

    def __init__(self, *connections: CalledConnection):
        self.known = {it.connection_id: (it,) for it in connections}
        self.newer: dict[str, tuple[CalledConnection, ...]] = {}
        self.away = False

    async def find(self, key: str) -> tuple[CalledConnection, ...] | None:
        if key not in self.known:
            return await self.renewed(key)
        return self.known[key]

    async def renewed(self, key: str) -> tuple[CalledConnection, ...] | None:
        if self.away:
            raise StoreUnavailable("away")
        return self.newer.get(key, self.known.get(key))


def no_callbacks() -> CallbackDoor:
    """A webhook that nobody calls back."""
    return CallbackDoor({}, FakeConnections(), None, public_url="")


@asynccontextmanager
async def webhook(
    bus: FakeBus,
    numbers: FakeNumbers | None = None,
    doorkeeper: Doorkeeper | None = None,
    callbacks: CallbackDoor | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    metrics = Metrics()
    settings = {"deadline": 1.8, "body_limit": 1_572_864, "concurrency": 256} | options
    server = Server(
        Intake(bus, numbers or FakeNumbers(), metrics),
        doorkeeper or Doorkeeper(secret=None, entra=None),
        callbacks or no_callbacks(),
        metrics,
        **settings,
    )
    await server.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield World(session, server, metrics)
    finally:
        bus.open.set()
        await server.stop()


def received_data(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "messageId": f"Incoming_20200918002745d29ebbea-3341-4466-9690-{number:012d}",
        "from": THEIRS.removeprefix("+"),
        "to": OURS.removeprefix("+"),
        "message": "Is the heating on?",
        "receivedTimestamp": "2020-09-18T00:27:45.3212345Z",
        "segmentCount": 1,
    } | changes


def report_data(**changes: Any) -> dict[str, Any]:
    return {
        "messageId": "Outgoing_202009180022138813a09b-0cbf-4304-9b03-1546683bb910",
        "from": OURS.removeprefix("+"),
        "to": THEIRS,
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "No error.",
        "receivedTimestamp": "2020-09-18T00:22:20.2855749Z",
        "deliveryAttempts": [
            {"timestamp": "2020-09-18T00:22:14Z", "segmentsSucceeded": 1, "segmentsFailed": 0}
        ],
        "Tag": "a customer's own tag",
    } | changes


def pascal(value: Any) -> Any:
    """The value with every property name capitalised, as in the older samples."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: pascal(item) for name, item in value.items()}
    return [pascal(item) for item in value] if isinstance(value, list) else value


def event_grid(data: Any, kind: str = "Microsoft.Communication.SMSReceived") -> dict[str, Any]:
    return {
        "id": data.get("messageId", "an-id") if isinstance(data, dict) else "an-id",
        "topic": "/subscriptions/x/resourcegroups/y/providers/microsoft.communication/z",
        "subject": "/phonenumber/18005550100",
        "data": data,
        "eventType": kind,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2020-09-18T00:27:47Z",
    }


def cloud_event(data: Any, kind: str = "Microsoft.Communication.SMSReceived") -> dict[str, Any]:
    return {
        "id": data.get("messageId", "an-id") if isinstance(data, dict) else "an-id",
        "source": "/subscriptions/x/resourcegroups/y/providers/microsoft.communication/z",
        "subject": "/phonenumber/18005550100",
        "data": data,
        "type": kind,
        "time": "2020-09-18T00:27:47.0000000Z",
        "specversion": "1.0",
    }


REPORT = "Microsoft.Communication.SMSDeliveryReportReceived"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
