"""Outcomes on their way to agents, and to whoever asked for a reply."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
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
from common.failpoints import Failpoint, Failpoints
from heliograph import wire
from heliograph.models import Outcome
from sender.identity import AgentName
from sender.texts import outcome_id

_NOT_FOR_REPLIES: Final = ("agent.", "dead.", "wait.", "heliograph.")
_LONGEST_PROPERTY: Final = 255
FULL_AGAIN: Final = 30.0
"""Seconds until an outcome that its agent's full queue refused is told again."""

_OWN_QUEUES: Final = frozenset(queue.name for queue in SERVICES.queues)


class SenderBus(Protocol):
    """The part of the bus that the sender needs. `user` is the broker user it publishes as."""

    @property
    def user(self) -> str: ...
    async def publish(self, message: Outgoing) -> None: ...
    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]: ...
    async def declare(self, topology: Topology) -> None: ...


class Telling:
    """Publishes outcomes. What it does can be repeated: an outcome has one message ID for ever."""

    def __init__(self, bus: SenderBus, failpoints: Failpoints):
        self._bus = bus
        self._failpoints = failpoints

    async def tell(
        self,
        agent: AgentName,
        outcomes: Sequence[Outcome],
        delivery: Delivery | None,
        *,
        make_queue: bool = True,
    ) -> list[bool]:
        """Tell an agent, and the reply queue that the command names; without a `delivery`, nobody
        has asked, and only the agent is told. Returns, one an outcome in
        order, whether the agent's queue took it: a full one takes nothing more.

        Raises:
            BusUnavailable: some may not have been told; tell all of them again.
            Unroutable: the agent has no queue, and none was to be made.
        """
        messages = [_outgoing(agent, outcome, delivery) for outcome in outcomes]
        if make_queue:
            errors = await publish_to_agents(self._bus, [ForAgent(*agent, m) for m in messages])
        else:
            errors = await self._bus.publish_all(messages)
        for error in errors:
            if error is not None and not isinstance(error, PublishRefused):
                raise error
        self._failpoints.reached(Failpoint.SENDER_AGENT_TOLD)
        taken = [error is None for error in errors]
        if delivery is not None:
            await self._reply(agent, list(compress(outcomes, taken)), delivery)
        return taken

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
    agent: AgentName, outcome: Outcome, delivery: Delivery | None, *, reply_to: str | None = None
) -> Outgoing:
    to_agent = reply_to is None
    asked = delivery.correlation_id if delivery is not None else None
    return Outgoing.of(
        outcome,
        exchange=wire.AGENTS_EXCHANGE if to_agent else "",
        key=wire.outcome_key(*agent) if reply_to is None else reply_to,
        message_id=outcome_id(*agent, outcome),
        correlation_id=asked or (_short(outcome.command_id) if to_agent else None),
    )


def _short(text: str) -> str | None:
    """A text that fits into an AMQP property; what does not would make the message unpublishable,
    and so look as if its queue were full for ever."""
    return text if len(text.encode()) <= _LONGEST_PROPERTY else None
