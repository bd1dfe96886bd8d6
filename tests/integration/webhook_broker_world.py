"""A webhook on a real broker, in this process or as a process of its own."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiohttp
import orjson

from common.bus import topology
from common.bus.client import Bus
from common.metrics import Metrics
from common.store.records import RegisteredNumber
from local.nodes import ports
from webhook.auth import Doorkeeper
from webhook.callbacks import CallbackDoor
from webhook.intake import Intake
from webhook.server import ACS_PATH, Server

OURS = "+18005550100"


def event(number: int, to: str = OURS) -> dict[str, Any]:
    """An inbound text; `number` makes it another one."""
    message_id = f"Incoming_20200918002745d29ebbea-3341-4466-9690-{number:012d}"
    return {
        "id": message_id,
        "eventType": "Microsoft.Communication.SMSReceived",
        "eventTime": "2020-09-18T00:27:47Z",
        "data": {"messageId": message_id, "from": "15551230001", "to": to, "message": "Hello"},
    }


class OneNumber:
    """Knows one number and needs no store."""

    async def find(self, address: str) -> RegisteredNumber | None:
        return RegisteredNumber(
            tenant_id="acme",
            connection_id="con-1",
            provider="acs",
            address=address,
            agent_id="helper",
        )

    async def find_for(self, tenant_id: str, address: str) -> RegisteredNumber | None:
        return await self.find(address)


async def post(session: aiohttp.ClientSession, url: str, content: Any) -> tuple[int, str]:
    """Status and problem code of a delivery's answer."""
    async with session.post(url, data=io.BytesIO(orjson.dumps(content))) as response:
        body = await response.read()
        return response.status, orjson.loads(body)["code"] if body else ""


async def until_taken(session: aiohttp.ClientSession, url: str, content: Any) -> None:
    """Deliver until it is taken, as Event Grid does."""
    async with asyncio.timeout(60):
        while (await post(session, url, content))[0] != 200:  # noqa: ASYNC110 - as Event Grid
            await asyncio.sleep(0.1)


class NoConnections:
    """Nobody calls back."""

    async def find(self, key: str) -> None: ...
    async def renewed(self, key: str) -> None: ...


def no_callbacks() -> CallbackDoor:
    return CallbackDoor({}, NoConnections(), None, public_url="")


@asynccontextmanager
async def webhook(rabbitmq_url: str, **options: Any) -> AsyncIterator[tuple[Any, str]]:
    """A client session and the URL of a webhook in this process, its bus connected."""
    bus = Bus(rabbitmq_url, app="webhook", topology=topology.SERVICES)
    metrics = Metrics()
    server = Server(
        Intake(bus, OneNumber(), metrics),
        Doorkeeper(secret=None, entra=None),
        no_callbacks(),
        metrics,
        **{"deadline": 1.8, "body_limit": 1_572_864, "concurrency": 256} | options,
    )
    bus.start()
    try:
        async with asyncio.timeout(30):
            await bus.ready()
        await server.start("127.0.0.1", 0)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield session, f"http://127.0.0.1:{server.port}{ACS_PATH}"
    finally:
        await server.stop()
        await bus.close()


async def stored(rabbitmq_url: str, queue: str = topology.PROCESSOR_QUEUE) -> list[Any]:
    """Take everything out of a queue; the bodies."""
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection, connection.channel() as channel:
        source = await channel.get_queue(queue, ensure=False)
        found = []
        while (message := await source.get(no_ack=True, fail=False)) is not None:
            found.append(orjson.loads(message.body))
        return found


def ids(bodies: Sequence[Mapping[str, Any]]) -> list[str]:
    return [body["provider_message_id"] for body in bodies]


class Process:
    """`python -m webhook`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, management: int):
        self.process = process
        self.url = f"http://127.0.0.1:{port}{ACS_PATH}"
        self.management = f"http://127.0.0.1:{management}"

    async def ready(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(60):
            while not await self._is_ready(session):  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(0.1)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.management}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False


@asynccontextmanager
async def webhook_process(
    rabbitmq_url: str, mongodb_uri: str, database: str, **settings: str
) -> AsyncIterator[Process]:
    port, management = ports.choose(), ports.choose()
    environment = {
        "RABBITMQ_URL": rabbitmq_url,
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database,
        "WEBHOOK_HOST": "127.0.0.1",
        "WEBHOOK_PORT": str(port),
        "MANAGEMENT_HOST": "127.0.0.1",
        "MANAGEMENT_PORT": str(management),
        "NUMBERS_REFRESH": "3600",
    } | {name.upper(): value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "webhook",
        env=os.environ | {f"HELIOGRAPH_{name}": value for name, value in environment.items()},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process, port, management)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
