"""The spans of messages: one for each that is published, one for each that is worked on.

A batch has one span a message, each in the trace of its own text, so that a text can be followed
past its neighbours (OpenTelemetry, "Messaging spans", allows that in place of links).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Final, Protocol

from structlog.contextvars import clear_contextvars

from common import trace, tracing
from common.bus.messages import BusError, BusUnavailable, Delivery, Outgoing, traceparent_of
from common.bus.topology import (
    CHANGES_EXCHANGE,
    PROCESSOR_QUEUE,
    SENDER_QUEUE,
    WAIT_PREFIX,
    parked_from,
)
from common.bus.verdicts import Park, Retry, Verdict
from common.errors import Unavailable
from common.spans import PROCESS, PUBLISH, Attribute, SpanType
from common.tracing import NOTHING, Attributes, Span
from heliograph import wire

_SYSTEM: Final = "rabbitmq"
_AGENT: Final = wire.agent_queue("", "")[:-1]
"""What each agent's queue begins with."""

_waiting: ContextVar[dict[int, Span] | None] = ContextVar("waiting_spans", default=None)
"""By message, the spans of those in hand that are tried again."""

PublishAll = Callable[[list[Outgoing]], Awaitable[list[BusError | None]]]


async def published(batch: list[Outgoing], publish: PublishAll) -> list[BusError | None]:
    """Publish, each message in a span that it carries on."""
    if not tracing.on():
        return await publish(batch)
    spans = [_publishing(message, len(batch)) for message in batch]
    carried = [_with(message, span) for message, span in zip(batch, spans, strict=True)]
    results: list[BusError | None] = []
    try:
        results = await publish(carried)
    finally:
        for place, span in enumerate(spans):
            if not results:
                span.fail("not_published")
            elif (error := results[place]) is not None:
                span.fail(error.code)
            span.end()
    return results


def _publishing(message: Outgoing, together: int) -> Span:
    if message.exchange == CHANGES_EXCHANGE:  # Tells caches, and no text.
        return NOTHING
    if _stays_parked(message):  # Somebody has looked; the text is where it was.
        return NOTHING
    attributes: Attributes = {
        Attribute.MESSAGING_SYSTEM: _SYSTEM,
        Attribute.OPERATION: "publish",
        Attribute.OPERATION_TYPE: "send",
        Attribute.DESTINATION: (place := destination_of(message)),
        Attribute.BUS_MESSAGE_ID: message.message_id,
        Attribute.TOGETHER: together if together > 1 else None,
    }
    parent = trace.valid(message.headers.get(wire.HEADER_TRACEPARENT))
    return tracing.begin(PUBLISH, place, parent=parent, attributes=attributes)


def destination_of(message: Outgoing) -> str:
    """Of few words: a routing key names a tenant, and a reply queue whoever asked."""
    if message.exchange:
        return message.exchange
    if message.key.startswith(WAIT_PREFIX):
        return "wait"
    if message.key in (PROCESSOR_QUEUE, SENDER_QUEUE):  # A replay, as the next.
        return message.key
    return "agents" if message.key.startswith(_AGENT) else "reply"


def _stays_parked(message: Outgoing) -> bool:
    return not message.exchange and parked_from(message.key) != message.key


def _with(message: Outgoing, span: Span) -> Outgoing:
    if span is NOTHING:
        return message
    told = span.traceparent or tracing.joined(message.headers.get(wire.HEADER_TRACEPARENT))
    headers = {**message.headers, wire.HEADER_TRACEPARENT: told}
    return replace(message, headers=headers)


class Working(Protocol):
    """Work on the messages of a batch. Who enters it works; who leaves it has ended."""

    def traceparent(self, place: int) -> str | None:
        """What the work on one of them passes on."""
        ...

    def note(self, place: int, attributes: Attributes) -> None:
        """Say more of one."""
        ...

    def became(self, verdicts: Mapping[int, Verdict]) -> None:
        """What becomes of them."""
        ...

    def __enter__(self) -> Working: ...
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...


def working(batch: Sequence[Delivery]) -> Working:
    """Spans of the messages of a batch."""
    return _Spans(batch) if tracing.on() else _NoSpans(batch)


class _NoSpans:
    def __init__(self, batch: Sequence[Delivery]):
        self._batch = batch

    def traceparent(self, place: int) -> str | None:
        return traceparent_of(self._batch[place])

    def note(self, place: int, attributes: Attributes) -> None: ...
    def became(self, verdicts: Mapping[int, Verdict]) -> None: ...
    def __enter__(self) -> Working:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...


class _Spans:
    def __init__(self, batch: Sequence[Delivery]):
        self._batch = batch
        self._spans = [_processing(delivery, together=len(batch)) for delivery in batch]

    def traceparent(self, place: int) -> str | None:
        return self._spans[place].traceparent

    def note(self, place: int, attributes: Attributes) -> None:
        self._spans[place].note(attributes)

    def became(self, verdicts: Mapping[int, Verdict]) -> None:
        for place, verdict in verdicts.items():
            say(self._spans[place], verdict)

    def __enter__(self) -> Working:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for span, delivery in zip(self._spans, self._batch, strict=True):
            _left(span, delivery, kind)


@contextmanager
def over_tries() -> Iterator[None]:
    """One span a message over all tries at it while MongoDB or RabbitMQ is away: one for each try
    would push the spans of texts that are well out of the exporter's queue."""
    if not tracing.on():
        yield
        return
    waiting: dict[int, Span] = {}
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
        for span in waiting.values():
            span.fail(Unavailable.code)
            span.end()


def _processing(delivery: Delivery, *, together: int = 1) -> Span:
    """The span of work on one message, which `_left` ends."""
    waiting = _waiting.get()
    if waiting and (begun := waiting.pop(id(delivery), None)) is not None:
        return begun
    return tracing.begin(
        PROCESS, delivery.queue, parent=traceparent_of(delivery), attributes=of(delivery, together)
    )


def _left(span: Span, delivery: Delivery, kind: type[BaseException] | None) -> None:
    """A try at a message is over, by an exception or without."""
    waiting = _waiting.get()
    if waiting is not None and kind is not None and issubclass(kind, (Unavailable, BusUnavailable)):
        waiting[id(delivery)] = span
        return
    if kind is not None:
        span.fail(kind.__name__)
    span.end()


def of(delivery: Delivery, together: int = 1) -> Attributes:
    """What is said of a message that is worked on."""
    return {
        Attribute.MESSAGING_SYSTEM: _SYSTEM,
        Attribute.OPERATION: "process",
        Attribute.OPERATION_TYPE: "process",
        Attribute.DESTINATION: delivery.queue,
        Attribute.BUS_MESSAGE_ID: delivery.message_id,
        Attribute.TOGETHER: together if together > 1 else None,
    }


def say(span: Span, verdict: Verdict) -> None:
    """Note what becomes of a message; one that failed is marked so."""
    span.note({Attribute.VERDICT: type(verdict).__name__.lower()})
    if isinstance(verdict, (Retry, Park)):
        span.note({Attribute.CODE: verdict.code})
        span.fail(verdict.code)


@contextmanager
def work_on(delivery: Delivery) -> Iterator[Span]:
    """Work on one message: its trace is the current one, and log lines name nothing of another."""
    clear_contextvars()
    with _current(traceparent_of(delivery)):
        span = _processing(delivery)
        with tracing.within(span, lambda kind: _left(span, delivery, kind)):
            yield span


@contextmanager
def continuing(kind: SpanType, traceparent: str | None, attributes: Attributes) -> Iterator[None]:
    """Go on in another trace than the message's own, which is linked to it."""
    brought = trace.current.get()
    with (
        _current(traceparent or brought),
        tracing.span(kind, links=[brought], attributes=attributes),
    ):
        yield


@contextmanager
def _current(traceparent: str | None) -> Iterator[None]:
    """Where nobody records, what comes with a message is passed on as it is, or a new trace."""
    token = trace.current.set(traceparent or (None if tracing.on() else trace.fresh()))
    try:
        yield
    finally:
        trace.current.reset(token)
