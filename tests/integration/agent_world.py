"""A broker with one agent's queue, and a tiny sender that claims each command once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aio_pika

from common.bus.client import Bus
from common.bus.messages import BusError, Outgoing
from common.bus.topology import SENDER_QUEUE, SERVICES, Topology, agent_topology, dead_queue
from heliograph import (
    Agent,
    Outcome,
    OutcomeCode,
    OutcomeStatus,
    SendCommand,
    Turn,
    TurnMessage,
    wire,
)

TENANT, AGENT = "acme", "front-desk"
NUMBER = "+14255550123"
QUEUE = wire.agent_queue(TENANT, AGENT)
DEAD = dead_queue(QUEUE)
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def turn_of(turn_id: str, *, remote: str = "+14255550100", body: str = "hello") -> Turn:
    """A turn, as the processor makes it."""
    return Turn(
        turn_id=turn_id,
        seq=1,
        tenant_id=TENANT,
        agent_id=AGENT,
        connection_id="c1",
        number=NUMBER,
        remote=remote,
        message=TurnMessage(id=f"m-{turn_id}", body=body, at=NOW),
    )


def outcome_of(
    command: SendCommand,
    to: str,
    status: OutcomeStatus = OutcomeStatus.SENT,
    code: OutcomeCode = OutcomeCode.SENT,
) -> Outcome:
    """An outcome, as the sender makes it."""
    return Outcome(
        command_id=command.command_id,
        status=status,
        code=code,
        message=code.value,
        message_id=f"out-{command.command_id}",
        to=to,
        original_to=to,
        body=command.body,
        at=NOW,
    )


def agent_of(url: str, **options: Any) -> Agent:
    """The agent under test, with short retries."""
    defaults: dict[str, Any] = {"retry_delays": (0.02, 0.05), "outcome_timeout": 60.0}
    return Agent(url, tenant_id=TENANT, agent_id=AGENT, **(defaults | options))


class World:
    """What the test sees: every command as it came, and each text that went out."""

    def __init__(self, url: str):
        self.url = url
        self.bus = Bus(url, app="test-sender", publish_deadline=10.0, heartbeat=10)
        self.commands: list[SendCommand] = []
        self.envelopes: list[Any] = []
        self.texts: dict[str, SendCommand] = {}
        self.answering = asyncio.Event()
        self.answering.set()
        self.decide: Callable[[SendCommand], tuple[OutcomeStatus, OutcomeCode]] = lambda _: (
            OutcomeStatus.SENT,
            OutcomeCode.SENT,
        )
        self.changed = asyncio.Condition()

    async def start(self) -> None:
        """Declare everything and begin to answer."""
        self.bus.start()
        await self.bus.ready()
        mine = agent_topology(TENANT, AGENT)
        await self.bus.declare(Topology(SERVICES.exchanges, SERVICES.queues + mine.queues))
        self._subscription = await self.bus.subscribe(SENDER_QUEUE, prefetch=500)
        self._task = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """End the sender."""
        await self._subscription.cancel()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.bus.close()

    async def put(self, body: bytes, *, kind: str = Turn.type, message_id: str = "m1") -> None:
        """Publish to the agent's queue, whatever it takes."""
        await self.publish(
            Outgoing(
                exchange=wire.AGENTS_EXCHANGE,
                key=wire.turn_key(TENANT, AGENT),
                body=body,
                type=kind,
                message_id=message_id,
                headers={wire.HEADER_TRACEPARENT: TRACE},
            )
        )

    async def turn(self, turn_id: str, **fields: str) -> None:
        """Publish a turn."""
        await self.put(turn_of(turn_id, **fields).encode(), message_id=turn_id)

    async def publish(self, message: Outgoing) -> None:
        """Publish, over faults."""
        while True:
            try:
                return await self.bus.publish(message)
            except BusError:
                await self.bus.ready()
                await asyncio.sleep(0.05)

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until something is true of this world; `touch` after changing it from outside."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(condition)

    async def touch(self) -> None:
        """Something has changed."""
        async with self.changed:
            self.changed.notify_all()

    async def turns_left(self) -> list[str]:
        """The IDs of the turns that nobody acknowledged; whatever is in the queue is taken."""
        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            source = await channel.get_queue(QUEUE)
            left = []
            while (message := await source.get(no_ack=True, fail=False)) is not None:
                if message.type == Turn.type:
                    left.append(Turn.decode(message.body).turn_id)
            return left

    async def parked(self, seconds: float = 30.0) -> aio_pika.abc.AbstractIncomingMessage:
        """The next message of the agent's parking place."""
        connection = await aio_pika.connect(self.url)
        async with connection, asyncio.timeout(seconds):
            channel = await connection.channel()
            queue = await channel.get_queue(DEAD)
            async with queue.iterator(no_ack=True) as messages:
                async for message in messages:
                    return message
        raise AssertionError

    async def tell(self, outcome: Outcome, reply_to: str | None = None) -> None:
        """Publish an outcome to the agent's queue and, as the sender does, to the reply queue."""
        await self.publish(
            Outgoing(
                exchange=wire.AGENTS_EXCHANGE,
                key=wire.outcome_key(TENANT, AGENT),
                body=outcome.encode(),
                type=outcome.type,
                message_id=f"o-{outcome.command_id}-{outcome.original_to}-{outcome.status}",
            )
        )
        if reply_to is not None:
            with contextlib.suppress(BusError):
                await self.bus.publish(
                    Outgoing(
                        exchange="",
                        key=reply_to,
                        body=outcome.encode(),
                        type=outcome.type,
                        message_id=f"r-{outcome.command_id}-{outcome.original_to}",
                    )
                )

    async def _send(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                delivery = await self._subscription.deliveries.get()
                group.create_task(self._carry(delivery))

    async def _carry(self, delivery: Any) -> None:
        command = SendCommand.decode(delivery.body)
        self.commands.append(command)
        self.envelopes.append(delivery)
        await self.touch()
        await self.answering.wait()
        self.texts.setdefault(command.command_id, command)
        await self.touch()
        status, code = self.decide(command)
        for to in command.recipients:
            await self.tell(outcome_of(command, to, status, code), delivery.reply_to)
        await delivery.ack()


@contextlib.asynccontextmanager
async def world_on(url: str) -> AsyncIterator[World]:
    """A world for one test."""
    world = World(url)
    await world.start()
    try:
        yield world
    finally:
        await world.stop()


@contextlib.asynccontextmanager
async def serving(agent: Agent, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
    """An agent that serves while the test looks on."""
    task = asyncio.create_task(agent.serve(**options))
    try:
        yield task
    finally:
        await agent.stop()
        async with asyncio.timeout(60):
            await asyncio.gather(task, return_exceptions=True)
