"""The webhook against a bare aiohttp handler: one event a request, over kept-alive connections.

Both publish persistent, mandatory messages to the same quorum queue and answer after the confirm.
Ours also checks a secret, reads the event, finds the number and counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from bench.arrivals import watch
from bench.load import deliver
from bench.processes import cpu_seconds
from bench.report import Figure
from bench.rounds import Side, Work, alternate, rival
from bench.servers import SECRET, Scene, Servers
from local.house import Service
from local.nodes.ports import answers
from local.nodes.process import wait_until

_CONCURRENCY = 32


async def measure(servers: Servers, *, count: int, rounds: int, wanted: float) -> list[Figure]:
    """The figures of the webhook."""

    async def flood(side: Side) -> Work:
        async with servers.scene() as scene:
            return await _flood(scene, side, count)

    ours, theirs = await alternate(rounds, flood)
    ratios = [theirs[n].seconds / ours[n].seconds for n in range(rounds)]
    return [
        Figure(
            what=f"webhook: {count:,} deliveries, {_CONCURRENCY} at once",
            unit="requests/s",
            ours=count / median(work.seconds for work in ours),
            rival=count / median(work.seconds for work in theirs),
            ratio=median(ratios),
            bound="at least",
            wanted=wanted,
            rounds=[f"{ratio:.2f}×" for ratio in ratios],
        ),
        Figure(
            what="webhook: its own processor time a delivery",
            unit="ms",
            ours=median(work.cpu for work in ours) / count * 1000,
            rival=median(work.cpu for work in theirs) / count * 1000,
        ),
    ]


async def _flood(scene: Scene, side: Side, count: int) -> Work:
    async with _serving(scene, side) as (service, url), watch(scene.rabbitmq_url) as arrivals:
        warming = max(_CONCURRENCY, count // 20)
        await deliver(url, count=warming, concurrency=_CONCURRENCY)
        before = cpu_seconds(service.pid)
        sent = await deliver(url, count=count, first=warming, concurrency=_CONCURRENCY)
        cpu = cpu_seconds(service.pid) - before
        assert all(item.status == 200 for item in sent), f"{side}: not every answer was 200"
        stored = await arrivals.waiting()
        assert stored == count + warming, f"{side}: {stored} stored of {count + warming} answered"
        return Work(max(i.answered for i in sent) - min(i.sent for i in sent), cpu)


@asynccontextmanager
async def _serving(scene: Scene, side: Side) -> AsyncIterator[tuple[Service, str]]:
    house = scene.house()
    service, url = house.services["webhook"], f"{house.webhook_url}?code={SECRET}"
    if side == "rival":
        service = rival("bench.rivals.webhook", scene, webhook_port=str(house.webhook_port))
    service.start()
    try:
        if side == "ours":
            await service.ready()
        else:
            port = house.webhook_port
            assert await asyncio.to_thread(wait_until, lambda: answers(port), timeout=30.0)
        yield service, url
    finally:
        await service.stop()
