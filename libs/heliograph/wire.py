"""Names on the bus that an agent and Heliograph share. Each name is written here and nowhere else.

Tenant and agent IDs become parts of routing keys and queue names, so they are slugs: a dot, `*` or
`#` in one would change what a binding matches.
"""

from __future__ import annotations

from typing import Final

AGENTS_EXCHANGE: Final = "heliograph.agents"
COMMANDS_EXCHANGE: Final = "heliograph.commands"
DEAD_EXCHANGE: Final = "heliograph.dead"

SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"

TYPE_TURN: Final = "agent.turn"
TYPE_OUTCOME: Final = "agent.outcome"
TYPE_REPORT: Final = "agent.report"
TYPE_SEND: Final = "command.send"

CONTENT_TYPE: Final = "application/json"
VERSION: Final = 1

HEADER_TRACEPARENT: Final = "traceparent"

HEADER_PUBLISHED: Final = "x-heliograph-published"
"""When it was published, in milliseconds since 1970: AMQP's own timestamp knows whole seconds
only."""
HEADER_ATTEMPTS: Final = "x-heliograph-attempts"
HEADER_REASON: Final = "x-heliograph-reason"
HEADER_DETAIL: Final = "x-heliograph-detail"
HEADER_PARKED_FROM: Final = "x-heliograph-queue"
HEADER_USER: Final = "x-heliograph-user"
HEADER_FIRST_SEEN: Final = "x-heliograph-first-seen"


def agent_queue(tenant_id: str, agent_id: str) -> str:
    """The durable queue that holds everything meant for one agent."""
    return f"agent.{tenant_id}.{agent_id}"


def reply_queue(tenant_id: str, agent_id: str, instance: str) -> str:
    """The passing queue to which one connection of an agent gets the outcomes that it waits for."""
    return f"reply.{tenant_id}.{agent_id}.{instance}"


def agent_binding(tenant_id: str, agent_id: str) -> str:
    """Binding key of an agent's queue on `AGENTS_EXCHANGE`: its turns, outcomes and reports."""
    return f"{tenant_id}.{agent_id}.*"


def turn_key(tenant_id: str, agent_id: str) -> str:
    """Routing key of a turn on `AGENTS_EXCHANGE`."""
    return f"{tenant_id}.{agent_id}.turn"


def outcome_key(tenant_id: str, agent_id: str) -> str:
    """Routing key of an outcome on `AGENTS_EXCHANGE`."""
    return f"{tenant_id}.{agent_id}.outcome"


def report_key(tenant_id: str, agent_id: str) -> str:
    """Routing key of a delivery report on `AGENTS_EXCHANGE`."""
    return f"{tenant_id}.{agent_id}.report"


def send_key(tenant_id: str, agent_id: str) -> str:
    """Routing key of a send command on `COMMANDS_EXCHANGE`."""
    return f"{tenant_id}.{agent_id}.send"
