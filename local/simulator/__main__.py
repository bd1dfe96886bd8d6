"""`python -m local.simulator`: run the simulator until SIGTERM or SIGINT."""

import argparse
import asyncio
import base64
import binascii
import signal

from local.simulator.simulator import Simulator
from local.simulator.world import HOST


def _key(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise argparse.ArgumentTypeError(f"not base64: {error}") from None
    return text


def _partner_number(text: str) -> tuple[str, str]:
    number, _, partner = text.partition("=")
    if not number or not partner:
        raise argparse.ArgumentTypeError("not of the form NUMBER=PARTNER")
    return number, partner


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.simulator",
        description="Simulate Azure Communication Services SMS and Azure Event Grid.",
        epilog="Its HTTP API and its faults: docs/simulator.md.",
    )
    add = parser.add_argument
    add("--port", type=int, default=8500, help="0 picks a free one")
    add("--host", default=HOST, help="where it listens; another than loopback in containers only")
    add("--access-key", type=_key, required=True, help="base64, as in a connection string")
    add("--secondary-key", type=_key, help="base64; it works as well as the first")
    add("--number", action="append", default=[], help="an owned number, E.164; repeatable")
    add(
        "--partner-number",
        action="append",
        default=[],
        type=_partner_number,
        metavar="NUMBER=PARTNER",
        help="a number of a Messaging Connect partner; repeatable",
    )
    add("--time-scale", type=float, default=1.0, help="compresses retries: 0.01 makes 10 s 0.1 s")
    add("--delivery-timeout", type=float, default=30.0, help="real seconds an endpoint may take")
    add("--no-carrier-opt-out", action="store_true", help="STOP blocks nothing")
    add("--seed", type=int, help="makes the retry jitter repeatable")
    return parser.parse_args()


async def run(arguments: argparse.Namespace) -> None:
    """Run until a signal asks to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    simulator = Simulator(
        access_key=arguments.access_key,
        secondary_key=arguments.secondary_key,
        numbers=arguments.number,
        partner_numbers=dict(arguments.partner_number),
        time_scale=arguments.time_scale,
        port=arguments.port,
        host=arguments.host,
        carrier_opt_out=not arguments.no_carrier_opt_out,
        delivery_timeout=arguments.delivery_timeout,
        seed=arguments.seed,
    )
    async with simulator:
        print(f"simulator listening on {simulator.url}", flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
