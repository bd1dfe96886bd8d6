"""What providers tell us over HTTP, and how an adapter reads it: plain values and pure functions.

The webhook takes a request, asks the adapter whether it is genuine, has it read, makes what was
read safe on the bus, and answers as the adapter says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from heliograph.models import Keyword, ReportStatus


class UnreadableEvent(ValueError):
    """A thing told that is not what it should be. The text names the field, never a value."""

    code = "unreadable_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedText:
    """An inbound text. `number` is ours, both addresses in normal form (E.164 with `+`); `at` is
    None where the provider does not tell."""

    message_id: str
    number: str
    remote: str
    body: str
    segments: int | None
    at: datetime | None
    keyword: Keyword | None = None
    """What the provider itself took the text for, where it tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """A delivery report. `reference` is our own message ID where the provider echoes it; `number`
    and `remote` are "" where the provider does not tell.

    A provider that splits a long text may report on each part: `part` names the part and `parts`
    says how many there are. `message_id` is the whole text's all the same.
    """

    message_id: str
    number: str
    remote: str
    status: ReportStatus
    code: str | None
    details: str | None
    reference: str | None
    at: datetime | None
    part: str | None = None
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Known:
    """Something told that was read. `name` is `received` or `report`."""

    name: str
    content: ReceivedText | DeliveryReport
    at: datetime | None
    traceparent: str | None = None
    event_at: datetime | None = None
    """When the provider made the event that tells it, where that is told."""

    @classmethod
    def of(cls, content: ReceivedText | DeliveryReport) -> Known:
        """What a callback tells; its instant is the content's."""
        name = "received" if isinstance(content, ReceivedText) else "report"
        return cls(name, content, content.at, event_at=content.at)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something told that is none of our business, or says nothing new: it is acknowledged. `type`
    is what the provider calls it, without content."""

    type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A thing told that is not what it should be. `item` is what came: JSON values, text or
    octets; `reason` is one sentence without content."""

    name: str
    item: object
    reason: str


Reading = Known | Ignored | Unreadable


class Door(StrEnum):
    """Which of a connection's two addresses was called; they differ in their token."""

    PORTAL = "portal"
    """The address that an administrator enters at the provider: inbound texts, and reports where
    the provider does not name an address with each text."""
    REPORTS = "reports"
    """The address that goes out with each text, for its reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
    """A callback as it came. Nothing is decoded that a signature may cover.

    `url` is the address as the provider called it: our public base, the raw path and the raw query.
    `headers` are found in any case. `body` is as received, after a content encoding was undone.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    door: Door = Door.PORTAL
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """For schemes that sign an instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackKeys:
    """What a connection's callbacks are proven with. `username` and `password` are those that we
    gave out for HTTP Basic; `credentials` are the connection's parameters."""

    credentials: Mapping[str, str] = field(repr=False)
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the provider is answered when all it told is safe."""

    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b""


Verify = Callable[[CallbackRequest, CallbackKeys], str | None]
"""None where the request is genuine, else why it is not: a few words without a value. The path's
token has been compared by then."""

Reader = Callable[[CallbackRequest, CallbackKeys], Sequence[Reading]]
"""Everything that a genuine request tells, each element on its own: one that cannot be read is an
`Unreadable` among the others. Raises UnreadableEvent where the whole cannot be read; it is parked
then, and acknowledged, because a retry would not help."""


def plainly(_: Sequence[Reading]) -> CallbackAnswer:
    """200 with nothing in it."""
    return CallbackAnswer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """How a provider calls back. Pure functions; none may raise anything but UnreadableEvent."""

    verify: Verify
    read: Reader
    answer: Callable[[Sequence[Reading]], CallbackAnswer] = plainly
    body_limit: int = 1_048_576
    """Octets of the largest body; a larger one is refused with 413."""
