"""What reaches the agent's queue, and when, seen by a consumer that belongs to neither side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiormq
import orjson

from bench.texts import AGENT, TENANT
from common.bus.topology import PROCESSOR_QUEUE
from heliograph import wire

_QUICKLY = 0.005
"""Seconds between two looks at the length of a queue."""
_LATE = 0.3
"""Seconds in which a turn that is handed over twice would show."""


class Arrivals:
    """Turns by ID with the instant of their arrival (`time.monotonic`, the same for every process
    of a machine). The consumer takes without acks, so it holds nobody up."""

    def __init__(self, channel: Any):
        self._channel = channel
        self._wanted = 0
        self._enough = asyncio.Event()
        self.at: dict[str, float] = {}
        self.bodies: dict[str, bytes] = {}
        self.taken = 0

    async def wait(self, count: int, *, seconds: float) -> None:
        """Wait until `count` distinct turns have come, and a moment longer for doubles.

        Raises:
            TimeoutError: fewer have come.
        """
        self._wanted = count
        if len(self.at) < count:
            self._enough.clear()
            async with asyncio.timeout(seconds):
                await self._enough.wait()
        await asyncio.sleep(_LATE)

    async def taking_begins(self, count: int, *, seconds: float) -> float:
        """The instant at which the processor's queue, filled with `count` texts, begins to empty:
        the last one at which it was seen full, so that no work goes unmeasured."""
        async with asyncio.timeout(seconds):
            while True:
                before = time.monotonic()
                if await self.waiting() < count:
                    return before
                await asyncio.sleep(_QUICKLY)

    async def waiting(self) -> int:
        """How many texts wait in the processor's queue."""
        answer = await self._channel.queue_declare(PROCESSOR_QUEUE, passive=True)
        return int(answer.message_count or 0)

    def turns(self) -> dict[str, dict[str, Any]]:
        """The turns, read."""
        return {turn_id: orjson.loads(body) for turn_id, body in self.bodies.items()}

    async def take(self, message: aiormq.abc.DeliveredMessage) -> None:
        """Note one."""
        turn_id = message.header.properties.message_id or ""
        self.taken += 1
        self.at.setdefault(turn_id, time.monotonic())
        self.bodies.setdefault(turn_id, message.body)
        if len(self.at) >= self._wanted > 0:
            self._enough.set()


@asynccontextmanager
async def watch(rabbitmq_url: str) -> AsyncIterator[Arrivals]:
    """Take everything from the agent's queue while the block runs."""
    connection = await aiormq.connect(rabbitmq_url)
    try:
        channel: Any = await connection.channel(publisher_confirms=False, frame_buffer_size=5_000)
        arrivals = Arrivals(channel)
        await channel.basic_consume(wire.agent_queue(TENANT, AGENT), arrivals.take, no_ack=True)
        yield arrivals
    finally:
        await connection.close()
