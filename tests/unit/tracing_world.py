"""Spans as the SDK would export them, kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from common import tracing
from common.spans import Attribute
from common.tracing_export import OtlpExporter


class Recorder:
    """What was recorded."""

    def __init__(self, ratio: float):
        self._kept = InMemorySpanExporter()
        self.exporter = OtlpExporter(
            "http://unused",
            ratio=ratio,
            service="test",
            version="0",
            instance="one",
            sink=self._kept,
        )

    async def spans(self, name: str = "") -> list[ReadableSpan]:
        """Every span that is over, or those of a name, in order of their end."""
        await asyncio.to_thread(self.exporter._processor.force_flush)
        return [it for it in self._kept.get_finished_spans() if name in ("", it.name)]

    async def one(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = await self.spans(name)
        return found


@asynccontextmanager
async def recording(*, ratio: float = 1.0) -> AsyncIterator[Recorder]:
    """Record the spans of this process meanwhile."""
    recorder = Recorder(ratio)
    tracing.export_to(recorder.exporter)
    try:
        yield recorder
    finally:
        tracing.export_to(None)
        await recorder.exporter.close(5)


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def says(span: ReadableSpan, attribute: Attribute) -> object:
    return (span.attributes or {}).get(attribute.value)


def tree(spans: Iterable[ReadableSpan]) -> dict[str, str | None]:
    """Each name with the name of its parent, "outside" where that is none of these."""
    spans = list(spans)
    names = {span.context.span_id: span.name for span in spans}
    return {
        span.name: None if span.parent is None else names.get(span.parent.span_id, "outside")
        for span in spans
    }
