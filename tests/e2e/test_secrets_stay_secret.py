"""Canaries on the whole way of a text, through its faults too; then every sink is searched."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

import aiohttp
import orjson
from promises import check_promises
from scene import PARKED, World
from witnesses import Fate
from yarl import URL

from common.bus.messages import Outgoing
from heliograph import wire
from local.house import SERVICES
from local.seed import ACCESS_KEY
from local.simulator import events

PATIENCE: Final = 30.0


async def test_no_number_text_or_secret_is_in_logs_metrics_or_headers(world: World) -> None:
    """Services log at level debug. Errors of the provider, unreadable events and malformed commands
    quote the canaries, as such errors do."""
    await world.ensure(*SERVICES)
    canary, phone = f"canary-{secrets.token_hex(8)}", world.new_phone()
    parked = await provoke_faults(world, canary, phone)
    await check_promises(world)
    sinks = {
        **{path.name: path.read_text() for path in world.house.base_dir.glob("*.log")},
        **{f"metrics of {name}": await metrics_of(world, name) for name in SERVICES},
        "headers of what agents read": str([item.headers for item in world.spy.seen]),
        "headers of what was parked": str(parked),
    }
    # What provokes errors did so, or the search would prove nothing.
    assert sinks["sender.log"].count("send.not_accepted") >= 3
    assert "event.parked" in sinks["webhook.log"]
    assert "message.parked" in sinks["sender.log"]
    hidden = {
        "the text": canary,
        "the remote's number": phone.removeprefix("+"),
        "our number": world.seed.number.removeprefix("+"),
        "the access key": ACCESS_KEY,
        "the webhook's secret": world.secret,
        "the master key": world.house.address.master_key.rpartition(":")[2],
        "the broker's password": URL(world.house.address.rabbitmq_url).password or "",
    }
    found = [
        f"{what} in {sink}"
        for sink, content in sinks.items()
        for what, secret in hidden.items()
        if secret in content
    ]
    assert all(hidden.values())
    assert not found


async def provoke_faults(world: World, canary: str, phone: str) -> list[Any]:
    """Send the canaries on every way there is; gives the headers of what was parked."""
    details = f"could not send {canary} from {world.seed.number} to {phone}; accesskey={ACCESS_KEY}"
    for name, parameters in {
        "recipient_error": {"error_message": f"to {phone} from {world.seed.number}"},
        "error_after_accept": {},
        "garbage": {"body": details},
    }.items():
        world.simulator.fault(name, phone=phone, count=1, **parameters)
        await world.text(f"{canary} {name}", phone=phone)
        await world.notebook.wait_for_texts(world.sent[-1:], PATIENCE)
    world.simulator.fault("failed_reports", phone=phone, count=1, details=f"4004: {phone} {canary}")
    await world.text(f"{canary} undelivered", phone=phone, fate=Fate.UNDELIVERED)
    await world.notebook.wait_for_texts(world.sent[-1:], PATIENCE)
    await world.text("STOP", phone=phone, fate=Fate.SILENT)
    await knock_without_the_secret(world, canary, phone)
    return await park_something(world, canary, phone)


async def park_something(world: World, canary: str, phone: str) -> list[Any]:
    """An event and a command that nobody can read; gives the headers with which they are parked."""
    before = len(world.parked.seen)
    await world.simulator.publish(
        {
            "id": canary,
            "eventType": events.RECEIVED,
            "subject": f"/phonenumber/{world.seed.number}",
            "data": {"from": phone, "to": [canary], "message": canary},
            "eventTime": phone,
        }
    )
    command = {"v": 1, "number": world.seed.number, "to": [[phone]], "body": canary}
    await world.bus.publish(
        Outgoing(
            exchange=wire.COMMANDS_EXCHANGE,
            key=wire.send_key(world.seed.tenant_id, world.seed.agent_id),
            body=orjson.dumps(command),
            type=wire.TYPE_SEND,
            message_id=secrets.token_hex(8),
        )
    )
    async with asyncio.timeout(PATIENCE):
        parked = (await world.parked.wait_for(before + 2))[before:]
    world.to_be_parked |= {delivery.message_id for delivery in parked}
    assert {delivery.queue for delivery in parked} == set(PARKED)
    return [delivery.headers for delivery in parked]


async def knock_without_the_secret(world: World, canary: str, phone: str) -> None:
    """Strangers' deliveries, and bodies that are nothing."""
    async with aiohttp.ClientSession() as session:
        for code, body in (("wrong", canary), (world.secret, f"{canary} {phone}")):
            async with session.post(
                world.house.webhook_url, params={"code": code}, data=body
            ) as answer:
                assert answer.status in (400, 401, 403)


async def metrics_of(world: World, name: str) -> str:
    """What Prometheus would read."""
    url = f"http://127.0.0.1:{world.service(name).management_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        return await answer.text()
