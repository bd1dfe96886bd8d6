"""`python -m local.relay --port 8500 --to simulator:8500`: a port of this loopback leads there.

A service talks plain HTTP to its own loopback only. In containers each service has a loopback of
its own, so where the provider is a simulator, one of these stands beside it, in its network.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from typing import Final

HERE: Final = "127.0.0.1"
_CHUNK: Final = 65_536


async def relay(port: int, host: str, target: int) -> asyncio.Server:
    """Listen on the loopback; port 0 picks a free one. What connects while nobody is there is
    closed at once."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                far_reader, far_writer = await asyncio.open_connection(host, target)
            except OSError:
                return
            with contextlib.closing(far_writer):
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    return await asyncio.start_server(connected, HERE, port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its end; the other may go on."""
    with contextlib.suppress(ConnectionError):
        while octets := await reader.read(_CHUNK):
            writer.write(octets)
            await writer.drain()
        writer.write_eof()


async def run(arguments: argparse.Namespace) -> None:
    """Relay until a signal asks to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    host, port = arguments.to
    server = await relay(arguments.port, host, port)
    async with server:
        print(f"{HERE}:{arguments.port} leads to {host}:{port}", flush=True)
        await ended.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError("not of the form HOST:PORT")
    return host, int(port)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.relay", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of this loopback")
    parser.add_argument("--to", type=_address, required=True, metavar="HOST:PORT")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
