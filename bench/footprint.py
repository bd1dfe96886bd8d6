"""What each service costs while nothing happens: its memory, and the time of a cold start.

A cold start runs from the start of the process to the first ready answer of `/readyz`; the servers
are up, and files are in the page cache from a start that is not measured.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median

from bench.processes import resident_bytes
from bench.report import Figure
from bench.servers import Servers
from local.house import SERVICES, Service

_MIB = 1024 * 1024


async def measure(
    servers: Servers, *, rounds: int, idle: float, mebibytes: float, seconds: float
) -> list[Figure]:
    """The figures of each service; `idle` seconds pass before its memory is read."""
    async with servers.scene() as scene:
        services = scene.house().services
        figures: list[Figure] = []
        for name in SERVICES:
            figures += await _one(
                services[name], rounds=rounds, idle=idle, mebibytes=mebibytes, seconds=seconds
            )
        return figures


async def _one(
    service: Service, *, rounds: int, idle: float, mebibytes: float, seconds: float
) -> list[Figure]:
    starts: list[float] = []
    memory: list[float] = []
    for number in range(rounds + 1):
        begun = time.monotonic()
        service.start()
        try:
            await service.ready()
            if number > 0:
                starts.append(time.monotonic() - begun)
                await asyncio.sleep(idle)
                memory.append(resident_bytes(service.pid) / _MIB)
        finally:
            await service.stop()
    return [
        Figure(
            what=f"{service.name}: memory when idle",
            unit="MiB",
            ours=median(memory),
            bound="at most",
            wanted=mebibytes,
            rounds=[f"{value:.1f}" for value in memory],
        ),
        Figure(
            what=f"{service.name}: cold start",
            unit="s",
            ours=median(starts),
            bound="at most",
            wanted=seconds,
            rounds=[f"{value:.2f}" for value in starts],
        ),
    ]
