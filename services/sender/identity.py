"""Who sent a command, and may they send from its number? Pure.

The broker vouches for the user that published a message; the store knows which agent a user is.
What the command's body says of itself is a claim and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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


def authorise(
    command: SendCommand, route: Route | None, *, proven: AgentName | None, key: str
) -> Standing:
    """Decide. `proven` is the agent that the publisher is, `key` the routing key it used. Both are
    of the first publisher, also where the command comes back from a wait queue: a command that was
    refused, and waits because nobody could be told, is refused again."""
    claimed = claimed_agent(command)
    if proven != claimed or key != wire.send_key(*claimed):
        return NotProven()
    if route is None:
        return NotTheirs(OutcomeCode.UNKNOWN_NUMBER)
    if route.agent_id != command.agent_id:
        return NotTheirs(OutcomeCode.NUMBER_NOT_YOURS)
    return Authorised(route)
