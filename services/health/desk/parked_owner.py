"""Whose a parked message is, by what the broker has proven and not by what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from common.bus.in_hand import DeadLetter
from common.bus.topology import SENDER_QUEUE, parked_from
from heliograph.wire import SLUG_PATTERN

AGENT_QUEUE: Final = re.compile(r"agent\.([a-z0-9_-]+)\.([a-z0-9_-]+)")
_SLUG: Final = re.compile(SLUG_PATTERN)


class AgentUsers(Protocol):
    """Which agent a broker user is."""

    async def agent_of_user(self, bus_user: str) -> tuple[str, str] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a message is. `proven` is the agent that its publisher is by the broker's word; the
    services' own user stands for what it says. `ours` is false where a stranger put it there."""

    tenant_id: str | None
    agent_id: str | None
    proven: bool
    ours: bool


class Owners:
    """Finds owners.

    Args:
        agents: looks broker users up.
        own_user: the broker user of the services.
    """

    def __init__(self, agents: AgentUsers, own_user: str):
        self._agents = agents
        self._own_user = own_user

    async def of(self, queue: str, letter: DeadLetter) -> Owner:
        """Of a message in a parking place. An agent may park what it has read itself, so its own
        queue may hold what it has published; the processor's is for services only."""
        own = letter.user == self._own_user
        origin = parked_from(queue)
        if (match := AGENT_QUEUE.fullmatch(origin)) is not None:
            agent = (match[1], match[2])
            theirs = own or await self._agent_of(letter.user) == agent
            return Owner(tenant_id=match[1], agent_id=match[2], proven=True, ours=theirs)
        if origin != SENDER_QUEUE:
            return _said(letter, ours=own)
        if own:
            # Nudges; commands only where identity is not checked (local use).
            return _said(letter, ours=True)
        tenant_id, agent_id = await self._agent_of(letter.user) or (None, None)
        return Owner(tenant_id=tenant_id, agent_id=agent_id, proven=True, ours=True)

    async def _agent_of(self, user: str | None) -> tuple[str, str] | None:
        return await self._agents.agent_of_user(user) if user else None


def fields_of(body: bytes) -> Mapping[str, Any]:
    """What a body says, as far as it is a JSON object."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _said(letter: DeadLetter, *, ours: bool) -> Owner:
    said = fields_of(letter.body) if ours else {}
    return Owner(
        tenant_id=_slug(said.get("tenant_id")),
        agent_id=_slug(said.get("agent_id")),
        proven=False,
        ours=ours,
    )


def _slug(value: object) -> str | None:
    return value if isinstance(value, str) and _SLUG.fullmatch(value) else None
