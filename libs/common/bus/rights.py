"""What an agent's broker user may do: read its own queue, wait for its own outcomes, send as itself
and park its own turns. Nothing else. Pure.

RabbitMQ documentation, "Access Control": a permission is a regular expression over the names of
exchanges and queues; the permission to write to a topic exchange is narrowed by a topic permission,
one over routing keys, and an exchange without one is open. So each exchange that may be written to
has one here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from heliograph import wire

NOTHING: Final = "^$"
"""Matches nothing that has a name (in a permission the default exchange is called amq.default)."""


@dataclass(frozen=True, slots=True)
class TopicRight:
    """Which routing keys may be published to a topic exchange, and which may be bound."""

    exchange: str
    write: str
    read: str = NOTHING


@dataclass(frozen=True, slots=True)
class AgentRights:
    """Permissions in one virtual host, as regular expressions."""

    configure: str
    write: str
    read: str
    topics: tuple[TopicRight, ...]


def agent_rights(tenant_id: str, agent_id: str) -> AgentRights:
    """What the agent's broker user needs, and no more."""
    queue = wire.agent_queue(tenant_id, agent_id)
    replies = _literal(wire.reply_queue(tenant_id, agent_id, ""))
    exchanges = (wire.COMMANDS_EXCHANGE, wire.DEAD_EXCHANGE)
    return AgentRights(
        configure=f"^{replies}",
        write=f"^({'|'.join(map(_literal, exchanges))})$",
        read=f"^({_literal(queue)}$|{replies})",
        topics=(
            TopicRight(wire.COMMANDS_EXCHANGE, write=_exactly(wire.send_key(tenant_id, agent_id))),
            TopicRight(wire.DEAD_EXCHANGE, write=_exactly(queue)),
        ),
    )


def _exactly(name: str) -> str:
    return f"^{_literal(name)}$"


def _literal(name: str) -> str:
    """The name as a part of a pattern. Outside of brackets a hyphen stands for itself."""
    return re.escape(name).replace(r"\-", "-")
