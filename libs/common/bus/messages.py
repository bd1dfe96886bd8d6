"""What goes onto the bus and what comes off it, free of any client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from common import trace, tracing
from common.bus.topology import (
    HEADER_ATTEMPTS,
    HEADER_FIRST_SEEN,
    HEADER_KEY,
    HEADER_TOLD,
    HEADER_USER,
)
from heliograph import wire
from heliograph.models import Wire

Headers = Mapping[str, Any]

_LONGEST_WAIT: Final = 30 * 86_400.0
"""Seconds; a header that tells more is no time of publication."""


class BusError(Exception):
    """The bus did not take a message. `code` is stable."""

    code = "bus_error"


class BusUnavailable(BusError):
    """The broker is away, frozen or blocked: the message may or may not have been stored."""

    code = "bus_unavailable"


class Unroutable(BusError):
    """No queue is bound for the message's routing key; the broker returned it."""

    code = "bus_unroutable"


class PublishRefused(BusError):
    """The broker refused the message (a full queue): it is not stored."""

    code = "bus_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish: persistent and mandatory, always."""

    exchange: str
    key: str
    body: bytes
    type: str
    message_id: str
    headers: Headers = field(default_factory=dict)
    correlation_id: str | None = None
    reply_to: str | None = None
    content_type: str = wire.CONTENT_TYPE

    @classmethod
    def of(
        cls,
        model: Wire,
        *,
        exchange: str,
        key: str,
        message_id: str,
        traceparent: str | None = None,
        correlation_id: str | None = None,
    ) -> Outgoing:
        """Wrap a wire model, in the given (or the current) trace."""
        return cls(
            exchange=exchange,
            key=key,
            body=model.encode(),
            type=model.type,
            message_id=message_id,
            headers=_in_trace(traceparent or trace.current.get()),
            correlation_id=correlation_id,
        )


def _in_trace(traceparent: str | None) -> Headers:
    """Without a trace of its own, a message begins one: the span of its publication does where
    spans are recorded, for nobody has a span that a made-up one could hang on."""
    if tracing.on() and trace.valid(traceparent) is None:
        return {}
    return {wire.HEADER_TRACEPARENT: tracing.joined(traceparent)}


class Delivery(Protocol):
    """A message that a consumer holds until it is settled."""

    @property
    def body(self) -> bytes: ...
    @property
    def type(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def queue(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def correlation_id(self) -> str | None: ...
    @property
    def reply_to(self) -> str | None: ...
    @property
    def published_at(self) -> datetime | None:
        """When it was published, by its publisher's word and to the second; None where that is not
        told."""
        ...

    @property
    def redelivered(self) -> bool: ...
    @property
    def stale(self) -> bool:
        """Whether the channel is gone, so that the broker will deliver the message again."""
        ...

    async def ack(self, *, multiple: bool = False) -> None:
        """Settle this delivery (and all before it on its channel, with `multiple`)."""
        ...

    async def requeue(self) -> None:
        """Give the message back to its queue at once."""
        ...


def attempts_of(delivery: Delivery) -> int:
    """How often processing of this message has failed so far, by our own count."""
    value = delivery.headers.get(HEADER_ATTEMPTS, 0)
    return value if isinstance(value, int) and value >= 0 else 0


def proven_user(delivery: Delivery, own_user: str) -> str | None:
    """The broker user that first published the message, as the broker has validated it.

    RabbitMQ refuses a message whose `user_id` is not the connection's user (RabbitMQ documentation,
    "Validated User-ID"). A message that waited was published again by one of our services, which
    notes the first publisher in a header, empty where there was none; that header counts only on a
    message of our own user.
    """
    if delivery.user_id == own_user:
        noted = delivery.headers.get(HEADER_USER)
        if isinstance(noted, str):
            return noted or None
    return delivery.user_id


def published_key(delivery: Delivery, own_user: str) -> str:
    """The routing key that the message was first published with. A wait queue loses it, so it is
    noted in a header, which counts as `proven_user`'s does."""
    noted = delivery.headers.get(HEADER_KEY) if delivery.user_id == own_user else None
    return noted if isinstance(noted, str) else delivery.routing_key


def first_published_at(delivery: Delivery, own_user: str) -> datetime | None:
    """When the message was first published, as far as known. One that waited was published again by
    our own user, which notes in a header when it was first seen."""
    if delivery.user_id == own_user:
        noted = delivery.headers.get(HEADER_FIRST_SEEN)
        if isinstance(noted, str):
            return _instant(noted)
    stamp = delivery.headers.get(wire.HEADER_PUBLISHED)
    at = delivery.published_at
    if at is None or not isinstance(stamp, int) or stamp // 1000 != int(at.timestamp()):
        return at
    return at + timedelta(milliseconds=stamp % 1000)


def waited(delivery: Delivery, now: float) -> float | None:
    """Seconds from a message's publication to `now`, in seconds since 1970. None where that is not
    told, and of a message that has been in work before: it waited because it was told to.

    By the millisecond where the publisher says it in our header, else by the whole second of AMQP's
    timestamp, which is up to a second too much.
    """
    headers = delivery.headers
    if HEADER_FIRST_SEEN in headers:
        return None
    stamp = headers.get(wire.HEADER_PUBLISHED)
    if not isinstance(stamp, int):
        at = delivery.published_at
        return max(0.0, now - at.timestamp()) if at is not None else None
    seconds = now - stamp / 1000
    return max(0.0, seconds) if seconds < _LONGEST_WAIT else None


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def told_of(delivery: Delivery, own_user: str) -> frozenset[str]:
    """What `Defer.told` has said of the message so far; counts as `proven_user`'s header does."""
    noted = delivery.headers.get(HEADER_TOLD) if delivery.user_id == own_user else None
    return frozenset(noted.split(",")) if isinstance(noted, str) else frozenset()


def traceparent_of(delivery: Delivery) -> str | None:
    """The message's traceparent where it has a well-formed one."""
    return trace.valid(delivery.headers.get(wire.HEADER_TRACEPARENT))
