"""`python -m local.demo`: the demo agent of Compose's profile `demo`, beside services that run.

Makes the simulated account known as an administrator would (tenant, agent, connection, number),
gives the agent a broker user of its own, subscribes the webhook to the simulator's events, and
answers texts until SIGTERM. Started again it does the same again, which changes nothing but the
agent's password.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Final

import aiohttp
from pydantic import Field, SecretStr
from yarl import URL

from common.bus.client import Bus
from common.bus.rights import agent_rights
from common.secrets import MasterKeys
from common.settings import load_or_exit
from common.store.client import open_database
from health.desk.broker_users import open_broker_users
from health.settings import HealthSettings
from heliograph import Outcome, Report, Turn
from local.demo_agent import Event, front_desk
from local.seed import Seed, plant

_BUS_USER: Final = "front-desk"
_WEBHOOK_PATH: Final = "/api/webhooks/acs/sms"


class DemoSettings(HealthSettings):
    """Those of the health service, which may make broker users, and the webhook's secrets."""

    rabbitmq_management_url: SecretStr = Field(description="As the health service has it.")
    webhook_secrets: SecretStr = Field(description="As the webhook has them.")


async def run(settings: DemoSettings, *, simulator: str, endpoint: str, webhook: str) -> None:
    """Make everything known, then answer until a signal asks to end."""
    seed = Seed(bus_user=_BUS_USER, endpoint=endpoint)
    await _make_known(settings, seed)
    secret = settings.webhook_secrets.get_secret_value().split(",")[0].strip()
    await _subscribe(simulator, f"{webhook}{_WEBHOOK_PATH}?code={secret}")
    agent = front_desk(
        await _agent_url(settings, seed),
        tenant_id=seed.tenant_id,
        agent_id=seed.agent_id,
        on_event=_tell,
    )
    serving = asyncio.create_task(agent.serve())
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    _say(f"the agent {seed.tenant_id}/{seed.agent_id} answers texts to {seed.number}")
    waiting = asyncio.create_task(ended.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await agent.stop()
    await serving


async def _make_known(settings: DemoSettings, seed: Seed) -> None:
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    bus = Bus(settings.rabbitmq_url.get_secret_value(), app="local")
    bus.start()
    try:
        await bus.ready()
        keys = MasterKeys.parse(settings.master_key.get_secret_value())
        await plant(seed, database=database, bus=bus, keys=keys)
    finally:
        await bus.close()
        database.close()


async def _agent_url(settings: DemoSettings, seed: Seed) -> str:
    """Of the agent's own broker user, with the rights of docs/agents.md and no more."""
    rabbitmq = settings.rabbitmq_url.get_secret_value()
    management = settings.rabbitmq_management_url.get_secret_value()
    async with open_broker_users(management, rabbitmq) as users:
        rights = agent_rights(seed.tenant_id, seed.agent_id)
        password = await users.provision(seed.bus_user, rights)
    return str(URL(rabbitmq).with_user(seed.bus_user).with_password(password))


async def _subscribe(simulator: str, url: str) -> None:
    """Have Event Grid's stand-in deliver to the webhook, which proves itself in a handshake."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.post(f"{simulator}/simulator/subscriptions", json={"url": url})


def _tell(event: Event) -> None:
    if isinstance(event, Turn):
        _say(f"the agent reads “{event.message.body}”")
    elif isinstance(event, Report):
        _say(f"the provider reports: {event.status}")
    else:
        outcome = event if isinstance(event, Outcome) else event.outcome
        _say(f"the agent's answer “{outcome.body}” is {outcome.status}")


def _say(line: str) -> None:
    sys.stdout.write(f"demo: {line}\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--simulator", required=True, metavar="URL", help="as this process sees it")
    parser.add_argument(
        "--endpoint", default=Seed().endpoint, metavar="URL", help="as sender and health see it"
    )
    parser.add_argument("--webhook", required=True, metavar="URL", help="as the simulator sees it")
    return parser.parse_args()


def main() -> None:
    """Run until SIGTERM."""
    arguments = _arguments()
    settings = load_or_exit(DemoSettings)
    given = {name: getattr(arguments, name) for name in ("simulator", "endpoint", "webhook")}
    asyncio.run(run(settings, **given))


if __name__ == "__main__":
    main()
