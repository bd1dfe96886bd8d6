"""Messages that nobody can read, among those that everybody can."""

from __future__ import annotations

import uuid

from scene import World

from common.bus.client import Bus
from common.bus.messages import Outgoing
from common.bus.topology import INBOUND_EXCHANGE, received_key
from common.events import SmsReceived
from heliograph import wire
from heliograph.models import SendCommand


async def nothing(_: World) -> None:
    """Nothing comes."""


async def unreadable_event(world: World) -> None:
    """Publish an event that the processor cannot read."""
    await _publish(world, world.bus, INBOUND_EXCHANGE, received_key("acs"), SmsReceived.type)


async def unreadable_command(world: World) -> None:
    """Publish, as the agent, a command of which the sender can read no more than its ID."""
    key = wire.send_key(world.seed.tenant_id, world.seed.agent_id)
    bus = Bus(world.agent_url, app="agent", publish_deadline=10)
    bus.start()
    try:
        await bus.ready()
        await _publish(world, bus, wire.COMMANDS_EXCHANGE, key, SendCommand.type)
    finally:
        await bus.close()


async def _publish(world: World, bus: Bus, exchange: str, key: str, kind: str) -> None:
    message_id = uuid.uuid4().hex
    body = f'{{"v": 99, "command_id": "{message_id}"}}'.encode()
    world.to_be_parked.add(message_id)
    await bus.publish(
        Outgoing(exchange=exchange, key=key, body=body, type=kind, message_id=message_id)
    )
