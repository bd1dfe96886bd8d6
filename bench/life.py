"""What the whole life of a text and its answer costs each part of the house.

A phone texts; webhook, processor, an agent that echoes, sender and provider follow; the provider's
report comes back and reaches the agent. The figures are each part's own processor time for such a
pair of texts, and what the pair leaves in the database: the ground of the capacity plan
(`bench/capacity.py`). They do not depend on how busy the machine is, so one round is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import psutil
import pymongo

from bench.processes import cpu_seconds
from bench.report import Figure
from bench.servers import SECRET, Scene, Servers
from bench.texts import AGENT, CONVERSATIONS, NUMBER, TENANT, remote
from common.store.client import open_database
from common.store.mongo_connections import MongoConnections
from common.store.schema import MESSAGES
from heliograph import Agent, OpenTurn, Report
from local.house import House
from local.seed import ACCESS_KEY
from local.simulator import Simulator

PARTS: Final = ("webhook", "processor", "sender", "RabbitMQ", "MongoDB")
_AT_ONCE: Final = 32
_PATIENCE: Final = 180.0


class Echo:
    """An agent that answers each text, and counts the reports of delivery."""

    def __init__(self, url: str):
        self.agent = Agent(url, tenant_id=TENANT, agent_id=AGENT, concurrency=64)
        self.agent.on_turn(self._answer)
        self.agent.on_report(self._count)
        self._delivered = 0
        self._changed = asyncio.Condition()

    async def _answer(self, turn: OpenTurn) -> None:
        await turn.reply(f"You said: {turn.message.body}")

    async def _count(self, report: Report) -> None:
        async with self._changed:
            self._delivered += report.status == "delivered"
            self._changed.notify_all()

    async def wait(self, total: int) -> None:
        """Wait until that many answers are reported as delivered."""
        async with asyncio.timeout(_PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self._delivered >= total)


async def measure(servers: Servers, *, count: int) -> list[Figure]:
    """The figures of one pair: a text and its answer, with the answer's report."""
    async with (
        Simulator(access_key=ACCESS_KEY, numbers=[NUMBER], time_scale=0.001) as simulator,
        servers.scene(endpoint=simulator.url) as scene,
        _living(scene, simulator) as (house, echo),
    ):
        warming = max(_AT_ONCE, count // 10)
        await _converse(simulator, echo, first=0, count=warming)
        parts = {name: house.services[name].pid for name in PARTS[:3]}
        parts |= {"RabbitMQ": servers.rabbit.pid, "MongoDB": servers.mongo.pid}
        before, stored = _used(parts), _stored(scene)
        await _converse(simulator, echo, first=warming, count=count)
        after, kept = _used(parts), _stored(scene)
    return [
        *(
            Figure(
                what=f"{name}: processor time a text and its answer",
                unit="ms",
                ours=(after[name] - before[name]) / count * 1000,
            )
            for name in PARTS
        ),
        *(
            Figure(
                what=f"MongoDB: {what} a text and its answer",
                unit="bytes",
                ours=(kept[what] - stored[what]) / count,
            )
            for what in ("documents of", "indexes of")
        ),
    ]


@asynccontextmanager
async def _living(scene: Scene, simulator: Simulator) -> AsyncIterator[tuple[House, Echo]]:
    """The services on their way, the gate open, the agent at work."""
    await _open_gate(scene)
    house, echo = scene.house(trust_command_identity="true"), Echo(scene.rabbitmq_url)
    try:
        await house.start("webhook", "processor", "sender")
        await simulator.subscribe(f"{house.webhook_url}?code={SECRET}")
        serving = asyncio.create_task(echo.agent.serve())
        yield house, echo
        await echo.agent.stop()
        await serving
    finally:
        await house.stop()


async def _open_gate(scene: Scene) -> None:
    database = open_database(scene.mongodb_uri, scene.database, 10.0)
    try:
        await MongoConnections(database).set_gate(TENANT, NUMBER, on=True)
    finally:
        database.close()


async def _converse(simulator: Simulator, echo: Echo, *, first: int, count: int) -> None:
    places = iter(range(first, first + count))

    async def text_one_by_one() -> None:
        for place in places:
            await simulator.text(remote(place % CONVERSATIONS), NUMBER, f"Text number {place:06d}")

    await asyncio.gather(*(text_one_by_one() for _ in range(_AT_ONCE)))
    await echo.wait(first + count)


def _used(parts: Mapping[str, int]) -> dict[str, float]:
    """Processor time so far; RabbitMQ's is that of its processes together."""
    return {
        name: sum(cpu_seconds(pid) for pid in (root, *_descendants(root)))
        for name, root in parts.items()
    }


def _descendants(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _stored(scene: Scene) -> dict[str, int]:
    """Bytes of the texts' documents, before compression, and of their indexes on disk."""
    with pymongo.MongoClient[dict[str, Any]](scene.mongodb_uri) as client:
        client.admin.command("fsync")
        facts = client[scene.database].command("collStats", MESSAGES)
    return {"documents of": int(facts["size"]), "indexes of": int(facts["totalIndexSize"])}
