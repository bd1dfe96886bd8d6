"""`python -m bench.rivals.processor`: insert, find the history, publish the turn, ack.

Up to 500 messages are in work at once, each in a callback of its own, over one connection of each
kind. A text that is known already is acked and dropped.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime
from typing import Any, Final

import aio_pika
import orjson
import uvloop
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError

from bench.texts import AGENT, HISTORY
from common.bus.topology import PROCESSOR_QUEUE
from common.store.records import conversation_id, inbound_id, turn_id
from common.store.schema import MESSAGES
from heliograph import wire

PREFETCH: Final = 500
_FIELDS: Final = {"direction": True, "body": True, "at": True, "status": True}


async def main() -> None:
    """Work until killed."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        os.environ["HELIOGRAPH_MONGODB_URI"], tz_aware=True, w="majority", journal=True
    )
    messages = client[os.environ["HELIOGRAPH_MONGODB_DATABASE"]][MESSAGES]
    connection = await aio_pika.connect_robust(os.environ["HELIOGRAPH_RABBITMQ_URL"])
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.set_qos(prefetch_count=PREFETCH)
    agents = await channel.get_exchange(wire.AGENTS_EXCHANGE, ensure=False)
    queue = await channel.get_queue(PROCESSOR_QUEUE, ensure=False)

    async def handle(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        document = _document(orjson.loads(message.body))
        try:
            await messages.insert_one(document)
        except DuplicateKeyError:
            await message.ack()
            return
        past = (
            messages.find(
                {
                    "conversation_id": document["conversation_id"],
                    "in_history": True,
                    "_id": {"$ne": document["_id"]},
                },
                _FIELDS,
            )
            .sort([("at", -1), ("seq", -1)])
            .limit(HISTORY)
        )
        turn = _turn(document, await past.to_list(HISTORY))
        await agents.publish(
            aio_pika.Message(
                orjson.dumps(turn, option=orjson.OPT_UTC_Z),
                content_type=wire.CONTENT_TYPE,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=turn["turn_id"],
                type=wire.TYPE_TURN,
            ),
            routing_key=wire.turn_key(document["tenant_id"], document["agent_id"]),
            mandatory=True,
        )
        await message.ack()

    await queue.consume(handle)
    await asyncio.Event().wait()


def _document(event: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(event["at"])
    return {
        "_id": inbound_id(event["tenant_id"], event["provider"], event["provider_message_id"]),
        "tenant_id": event["tenant_id"],
        "conversation_id": conversation_id(event["tenant_id"], event["number"], event["remote"]),
        "direction": "INBOUND",
        "provider": event["provider"],
        "provider_message_id": event["provider_message_id"],
        "connection_id": event["connection_id"],
        "agent_id": AGENT,
        "number": event["number"],
        "remote": event["remote"],
        "body": event["body"],
        "segments": event["segments"],
        "at": at,
        "seq": int(at.timestamp() * 1000),
        "status": "received",
        "in_history": True,
    }


def _turn(document: dict[str, Any], past: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "v": wire.VERSION,
        "turn_id": turn_id(document["_id"]),
        "seq": document["seq"],
        "tenant_id": document["tenant_id"],
        "agent_id": document["agent_id"],
        "connection_id": document["connection_id"],
        "number": document["number"],
        "remote": document["remote"],
        "message": {
            "id": document["_id"],
            "body": document["body"],
            "at": document["at"],
            "segments": document["segments"],
        },
        "history": [
            {
                "id": text["_id"],
                "direction": text["direction"],
                "body": text["body"],
                "at": text["at"],
                "status": text["status"],
            }
            for text in reversed(past)
        ],
        "keyword": None,
        "can_send": True,
        "cannot_send_reason": None,
    }


if __name__ == "__main__":
    uvloop.run(main())
