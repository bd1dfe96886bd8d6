"""Publishing to agents, whose queues are declared when their first number is connected, and again
here should one have been lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.bus.messages import BusError, Outgoing, Unroutable
from common.bus.topology import Topology, agent_topology


@dataclass(frozen=True, slots=True)
class ForAgent:
    """A message and the agent whose queue it must reach."""

    tenant_id: str
    agent_id: str
    message: Outgoing


class AgentBus(Protocol):
    """The part of the bus that reaches agents."""

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]: ...
    async def declare(self, topology: Topology) -> None: ...


async def publish_to_agents(bus: AgentBus, messages: Sequence[ForAgent]) -> list[BusError | None]:
    """Publish together; one result a message, in order. A message that no queue takes makes its
    agent's queue be declared, and is published once more."""
    results = await bus.publish_all([item.message for item in messages])
    homeless = [place for place, error in enumerate(results) if isinstance(error, Unroutable)]
    if not homeless:
        return results
    for tenant_id, agent_id in {
        (messages[place].tenant_id, messages[place].agent_id) for place in homeless
    }:
        await bus.declare(agent_topology(tenant_id, agent_id))
    again = await bus.publish_all([messages[place].message for place in homeless])
    for place, error in zip(homeless, again, strict=True):
        results[place] = error
    return results
