"""The spans of messages: one for each that is published, one for each that is worked on.

A batch has one span a message, each in the trace of its own text, so that a text can be followed
past its neighbours (OpenTelemetry, "Messaging spans", allows that in place of links).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol

from structlog.contextvars import clear_contextvars

from common import trace, tracing
from common.bus.messages import BusError, Delivery, Outgoing, traceparent_of
from common.bus.topology import CHANGES_EXCHANGE, WAIT_PREFIX
from common.bus.verdicts import Park, Retry, Verdict
from common.spans import PROCESS, PUBLISH, Attribute, SpanType
from common.tracing import NOTHING, Attributes, Span
from heliograph import wire

_SYSTEM: Final = "rabbitmq"

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
    return "wait" if message.key.startswith(WAIT_PREFIX) else "reply"


def _with(message: Outgoing, span: Span) -> Outgoing:
    if span.traceparent is None:
        return message
    headers = {**message.headers, wire.HEADER_TRACEPARENT: span.traceparent}
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
        self._spans = [processing(delivery, together=len(batch)) for delivery in batch]

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
        for span in self._spans:
            if kind is not None:
                span.fail(kind.__name__)
            span.end()


def processing(delivery: Delivery, *, together: int = 1) -> Span:
    """The span of work on one message, which its worker ends."""
    return tracing.begin(
        PROCESS, delivery.queue, parent=traceparent_of(delivery), attributes=of(delivery, together)
    )


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
    with (
        _current(traceparent_of(delivery)),
        tracing.span(PROCESS, delivery.queue, attributes=of(delivery)) as span,
    ):
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
