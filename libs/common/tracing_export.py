"""Spans by OpenTelemetry's SDK, exported by OTLP over HTTP. The only place that imports it, and
imported only where a collector is configured.

A text never waits for the collector: spans go into a bounded queue, a thread of the SDK sends them,
and what does not fit is dropped. What the SDK reads from `OTEL_…` variables (headers, certificates,
the queue's size) counts here too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from common.redact import scrub
from common.spans import Attribute, Kind, SpanType
from common.tracing import Attributes, Span

log = structlog.get_logger(__name__)

Count = Callable[[str, int], None]
"""Takes `exported` or `failed`, and how many spans."""

_PATH: Final = "/v1/traces"
_SECONDS: Final = 5.0
"""That one export may take, its repetitions included."""
_PAUSE: Final = "OTEL_BSP_SCHEDULE_DELAY"
_EVERY: Final = 1000.0
"""Milliseconds between two exports; the SDK's own 5 seconds are long for whoever waits for one."""
_LONGEST: Final = 128
"""Characters of a value: IDs of ours have 32, and an agent chooses those of its commands."""
_KINDS: Final = {
    Kind.SERVER: api.SpanKind.SERVER,
    Kind.CLIENT: api.SpanKind.CLIENT,
    Kind.PRODUCER: api.SpanKind.PRODUCER,
    Kind.CONSUMER: api.SpanKind.CONSUMER,
    Kind.INTERNAL: api.SpanKind.INTERNAL,
}


def address_of(endpoint: str) -> str:
    """Where spans are posted: OTLP's usual path below a collector's address ("OTLP/HTTP
    Request"), which may be given with it."""
    base = endpoint.rstrip("/")
    return base if base.endswith(_PATH) else f"{base}{_PATH}"


class OtlpExporter:
    """Records spans and sends them to a collector.

    Args:
        ratio: of the traces that nobody has recorded yet, the share that is, by trace ID.
        sink: where spans are sent instead of to the endpoint.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        ratio: float,
        service: str,
        version: str,
        instance: str,
        count: Count = lambda result, spans: None,
        sink: SpanExporter | None = None,
    ):
        # What it says of a collector that is away, `_Told` says once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        sink = sink or OTLPSpanExporter(endpoint=address_of(endpoint), timeout=_SECONDS)
        pause = None if _PAUSE in os.environ else _EVERY
        self._processor = BatchSpanProcessor(_Told(sink, count), schedule_delay_millis=pause)
        resource = Resource.create(
            {
                "service.name": f"heliograph-{service}",
                "service.namespace": "heliograph",
                "service.version": version,
                "service.instance.id": instance,
            }
        )
        by_id = TraceIdRatioBased(ratio)
        sampler = ParentBased(
            root=by_id, remote_parent_not_sampled=by_id, local_parent_not_sampled=by_id
        )
        provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("heliograph", version)

    def begin(
        self,
        kind: SpanType,
        name: str,
        *,
        parent: str | None,
        links: Sequence[str],
        since: int | None,
        attributes: Attributes,
    ) -> Span:
        """A span; see `common.tracing.begin`."""
        under = Context()
        if parent is not None:
            under = api.set_span_in_context(api.NonRecordingSpan(_context(parent)), under)
        begun = self._tracer.start_span(
            name,
            context=under,
            kind=_KINDS[kind.kind],
            attributes=_said(attributes),
            links=[api.Link(_context(link)) for link in links],
            start_time=since,
        )
        return _Begun(begun, parent)

    async def close(self, seconds: float) -> None:
        """Send what is left; what has not left after so many seconds is lost. In a thread of its
        own that nobody waits for in the end: the collector may be frozen."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call] # the SDK's
            if not loop.is_closed():
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=shut_down, name="traces", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                await done.wait()
        except TimeoutError:
            log.warning("traces.lost_at_stop", seconds=seconds)


class _Begun:
    """A span of the SDK."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: api.Span, parent: str | None):
        self._span = span
        at = span.get_span_context()
        flags = int(at.trace_flags)
        own = f"00-{at.trace_id:032x}-{at.span_id:016x}-{flags:02x}"
        # An SDK that `OTEL_SDK_DISABLED` switches off gives no IDs; what came goes on then.
        self.traceparent = own if at.is_valid else parent

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(_said(attributes))

    def fail(self, code: str) -> None:
        self._span.set_attribute(Attribute.ERROR_TYPE.value, scrub(code))
        self._span.set_status(api.StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()


class _Told(SpanExporter):
    """Counts what is sent and what is not, and logs when that changes."""

    def __init__(self, inner: SpanExporter, count: Count):
        self._inner = inner
        self._count = count
        self._works = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        works = result is SpanExportResult.SUCCESS
        self._count("exported" if works else "failed", len(spans))
        if works != self._works:
            self._works = works
            if works:
                log.info("traces.exported_again")
            else:
                log.warning("traces.not_exported", spans=len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _context(traceparent: str) -> api.SpanContext:
    """Of a well-formed traceparent."""
    _, trace_id, span_id, flags = traceparent.split("-")
    return api.SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=api.TraceFlags(int(flags, 16)),
    )


def _said(attributes: Attributes) -> dict[str, str | int]:
    return {
        name.value: scrub(value)[:_LONGEST] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }
