"""What a person can do with a stage that stays up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console

from common.providers.specs import SPECS
from local.simulator import Simulator
from local.stage import Stage
from local.timeline import pretty

_BROKEN: Final = "YnJva2Vu"


def show_next_steps(console: Console, running: Stage) -> None:
    """Print addresses, and the commands that text and break."""
    scene, simulator = running.scene, running.simulator
    console.print("\n Everything stays up until Ctrl-C.\n")
    console.print(
        " [bold]Console[/bold]  (this link signs you in once; later sign in with the key)"
    )
    console.print(f"   {running.welcome.sign_in_url}", soft_wrap=True)
    console.print(f"   {running.welcome.key}\n", soft_wrap=True)
    for line in _second_number(running):
        console.print(line, soft_wrap=True)
    for name, address in _addresses(running).items():
        console.print(f"   {name:<18} {address}", soft_wrap=True)
    console.print(
        f"\n Text {pretty(scene.number)} again, or the second number once it is connected:\n"
    )
    body = '{"from": "%s", "to": "%s", "body": "Do you have parking?"}'
    payload = body % (scene.remote, scene.number)
    console.print(f"   curl -d '{payload}' {simulator.url}/simulator/texts\n", soft_wrap=True)
    console.print(
        " Break the credentials, then look at the connection (the second call mends it):\n"
    )
    for line in _breaking(running):
        console.print(line, soft_wrap=True)
    console.print("\n Follow a text through every service, by the ID on its page in the console:\n")
    console.print("   make follow ID=…\n")


def _second_number(running: Stage) -> Iterator[str]:
    """Of ACS in a connection of its own; where texts go to the address of a connection, in that."""
    account = running.account
    if isinstance(running.simulator, Simulator):
        yield f" Connect a second number in it: choose {account.title}, and give"
        yield f"   connection string  {running.seed.connection_string}"
    else:
        yield f" Connect a second number in it, to {SPECS[account.provider].title}'s connection:"
    yield f"   number             {account.second_number}\n"


def _addresses(running: Stage) -> dict[str, str]:
    return {
        "webhook": running.house.webhook_url
        if isinstance(running.simulator, Simulator)
        else f"{running.house.public_url}/api/webhooks/{running.account.provider}/…",
        "API": f"{running.house.console_url}/api/v1",
        "simulator": f"{running.simulator.url}/simulator/health",
        "RabbitMQ": running.servers.rabbitmq_url,
        "MongoDB": f"{running.servers.mongodb_uri} (database {running.servers.database})",
    } | {
        f"{service.name} metrics": f"http://127.0.0.1:{service.management_port}/metrics"
        for service in running.house.services.values()
    }


def _breaking(running: Stage) -> Iterator[str]:
    simulator, secret = running.simulator, running.account.secret
    of_acs = isinstance(simulator, Simulator)
    place, name = ("key", "access_key") if of_acs else ("secret", "secret")
    for value in (_BROKEN, secret):
        order = f'{{"{name}": "{value}"}}'
        yield f"   curl -X PUT -d '{order}' {simulator.url}/simulator/{place}"
