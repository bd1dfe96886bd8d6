"""Who sent a command, and may they send from its number? Pure.

The broker vouches for the user that published a message; the store knows which agent a user is.
What the command's body says of itself is a claim and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from common.bus.messages import Delivery
from common.bus.topology import HEADER_FIRST_SEEN
from common.store.records import Route
from heliograph import wire
from heliograph.codes import OutcomeCode
from heliograph.models import SendCommand


class AgentName(NamedTuple):
    """An agent of a tenant."""

    tenant_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class Authorised:
    """The agent may send from the number, which is `route`."""

    route: Route


@dataclass(frozen=True, slots=True)
class NotProven:
    """The command claims an agent that its publisher has not proven to be."""


@dataclass(frozen=True, slots=True)
class NotTheirs:
    """The agent is who it says, but may not send from the number."""

    code: OutcomeCode


Standing = Authorised | NotProven | NotTheirs


def claimed_agent(command: SendCommand) -> AgentName:
    """The agent that a command says it is from."""
    return AgentName(command.tenant_id, command.agent_id)


def published_key(delivery: Delivery, own_user: str) -> str | None:
    """The routing key that the command was published with. None where it came back from one of our
    wait queues, which lose the key; it was compared before the command was first made to wait."""
    came_back = delivery.user_id == own_user and HEADER_FIRST_SEEN in delivery.headers
    return None if came_back else delivery.routing_key


def authorise(
    command: SendCommand, route: Route | None, *, proven: AgentName | None, key: str | None
) -> Standing:
    """Decide. `proven` is the agent that the publisher is, `key` the routing key it used."""
    claimed = claimed_agent(command)
    if proven != claimed or key not in {None, wire.send_key(*claimed)}:
        return NotProven()
    if route is None:
        return NotTheirs(OutcomeCode.UNKNOWN_NUMBER)
    if route.agent_id != command.agent_id:
        return NotTheirs(OutcomeCode.NUMBER_NOT_YOURS)
    return Authorised(route)
