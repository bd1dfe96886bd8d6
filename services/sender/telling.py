"""Outcomes on their way to agents, and to whoever asked for a reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from common.bus.agents import ForAgent, publish_to_agents
from common.bus.messages import (
    BusError,
    BusUnavailable,
    Delivery,
    Outgoing,
    PublishRefused,
    Unroutable,
)
from common.bus.topology import SERVICES, Topology
from heliograph import wire
from heliograph.models import Outcome
from sender.identity import AgentName
from sender.texts import outcome_id

_NOT_FOR_REPLIES: Final = ("agent.", "dead.", "wait.", "heliograph.")
_OWN_QUEUES: Final = frozenset(queue.name for queue in SERVICES.queues)


class SenderBus(Protocol):
    """The part of the bus that the sender needs. `user` is the broker user it publishes as."""

    @property
    def user(self) -> str: ...
    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]: ...
    async def declare(self, topology: Topology) -> None: ...


class Telling:
    """Publishes outcomes. What it does can be repeated: an outcome has one message ID for ever."""

    def __init__(self, bus: SenderBus):
        self._bus = bus

    async def tell(self, agent: AgentName, outcomes: Sequence[Outcome], delivery: Delivery) -> None:
        """Tell an agent, and the reply queue that the command names.

        Raises:
            BusUnavailable: some may not have been told; tell all of them again.
            PublishRefused: the agent's queue is full.
        """
        messages = [ForAgent(*agent, _outgoing(agent, outcome, delivery)) for outcome in outcomes]
        for error in await publish_to_agents(self._bus, messages):
            if error is not None:
                raise error
        await self._reply(agent, outcomes, delivery)

    async def tell_if_known(
        self, agent: AgentName, outcomes: Sequence[Outcome], delivery: Delivery
    ) -> bool:
        """As `tell`, but makes no queue: False where the agent has none, so nobody was told."""
        errors = await self._bus.publish_all(
            [_outgoing(agent, outcome, delivery) for outcome in outcomes]
        )
        for error in errors:
            if isinstance(error, Unroutable):
                return False
            if error is not None:
                raise error
        await self._reply(agent, outcomes, delivery)
        return True

    async def _reply(
        self, agent: AgentName, outcomes: Sequence[Outcome], delivery: Delivery
    ) -> None:
        queue = delivery.reply_to
        if queue is None or not may_reply_to(queue):
            return
        replies = [_outgoing(agent, outcome, delivery, reply_to=queue) for outcome in outcomes]
        for error in await self._bus.publish_all(replies):
            if isinstance(error, (Unroutable, PublishRefused)):
                continue  # Whoever asked is gone, or does not read; the agent's queue has it.
            if isinstance(error, BusUnavailable):
                raise error


def may_reply_to(queue: str) -> bool:
    """Whether a reply may go there. Never into a queue of ours: the sender's word would be taken
    there for what it is not, and an agent could write into another's queue."""
    return not queue.startswith(_NOT_FOR_REPLIES) and queue not in _OWN_QUEUES


def _outgoing(
    agent: AgentName, outcome: Outcome, delivery: Delivery, *, reply_to: str | None = None
) -> Outgoing:
    to_agent = reply_to is None
    return Outgoing.of(
        outcome,
        exchange=wire.AGENTS_EXCHANGE if to_agent else "",
        key=wire.outcome_key(*agent) if reply_to is None else reply_to,
        message_id=outcome_id(*agent, outcome),
        correlation_id=delivery.correlation_id or (outcome.command_id if to_agent else None),
    )
