"""An agent's queue is there before the first number becomes routable to it: what arrives for an
agent without a queue would be homeless."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from common.bus.messages import BusError
from common.bus.topology import Topology, agent_topology
from common.store.control_ports import Agents, InactiveAgent, UnknownAgent
from health.web.problems import Problem, ProblemCode


class Declaring(Protocol):
    """The part of the bus that declares."""

    async def declare(self, topology: Topology) -> None: ...


class AgentQueues:
    """Who may get numbers, and their queues."""

    def __init__(self, agents: Agents, bus: Declaring):
        self._agents = agents
        self._bus = bus

    async def require_active(self, tenant_id: str, agent_ids: Iterable[str]) -> None:
        """Raises UnknownAgent, InactiveAgent. The store asks again when it writes; this comes
        before the provider is asked."""
        for agent_id in sorted(set(agent_ids)):
            agent = await self._agents.get(tenant_id, agent_id)
            if agent is None:
                raise UnknownAgent(agent_id)
            if not agent.active:
                raise InactiveAgent(agent_id)

    async def declare(self, tenant_id: str, agent_ids: Iterable[str]) -> None:
        """Declare the queues of agents that exist; again changes nothing.

        Raises:
            Problem: the broker is away.
        """
        for agent_id in sorted(set(agent_ids)):
            try:
                await self._bus.declare(agent_topology(tenant_id, agent_id))
            except BusError:
                raise Problem(
                    ProblemCode.UNAVAILABLE,
                    "RabbitMQ is away, so the agent's queue cannot be made sure of; "
                    "nothing was changed.",
                ) from None
