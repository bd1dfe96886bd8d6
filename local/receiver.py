"""A collector for one machine: it takes OTLP over HTTP and keeps the spans in a file.

Source: OpenTelemetry protocol, "OTLP/HTTP Request", in protobuf; bodies may come gzipped, which
aiohttp undoes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # has no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

FILE: Final = "spans.jsonl"
_EARLIER: Final = "spans.earlier.jsonl"
_MOST: Final = 20_000
"""Spans in a file; then it becomes the earlier one, and the one before that goes. A text has about
twenty."""
_PATH: Final = "/v1/traces"
_TYPE: Final = "application/x-protobuf"
_LARGEST: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A span that was received. Instants are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    began: int
    ended: int
    failed: bool
    attributes: dict[str, Any]
    links: list[str]
    """IDs of the traces that also led to it."""

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.began) / 1e6


class Receiver:
    """Takes spans, and writes one line of JSON for each."""

    def __init__(self, folder: Path, *, most: int = _MOST):
        folder.mkdir(parents=True, exist_ok=True)
        self.url = ""
        self._file = folder / FILE
        self._earlier = folder / _EARLIER
        self._most = most
        self._written = 0

    async def take(self, request: web.Request) -> web.Response:
        """One export."""
        if request.content_type != _TYPE:
            return web.Response(status=415)
        try:
            said = ExportTraceServiceRequest.FromString(await request.read())
        except DecodeError:
            return web.Response(status=400)
        self.keep(list(read(said)))
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type=_TYPE)

    def keep(self, spans: Iterable[Seen]) -> None:
        """Write spans down."""
        for span in spans:
            if self._written >= self._most:
                self._file.replace(self._earlier)
                self._written = 0
            with self._file.open("ab") as file:
                file.write(orjson.dumps(asdict(span)) + b"\n")
            self._written += 1


@contextlib.asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine, which writes into the folder."""
    receiver = Receiver(folder)
    app = web.Application(client_max_size=_LARGEST)
    app.router.add_post(_PATH, receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()


def read(said: ExportTraceServiceRequest) -> Iterator[Seen]:
    """The spans of an export."""
    for resource in said.resource_spans:
        told = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    service=str(told.get("service.name", "")),
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes=_values(span.attributes),
                    links=[link.trace_id.hex() for link in span.links],
                )


def _values(attributes: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for it in attributes:
        kind = it.value.WhichOneof("value")
        found[it.key] = getattr(it.value, kind) if kind else None
    return found


def kept(folder: Path) -> list[Seen]:
    """The spans that a receiver has written, oldest first."""
    spans = []
    for name in (_EARLIER, FILE):
        with contextlib.suppress(FileNotFoundError):
            for line in (folder / name).read_bytes().splitlines():
                with contextlib.suppress(orjson.JSONDecodeError):  # The last one, while written.
                    spans.append(Seen(**orjson.loads(line)))
    return spans
