"""What tests of moving a number share: an agent's text through the sender, over the store of a
world of connections."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from connection_world import ADMIN, NUMBER, TENANT, World

from common.failpoints import Failpoints
from common.lifecycle import Runtime
from common.management import Management
from common.metrics import Metrics
from common.secrets import generate_master_key
from heliograph.models import SendCommand
from sender.app import build_handler
from sender.clients import Clients
from sender.handler import Handler
from sender.settings import SenderSettings

REMOTE = "+12065550147"


async def allow(world: World, *features: str) -> None:
    await world.tenants.update(TENANT, features=features, version=None, by=ADMIN.actor)


class Nowhere:
    """Where the outcomes of these texts go."""

    user = "sender"

    async def publish_all(self, messages: Sequence[object]) -> list[None]:
        return [None] * len(messages)


def sender(world: World, clients: Clients) -> Handler:
    """The sender's handler over the same store and providers."""
    settings = SenderSettings(
        rabbitmq_url="amqp://nowhere",
        mongodb_uri="mongodb://nowhere",
        master_key=generate_master_key(),
        trust_command_identity=True,
        sender_retry_in_place_max=0,
    )
    metrics = Metrics()
    management = Management(metrics, host="127.0.0.1", port=0)
    runtime = Runtime("sender", metrics, management, Failpoints(), replica="a")
    return build_handler(settings, runtime, world.database, cast("Any", Nowhere()), clients)


async def answer(
    world: World,
    command_id: str,
    in_reply_to: str | None = None,
    *,
    number: str = NUMBER,
    public_url: str = "",
) -> None:
    """An agent's text, through the sender. `public_url` is where reports on it go."""
    order = SendCommand(
        command_id=command_id,
        tenant_id=TENANT,
        agent_id="support",
        number=number,
        to=REMOTE,
        body=f"Answer {command_id}",
        in_reply_to=in_reply_to,
    )
    clients = Clients(
        world.connections, world.providers, world.keys, size=2, timeout=5, public_url=public_url
    )
    delivery = SimpleNamespace(
        body=order.encode(),
        headers={},
        user_id=f"{TENANT}.support",
        routing_key=f"{TENANT}.support.send",
        queue="sender.commands",
        message_id=command_id,
        redelivered=False,
        published_at=None,
        correlation_id=None,
        reply_to=None,
        type="command.send",
        stale=False,
    )
    try:
        await sender(world, clients).handle(cast("Any", delivery))
    finally:
        await clients.close()
