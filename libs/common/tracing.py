"""Spans, exported where a collector is configured and free where none is.

As with logs there is one set-up a process, and whatever works on a text calls it here. Without a
collector nothing of OpenTelemetry is imported, and each call costs one comparison.

All services decide alike whether a trace is exported, without asking each other. It is where its
flag says that somebody has recorded a span of it (W3C Trace Context, "Sampled flag"); where the
flag is not set, the trace ID decides, by the same ratio everywhere. Whoever records sets the flag.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Protocol

from common import trace
from common.spans import Attribute, SpanType

Value = str | int | None
Attributes = Mapping[Attribute, Value]
"""None leaves an attribute out."""

Leave = Callable[[type[BaseException] | None], None]
"""What to do with a span whose block is left, by the class of the exception that leaves it."""

_NONE: Attributes = {}
_SAMPLED: Final = 0x01


def joined(traceparent: object) -> str:
    """The given trace, or a new one where the value is not usable. Who records no span passes the
    header on as it came (W3C Trace Context, "Mutating the traceparent Field")."""
    return trace.valid(traceparent) or trace.fresh()


def id_of(traceparent: object) -> str | None:
    """The trace ID, 32 hex digits; None where there is none."""
    found = trace.valid(traceparent)
    return found[3:35] if found else None


def sampled(traceparent: str) -> bool:
    """Whether somebody has recorded a span of it, so that all who follow do."""
    return trace.valid(traceparent) is not None and bool(int(traceparent[-2:], 16) & _SAMPLED)


class Span(Protocol):
    """Something that takes time."""

    @property
    def traceparent(self) -> str | None:
        """For what follows from it; None where nothing is recorded."""
        ...

    def note(self, attributes: Attributes) -> None:
        """Say more of it."""
        ...

    def fail(self, code: str) -> None:
        """It went wrong; `code` is a code of ours or the name of an exception's class."""
        ...

    def end(self) -> None:
        """It is over."""
        ...


class Exporter(Protocol):
    """Where spans go (`common.tracing_export`)."""

    def begin(
        self,
        kind: SpanType,
        name: str,
        *,
        parent: str | None,
        links: Sequence[str],
        since: int | None,
        attributes: Attributes,
    ) -> Span: ...

    async def close(self, seconds: float) -> None: ...


class _Nothing:
    """The span of one who records none."""

    traceparent: str | None = None

    def note(self, attributes: Attributes) -> None: ...
    def fail(self, code: str) -> None: ...
    def end(self) -> None: ...
    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None: ...


NOTHING = _Nothing()

_exporter: Exporter | None = None
_here: ContextVar[Span] = ContextVar("span", default=NOTHING)


class _Within:
    """A span that is current while its block runs; an exception that leaves the block fails it."""

    def __init__(self, span: Span, leave: Leave | None = None):
        self._span = span
        self._leave = leave or self._end
        self._tokens: tuple[Token[str | None], Token[Span]] | None = None

    def __enter__(self) -> Span:
        self._tokens = trace.current.set(self._span.traceparent), _here.set(self._span)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._tokens is not None:
            trace.current.reset(self._tokens[0])
            _here.reset(self._tokens[1])
        self._leave(kind)

    def _end(self, kind: type[BaseException] | None) -> None:
        if kind is not None:
            self._span.fail(kind.__name__)
        self._span.end()


def export_to(exporter: Exporter | None) -> None:
    """Send the spans of this process there from now on; None stops it."""
    global _exporter  # noqa: PLW0603 - one a process, as logging has
    _exporter = exporter


def on() -> bool:
    """Whether spans are recorded. Asked where several messages are worked on together."""
    return _exporter is not None


def moment() -> int | None:
    """The present for a span that is told of later; None where none will be."""
    return None if _exporter is None else time.time_ns()


def begin(
    kind: SpanType,
    of: str = "",
    *,
    parent: str | None = None,
    links: Sequence[str | None] = (),
    since: int | None = None,
    attributes: Attributes = _NONE,
) -> Span:
    """A span that whoever asks for it ends. Its parent is the given traceparent, else what is
    being worked on, else it begins a trace.

    Args:
        of: what its name ends with, one of few words.
        links: traceparents of what else led to it.
        since: when it began, of `moment`.
    """
    if _exporter is None:
        return NOTHING
    return _exporter.begin(
        kind,
        f"{kind.name} {of}" if of else kind.name,
        parent=parent or trace.current.get(),
        links=[link for link in links if link is not None],
        since=since,
        attributes=attributes,
    )


def span(
    kind: SpanType,
    of: str = "",
    *,
    parent: str | None = None,
    links: Sequence[str | None] = (),
    attributes: Attributes = _NONE,
) -> _Within | _Nothing:
    """A span around a block, in which it is what is being worked on."""
    if _exporter is None:
        return NOTHING
    return _Within(begin(kind, of, parent=parent, links=links, attributes=attributes))


def within(span: Span, leave: Leave) -> _Within | _Nothing:
    """A block in which a span that has begun is what is being worked on."""
    return NOTHING if _exporter is None else _Within(span, leave)


def tell(
    kind: SpanType,
    of: str = "",
    *,
    parent: str | None,
    since: int | None,
    links: Sequence[str | None] = (),
    attributes: Attributes = _NONE,
) -> str | None:
    """Tell of a span that is over now; returns the traceparent for what follows from it."""
    if _exporter is None:
        return parent
    over = begin(kind, of, parent=parent, links=links, since=since, attributes=attributes)
    over.end()
    return over.traceparent


def here() -> Span:
    """The span of the block that runs."""
    return NOTHING if _exporter is None else _here.get()


def exemplar(traceparent: str | None) -> dict[str, str] | None:
    """What leads from a metric to the trace; None where the trace is not exported."""
    if _exporter is None or traceparent is None or not sampled(traceparent):
        return None
    return {"trace_id": traceparent[3:35]}


async def close(seconds: float) -> None:
    """Export what is left, within so many seconds."""
    exporter = _exporter
    export_to(None)
    if exporter is not None:
        await exporter.close(seconds)
