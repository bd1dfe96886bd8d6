"""Parked messages, as an operator may see them: why they are parked, and of their content only the
form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import orjson

from common.bus.dead_letters import MOST, NoSuchQueue
from common.bus.in_hand import DeadLetter
from common.bus.messages import BusUnavailable
from common.bus.topology import PROCESSOR_QUEUE, SENDER_QUEUE, dead_queue
from common.redact import MASK, scrub
from common.store.control import AgentRecord, Page, TenantRecord
from common.store.control_ports import BadCursor, NotFound
from common.store.cursor import read_cursor, write_cursor
from health.desk.parked_choice import ANY, Only
from health.web.problems import Problem, ProblemCode
from heliograph import wire

T = TypeVar("T")

SERVICE_QUEUES: Final = tuple(map(dead_queue, (PROCESSOR_QUEUE, SENDER_QUEUE)))

_AGENT_QUEUE: Final = re.compile(r"dead\.agent\.([a-z0-9_-]+)\.([a-z0-9_-]+)")
_PAGE: Final = 200
_MOST_QUEUES: Final = 5_000

_TELLING: Final = frozenset(
    {
        *("v", "type", "eventType", "eventTime", "time", "dataVersion", "specversion"),
        *("turn_id", "command_id", "message_id", "messageId", "in_reply_to", "id", "seq"),
        *("tenant_id", "agent_id", "connection_id", "provider", "provider_message_id"),
        *("status", "deliveryStatus", "keyword", "direction", "encoding", "segments"),
        *("at", "accepted_at", "expires_at", "receivedTimestamp", "reference", "index"),
    }
)
"""Fields whose values are shown, the numbers in them masked, unless there is a blank in them or an
@. Of every other text only the length is told: an unreadable message may hold a person's words
under any name."""

_NUMBERS: Final = frozenset({"number", "remote", "to", "from", "original_to"})
"""Fields of which nothing but a masked number is shown: a person may be named in them."""

_CODES: Final = frozenset({"code"})
"""Fields of which nothing but a code is shown."""

_DEEPEST: Final = 8
_TOKEN: Final = re.compile(r"[^\s@]{0,200}")
"""What IDs and instants look like."""
_NUMBER: Final = re.compile(rf"{MASK}\d{{0,2}}")
"""What masking leaves of a number."""
_CODE: Final = re.compile(r"[a-z0-9_.]{1,64}")


@dataclass(frozen=True, slots=True)
class ParkedQueue:
    """A parking place, and how many messages wait there."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A parked message without what must stay secret."""

    ref: str
    message_id: str
    type: str
    reason: str
    detail: str
    parked_from: str
    first_seen: str
    replays: int
    edited: bool
    body: Any


class Looking(Protocol):
    """The part of the bus that looks."""

    async def count(self, queues: Sequence[str]) -> Mapping[str, int]: ...
    async def look(self, queue: str, *, limit: int) -> Sequence[DeadLetter]: ...


class TenantList(Protocol):
    """Which tenants there are."""

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[TenantRecord]: ...


class AgentList(Protocol):
    """Which agents there are."""

    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[AgentRecord]: ...

    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord | None: ...


class DeadLetterDesk:
    """Shows what is parked, of the services and of every agent."""

    def __init__(self, letters: Looking, tenants: TenantList, agents: AgentList):
        self._letters = letters
        self._tenants = tenants
        self._agents = agents

    async def queues(self) -> tuple[ParkedQueue, ...]:
        """Every parking place that exists, by name; those that are empty too.

        Raises:
            Problem: UNAVAILABLE, where the broker is away.
        """
        names = [*SERVICE_QUEUES]
        async for tenant in _every(self._tenants.list):
            agents = _every(
                lambda tenant_id=tenant.id, **page: self._agents.list(tenant_id, **page)
            )
            names += [_queue_of(agent) async for agent in agents]
            if len(names) >= _MOST_QUEUES:
                break
        counts = await _asked(self._letters.count(names))
        return tuple(ParkedQueue(name, count) for name, count in sorted(counts.items()))

    async def look(
        self,
        queue: str,
        *,
        limit: int,
        only: Only = ANY,
        cursor: str | None = None,
    ) -> Page[Parked]:
        """The messages that have been in a parking place for longest, which keeps them. Of those
        that are meant, as far as they are among the first `MOST` of the queue.

        Raises:
            NotFound: there is no such parking place.
            BadCursor: it is not one of this list's.
            Problem: UNAVAILABLE, where the broker is away.
        """
        await self.expect(queue)
        start = read_cursor(cursor, int)[0] if cursor is not None else 0
        if not 0 <= start < MOST:
            raise BadCursor("The cursor is one of another list.")
        narrow = only != ANY
        try:
            letters = await _asked(
                self._letters.look(queue, limit=MOST if narrow else start + limit + 1)
            )
        except NoSuchQueue:
            return Page(())
        meant = [letter for letter in letters if only.fits(letter)]
        items = tuple(map(masked, meant[start : start + limit]))
        more = len(meant) > start + limit
        return Page(items, write_cursor(start + limit) if more else None)

    async def expect(self, queue: str) -> None:
        """Raises: NotFound, where there is no such parking place."""
        if not await self._known(queue):
            raise NotFound(queue)

    async def _known(self, queue: str) -> bool:
        match = _AGENT_QUEUE.fullmatch(queue)
        if match is None:
            return queue in SERVICE_QUEUES
        return await self._agents.get(match[1], match[2]) is not None


def shown(body: bytes) -> Any:
    """A message's body as an operator may see it: its form, IDs and states, the numbers masked, and
    of texts the length."""
    try:
        return _shown(orjson.loads(body), "", 0)
    except orjson.JSONDecodeError:
        return f"({len(body)} octets that are not JSON)"


def _shown(value: Any, name: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return "(deeper)"
    if isinstance(value, dict):
        return {_name(key): _shown(item, key, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, name, depth + 1) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return _told(value, name)


def _told(value: Any, name: str) -> Any:
    """A text or a number, as far as its field's name lets it be shown."""
    text = str(value)
    masked = scrub(text)
    if name in _NUMBERS and _NUMBER.fullmatch(masked):
        return masked
    if (name in _TELLING and _TOKEN.fullmatch(text)) or (name in _CODES and _CODE.fullmatch(text)):
        return value if masked == text else masked
    return _length(text) if isinstance(value, str) else "(a number)"


def code_of(text: str) -> str:
    """A reason or a type, if it is one: an agent sets those of what it parks itself."""
    return scrub(text) if not text or _CODE.fullmatch(text) else _length(text)


def _length(text: str) -> str:
    return f"({len(text)} characters)"


def _name(key: str) -> str:
    """A field's name, unless it is one that only content could be."""
    return key if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", key) else _length(key)


def masked(letter: DeadLetter) -> Parked:
    """A message as it may be seen without a reason."""
    return Parked(
        ref=letter.ref,
        replays=letter.replays,
        edited=bool(letter.edited_from),
        message_id=scrub(letter.message_id),
        type=code_of(letter.type),
        reason=code_of(letter.reason),
        detail=scrub(letter.detail),
        parked_from=letter.parked_from,
        first_seen=letter.first_seen,
        body=shown(letter.body),
    )


def _queue_of(agent: AgentRecord) -> str:
    return dead_queue(wire.agent_queue(agent.tenant_id, agent.id))


async def _asked(work: Awaitable[T]) -> T:
    try:
        return await work
    except BusUnavailable:
        raise Problem(ProblemCode.UNAVAILABLE, "The broker does not answer now.") from None


async def _every(list_page: Callable[..., Awaitable[Page[T]]]) -> AsyncIterator[T]:
    cursor: str | None = None
    while True:
        page = await list_page(limit=_PAGE, cursor=cursor)
        for item in page.items:
            yield item
        if (cursor := page.next) is None:
            return
