"""The processor against the usual handler: the time to drain a queue of texts into turns.

Both begin with the same full queue and the same conversations. The clock runs from the instant at
which the queue begins to empty to the arrival of the last turn, so warming up counts for both.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.arrivals import watch
from bench.processes import cpu_seconds
from bench.report import Figure
from bench.rounds import Side, Work, alternate, rival
from bench.servers import Scene, Servers
from bench.texts import HISTORY, texts
from common.bus.client import Bus
from common.bus.messages import Outgoing
from common.bus.topology import INBOUND_EXCHANGE, received_key

_TOGETHER = 250
_PATIENCE = 180.0


async def measure(servers: Servers, *, count: int, rounds: int, wanted: float) -> list[Figure]:
    """The figures of the processor."""

    async def drain(side: Side) -> Work:
        async with servers.scene() as scene:
            return await _drain(scene, side, count)

    ours, theirs = await alternate(rounds, drain)
    for mine, other in zip(ours, theirs, strict=True):
        _assert_same(mine.result, other.result)
    ratios = [theirs[n].seconds / ours[n].seconds for n in range(rounds)]
    return [
        Figure(
            what=f"processor: {count:,} texts to turns",
            unit="texts/s",
            ours=count / median(work.seconds for work in ours),
            rival=count / median(work.seconds for work in theirs),
            ratio=median(ratios),
            bound="at least",
            wanted=wanted,
            rounds=[f"{ratio:.2f}×" for ratio in ratios],
        ),
        Figure(
            what="processor: its own processor time a text",
            unit="ms",
            ours=median(work.cpu for work in ours) / count * 1000,
            rival=median(work.cpu for work in theirs) / count * 1000,
        ),
    ]


async def _drain(scene: Scene, side: Side, count: int) -> Work:
    await _fill(scene, count)
    ours = scene.house().services["processor"]
    service = ours if side == "ours" else rival("bench.rivals.processor", scene)
    async with watch(scene.rabbitmq_url) as arrivals:
        service.start()
        try:
            begun = await arrivals.taking_begins(count, seconds=_PATIENCE)
            idle = cpu_seconds(service.pid)
            await arrivals.wait(count, seconds=_PATIENCE)
            cpu = cpu_seconds(service.pid) - idle
        finally:
            await service.stop()
        assert arrivals.taken == count, f"{side}: {arrivals.taken} turns for {count} texts"
        return Work(max(arrivals.at.values()) - begun, cpu, arrivals.turns())


async def _fill(scene: Scene, count: int) -> None:
    bus = Bus(scene.rabbitmq_url, app="bench")
    bus.start()
    await bus.ready()
    batch: list[Outgoing] = []
    for text in texts(count):
        batch.append(
            Outgoing.of(
                text,
                exchange=INBOUND_EXCHANGE,
                key=received_key(text.provider),
                message_id=text.provider_message_id,
            )
        )
        if len(batch) == _TOGETHER:
            assert not any(await bus.publish_all(batch))
            batch.clear()
    assert not any(await bus.publish_all(batch))
    await bus.close()


def _assert_same(ours: dict[str, Any], rival: dict[str, Any]) -> None:
    """Both sides told agents the same: the same turns, of the same form, with as much history."""
    assert ours.keys() == rival.keys(), "the sides handed over different turns"
    for turn_id, mine in ours.items():
        theirs = rival[turn_id]
        assert mine.keys() == theirs.keys(), "the turns have different fields"
        assert mine["message"]["body"] == theirs["message"]["body"]
        assert mine["remote"] == theirs["remote"]
        assert len(mine["history"]) == len(theirs["history"]) == HISTORY
        assert mine["history"][0].keys() == theirs["history"][0].keys()
