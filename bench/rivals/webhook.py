"""`python -m bench.rivals.webhook`: a bare aiohttp handler that publishes bodies with confirms."""

from __future__ import annotations

import asyncio
import os

import aio_pika
import uvloop
from aiohttp import web

from common.bus.topology import INBOUND_EXCHANGE, received_key


async def main() -> None:
    """Serve until killed."""
    connection = await aio_pika.connect_robust(os.environ["HELIOGRAPH_RABBITMQ_URL"])
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchange = await channel.get_exchange(INBOUND_EXCHANGE, ensure=False)
    key = received_key("acs")

    async def take(request: web.Request) -> web.Response:
        message = aio_pika.Message(
            await request.read(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
        )
        await exchange.publish(message, routing_key=key, mandatory=True)
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/webhooks/acs/sms", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["HELIOGRAPH_WEBHOOK_PORT"])).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
