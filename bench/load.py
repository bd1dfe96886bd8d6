"""`python -m bench.load`: deliveries of one event each, from a process of its own.

Writes one line of JSON: for each delivery its message ID, the instants of sending and of the answer
(`time.monotonic`, the same for every process of a machine) and the status.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import uvloop

from bench.texts import events


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery."""

    id: str
    sent: float
    answered: float
    status: int


async def deliver(
    url: str, *, count: int, first: int = 0, concurrency: int = 32, rate: float | None = None
) -> list[Sent]:
    """Run the load generator as a process and return what it has done. With `rate` (deliveries a
    second) each one leaves at its time, whatever becomes of those before it."""
    arguments = ["--url", url, "--count", count, "--first", first, "--concurrency", concurrency]
    if rate is not None:
        arguments += ["--rate", rate]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return [Sent(**item) for item in orjson.loads(output)]


async def _flood(session: aiohttp.ClientSession, url: str, options: argparse.Namespace) -> Any:
    waiting = iter(list(events(options.count, first=options.first)))
    done: list[Sent] = []

    async def work(mine: Iterable[tuple[str, bytes]]) -> None:
        for message_id, body in mine:
            done.append(await _post(session, url, message_id, body))

    await asyncio.gather(*(work(waiting) for _ in range(options.concurrency)))
    return done


async def _pace(session: aiohttp.ClientSession, url: str, options: argparse.Namespace) -> Any:
    begin = time.monotonic() + 0.1
    tasks = []
    for place, (message_id, body) in enumerate(list(events(options.count, first=options.first))):
        await asyncio.sleep(max(0.0, begin + place / options.rate - time.monotonic()))
        tasks.append(asyncio.create_task(_post(session, url, message_id, body)))
    return await asyncio.gather(*tasks)


async def _post(session: aiohttp.ClientSession, url: str, message_id: str, body: bytes) -> Sent:
    sent = time.monotonic()
    async with session.post(url, data=body) as answer:
        await answer.read()
        return Sent(message_id, sent, time.monotonic(), answer.status)


async def _main(options: argparse.Namespace) -> None:
    connector = aiohttp.TCPConnector(limit=options.concurrency)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        run = _flood if options.rate is None else _pace
        sys.stdout.buffer.write(orjson.dumps(await run(session, options.url, options)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--rate", type=float)
    uvloop.run(_main(parser.parse_args()))
