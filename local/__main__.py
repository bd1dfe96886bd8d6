"""`python -m local run` stays up after the conversation; `python -m local demo` ends by itself;
`python -m local follow ID` tells what became of one text, from a second terminal or afterwards."""

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

from local.accounts import ACCOUNTS, DEFAULT
from local.follow import follow
from local.house import ServiceDidNotStart
from local.next_steps import show_next_steps
from local.nodes import NodeError
from local.play import StepFailed, play
from local.stage import Ports, stage
from local.timeline import Timeline
from local.trail import add_exemplars, follow_in, shown

BASE_DIR: Final = Path(".local") / "stage"
EXIT_STEP_FAILED: Final = 1
EXIT_CANNOT_START: Final = 2
EXIT_INTERRUPTED: Final = 130


def main() -> int:
    """The exit code: 0, 1 (a step did not happen), 2 (something cannot start), 130 (Ctrl-C)."""
    arguments = _arguments()
    if arguments.mode == "follow":
        return asyncio.run(_follow(arguments))
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
        return asyncio.run(_run(console, chosen, arguments))
    except (NodeError, ServiceDidNotStart) as error:
        sys.stderr.write(f"heliograph: {error}\n")
        return EXIT_CANNOT_START
    except StepFailed as error:
        sys.stderr.write(f"heliograph: {error} The logs are in {arguments.dir / 'logs'}.\n")
        return EXIT_STEP_FAILED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("mode", choices=["run", "demo", "follow"])
    parser.add_argument("id", nargs="?", default="", help="of follow: a text, trace or command")
    parser.add_argument("--provider", choices=[*ACCOUNTS], default=DEFAULT, help="default: acs")
    parser.add_argument("--dir", type=Path, default=BASE_DIR, help="where logs and data go")
    parser.add_argument("--webhook-port", type=int, default=8080)
    parser.add_argument("--console-port", type=int, default=8081)
    parser.add_argument("--simulator-port", type=int, default=8500)
    parser.add_argument("--management-port", type=int, default=9090)
    parser.add_argument("--traces", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_intermixed_args()
    if (arguments.mode == "follow") != bool(arguments.id):
        parser.error("follow takes the ID of a text, a trace or a command; run and demo take none")
    return arguments


async def _follow(arguments: argparse.Namespace) -> int:
    folder = arguments.dir / "logs"
    trail = follow_in(folder, arguments.id)
    if not (trail.spans or trail.lines):
        sys.stderr.write(f"heliograph: nothing in {folder} names {arguments.id}.\n")
        return EXIT_STEP_FAILED
    await add_exemplars(trail, folder)
    print(*shown(trail), sep="\n")
    return 0


async def _run(console: Console, chosen: Ports, arguments: argparse.Namespace) -> int:
    stays = arguments.mode == "run"
    performance = asyncio.create_task(_perform(console, chosen, arguments, stays=stays))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, performance.cancel)
    try:
        await performance
    except asyncio.CancelledError:
        return 0 if stays else EXIT_INTERRUPTED
    return 0


async def _perform(
    console: Console, chosen: Ports, arguments: argparse.Namespace, *, stays: bool
) -> None:
    account = ACCOUNTS[arguments.provider]
    timeline = Timeline(console, deliverer=account.deliverer)
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Starting RabbitMQ, MongoDB, the four services and the simulator …"):
            running = await stack.enter_async_context(
                stage(arguments.dir, chosen, timeline, account, traces=arguments.traces)
            )
        stack.callback(console.print, "\n Stopped: no process is left behind.", style="dim")
        await play(running.scene)
        if stays:
            show_next_steps(console, running)
            await follow(running.scene)


if __name__ == "__main__":
    sys.exit(main())
