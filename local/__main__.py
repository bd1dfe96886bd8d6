"""`python -m local run` stays up after the conversation; `python -m local demo` ends by itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console

from local.follow import follow
from local.house import ServiceDidNotStart
from local.nodes import NodeError
from local.play import StepFailed, play
from local.seed import ACCESS_KEY, FREE_NUMBER
from local.stage import Ports, Stage, stage
from local.timeline import Timeline, pretty

BASE_DIR: Final = Path(".local") / "stage"
EXIT_STEP_FAILED: Final = 1
EXIT_CANNOT_START: Final = 2
EXIT_INTERRUPTED: Final = 130


def main() -> int:
    """The exit code: 0, 1 (a step did not happen), 2 (something cannot start), 130 (Ctrl-C)."""
    arguments = _arguments()
    logging.getLogger().addHandler(logging.NullHandler())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    chosen = Ports(
        webhook=arguments.webhook_port,
        console=arguments.console_port,
        simulator=arguments.simulator_port,
        management=arguments.management_port,
    )
    try:
        return asyncio.run(_run(console, chosen, arguments.dir, stays=arguments.mode == "run"))
    except (NodeError, ServiceDidNotStart) as error:
        sys.stderr.write(f"heliograph: {error}\n")
        return EXIT_CANNOT_START
    except StepFailed as error:
        sys.stderr.write(f"heliograph: {error} The logs are in {arguments.dir / 'logs'}.\n")
        return EXIT_STEP_FAILED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("mode", choices=["run", "demo"])
    parser.add_argument("--dir", type=Path, default=BASE_DIR, help="where logs and data go")
    parser.add_argument("--webhook-port", type=int, default=8080)
    parser.add_argument("--console-port", type=int, default=8081)
    parser.add_argument("--simulator-port", type=int, default=8500)
    parser.add_argument("--management-port", type=int, default=9090)
    return parser.parse_args()


async def _run(console: Console, chosen: Ports, base_dir: Path, *, stays: bool) -> int:
    performance = asyncio.create_task(_perform(console, chosen, base_dir, stays=stays))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, performance.cancel)
    try:
        await performance
    except asyncio.CancelledError:
        return 0 if stays else EXIT_INTERRUPTED
    return 0


async def _perform(console: Console, chosen: Ports, base_dir: Path, *, stays: bool) -> None:
    timeline = Timeline(console)
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Starting RabbitMQ, MongoDB, the four services and the simulator …"):
            running = await stack.enter_async_context(stage(base_dir, chosen, timeline))
        stack.callback(console.print, "\n Stopped: no process is left behind.", style="dim")
        await play(running.scene)
        if stays:
            _show_addresses(console, running)
            await follow(running.scene)


def _show_addresses(console: Console, running: Stage) -> None:
    scene, simulator, seed = running.scene, running.simulator, running.seed
    console.print("\n Everything stays up until Ctrl-C.\n")
    console.print(
        " [bold]Console[/bold]  (this link signs you in once; later sign in with the key)"
    )
    console.print(f"   {running.welcome.sign_in_url}", soft_wrap=True)
    console.print(f"   {running.welcome.key}\n", soft_wrap=True)
    console.print(" Connect a second number in it: choose Azure Communication Services, and give")
    console.print(f"   connection string  {seed.connection_string}", soft_wrap=True)
    console.print(f"   number             {FREE_NUMBER}\n", soft_wrap=True)
    rows = {
        "webhook": running.house.webhook_url,
        "API": f"{running.house.console_url}/api/v1",
        "simulator": f"{simulator.url}/simulator/health",
        "RabbitMQ": running.servers.rabbitmq_url,
        "MongoDB": f"{running.servers.mongodb_uri} (database {running.servers.database})",
    } | {
        f"{service.name} metrics": f"http://127.0.0.1:{service.management_port}/metrics"
        for service in running.house.services.values()
    }
    for name, address in rows.items():
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
    for key in ("YnJva2Vu", ACCESS_KEY):
        order = f'{{"access_key": "{key}"}}'
        console.print(f"   curl -X PUT -d '{order}' {simulator.url}/simulator/key", soft_wrap=True)
    console.print()


if __name__ == "__main__":
    sys.exit(main())
