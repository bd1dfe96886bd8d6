"""From a delivery to the turn: the webhook and the processor at a steady, ordinary rate.

The clock starts before the request is sent, which is earlier than its acceptance, and stops when
the turn reaches a consumer of the agent's queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.arrivals import watch
from bench.load import deliver
from bench.report import Figure
from bench.servers import SECRET, Servers
from bench.texts import TENANT
from common.store.records import inbound_id, turn_id


async def measure(servers: Servers, *, rate: float, seconds: float, wanted: float) -> list[Figure]:
    """The figures of the way in, in milliseconds."""
    async with servers.scene() as scene, watch(scene.rabbitmq_url) as arrivals:
        house = scene.house()
        try:
            await house.start("webhook", "processor")
            url = f"{house.webhook_url}?code={SECRET}"
            warming, count = int(rate), int(rate * seconds)
            await deliver(url, count=warming, rate=rate)
            sent = await deliver(url, count=count, first=warming, rate=rate)
            assert all(item.status == 200 for item in sent), "not every answer was 200"
            await arrivals.wait(warming + count, seconds=30.0)
        finally:
            await house.stop()
        assert arrivals.taken == warming + count, "a text was handed over twice"
    turns = sorted((arrivals.at[_turn_of(item.id)] - item.sent) * 1000 for item in sent)
    posts = sorted((item.answered - item.sent) * 1000 for item in sent)
    title = f"POST to turn at {rate:g} texts/s"
    return [
        Figure(what=f"{title}: p50", unit="ms", ours=percentile(turns, 50)),
        Figure(
            what=f"{title}: p99",
            unit="ms",
            ours=percentile(turns, 99),
            bound="at most",
            wanted=wanted,
        ),
        Figure(what=f"{title}: longest", unit="ms", ours=turns[-1]),
        Figure(what="POST to its answer: p99", unit="ms", ours=percentile(posts, 99)),
    ]


def percentile(ordered: Sequence[float], rank: int) -> float:
    """The smallest value that `rank` percent of the values do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]


def _turn_of(provider_message_id: str) -> str:
    return turn_id(inbound_id(TENANT, "acs", provider_message_id))
