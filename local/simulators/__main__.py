"""`python -m local.simulators NAME`: run one provider's simulator until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal

from local.simulators import SIMULATORS
from local.simulators.base import ProviderSimulator


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m local.simulators",
        description="Simulate an SMS provider on loopback.",
        epilog="The control API and the faults: docs/simulators.md.",
    )
    providers = made.add_subparsers(dest="provider", required=True)
    for name, simulator in SIMULATORS.items():
        one = providers.add_parser(name, help=(simulator.__doc__ or "").partition("\n")[0])
        add = one.add_argument
        for part in simulator.account:
            add(f"--{part.replace('_', '-')}", required=True, help="of the simulated account")
        add("--port", type=int, default=8500, help="0 picks a free one")
        add("--number", action="append", default=[], help="an owned number; repeatable")
        add("--time-scale", type=float, default=1.0, help="0.01 makes a wait of 10 s 0.1 s")
        add("--report-delay", type=float, default=1.0, help="seconds before each report, scaled")
        add("--portal", metavar="URL", help="where inbound texts go")
        add("--portal-username", default="", help="of the Basic login that goes with them")
        add("--portal-password", default="", help="of the same")
        add("--seed", type=int, help="makes IDs repeatable")
    return made


def _made(arguments: argparse.Namespace) -> ProviderSimulator:
    kind = SIMULATORS[arguments.provider]
    account = {part: getattr(arguments, part) for part in kind.account}
    simulator = kind(
        **account,
        numbers=arguments.number,
        time_scale=arguments.time_scale,
        report_delay=arguments.report_delay,
        port=arguments.port,
        seed=arguments.seed,
    )
    if arguments.portal:
        simulator.portal(arguments.portal, arguments.portal_username, arguments.portal_password)
    return simulator


async def run(arguments: argparse.Namespace) -> None:
    """Run until a signal asks to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with _made(arguments) as simulator:
        print(f"simulator listening on {simulator.url}", flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(run(parser().parse_args()))
