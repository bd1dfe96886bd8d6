"""One text followed by an ID: its spans, its log lines and the metrics that lead to it.

The ID may be a text's, a trace's or a command's. Everything is read from the stage's folder, so it
works when the stage has ended too; the metrics are asked of the services, which then do not answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
import orjson
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from local.receiver import Seen, kept

PLACES: Final = "stage.json"
"""In the folder of logs: where the services' metrics are, by name."""

_TRACE: Final = re.compile(r'trace_id"?[=:] ?"?([0-9a-f]{32})')
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
_ASKED: Final = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a service has logged, as it stands there."""

    at: str
    service: str
    text: str


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A bucket that leads to a trace."""

    service: str
    metric: str
    labels: str
    value: float
    trace_id: str


@dataclass(slots=True)
class Trail:
    """What is known of an ID."""

    wanted: str
    traces: list[str] = field(default_factory=list)
    """IDs of traces: first those that name it, then those that are linked to them."""
    spans: list[Seen] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    exemplars: list[Exemplar] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    """Services that did not tell their metrics."""


def follow_in(folder: Path, wanted: str) -> Trail:
    """What spans and logs tell of an ID."""
    spans, lines = kept(folder), list(_lines(folder))
    trail = Trail(wanted, _traces(wanted, spans, lines))
    known = set(trail.traces)
    trail.spans = sorted((it for it in spans if it.trace_id in known), key=lambda it: it.began)
    naming = known | {wanted}
    trail.lines = sorted(
        (line for line in lines if any(name in line.text for name in naming)),
        key=lambda line: line.at,
    )
    return trail


def _traces(wanted: str, spans: Sequence[Seen], lines: Iterable[LogLine]) -> list[str]:
    """The traces that name it, and of those that are linked, one step far."""
    found: dict[str, None] = {}
    for span in spans:
        if wanted == span.trace_id or wanted in span.attributes.values():
            found[span.trace_id] = None
    for line in lines:
        if wanted in line.text:
            found |= dict.fromkeys(_TRACE.findall(line.text))
    linked = {link: None for span in spans if span.trace_id in found for link in span.links}
    return [*found, *(link for link in linked if link not in found)]


def _lines(folder: Path) -> Iterator[LogLine]:
    for path in sorted(folder.glob("*.log")):
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if (instant := _INSTANT.search(text)) is not None:
                yield LogLine(instant[0], path.stem, text)


async def add_exemplars(trail: Trail, folder: Path) -> None:
    """Ask the services for the metrics that lead to the trail's traces."""
    for service, port in _places(folder).items():
        try:
            told = await _metrics(port)
        except (aiohttp.ClientError, TimeoutError):
            trail.silent.append(service)
        else:
            found = exemplars_in(told, service)
            trail.exemplars += [it for it in found if it.trace_id in trail.traces]


def _places(folder: Path) -> dict[str, int]:
    try:
        places: dict[str, int] = orjson.loads((folder / PLACES).read_bytes())
    except FileNotFoundError:
        return {}
    return places


async def _metrics(port: int) -> str:
    url, timeout = f"http://127.0.0.1:{port}/metrics", aiohttp.ClientTimeout(total=3)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(url, headers={"Accept": _ASKED}) as answer,
    ):
        return await answer.text()


def exemplars_in(told: str, service: str) -> Iterator[Exemplar]:
    """The exemplars of an exposition."""
    for family in text_string_to_metric_families(told):  # type: ignore[no-untyped-call] # its own
        for sample in family.samples:
            exemplar = sample.exemplar
            if exemplar is not None and "trace_id" in exemplar.labels:
                labels = ", ".join(f"{name}={value}" for name, value in sample.labels.items())
                trace_id = exemplar.labels["trace_id"]
                yield Exemplar(service, family.name, labels, float(exemplar.value), trace_id)


def shown(trail: Trail) -> Iterator[str]:
    """The trail for a person, a line at a time."""
    for place, trace_id in enumerate(trail.traces):
        spans = [span for span in trail.spans if span.trace_id == trace_id]
        if spans or place == 0:
            yield f"Trace {trace_id}"
            yield from _tree(spans)
            yield ""
    yield "Log lines"
    yield from (f"  {line.service:<10} {line.text}" for line in trail.lines)
    yield ""
    yield "Metrics whose exemplar it is (a newer text takes its place)"
    for it in trail.exemplars:
        yield f"  {it.service:<10} {it.metric}{{{it.labels}}} {it.value:.4f}  {it.trace_id}"
    if trail.silent:
        yield f"  no answer from: {', '.join(trail.silent)}"


def _tree(spans: Sequence[Seen]) -> Iterator[str]:
    """Each span below its parent; one whose parent is not known stands at the left."""
    known = {span.span_id for span in spans}
    below: dict[str, list[Seen]] = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def write(parent: str, depth: int) -> Iterator[str]:
        for span in below.get(parent, ()):
            yield _span_line(span, depth)
            yield from write(span.span_id, depth + 1)

    yield from write("", 0)


def _span_line(span: Seen, depth: int) -> str:
    at = datetime.fromtimestamp(span.began / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
    service = span.service.removeprefix("heliograph-")
    own = (f"{k.rpartition('.')[2]}={v}" for k, v in span.attributes.items() if _is_telling(k))
    mark = "  FAILED" if span.failed else ""
    name = f"{'  ' * depth}{span.name}"
    return f"  {at} {span.milliseconds:>9.1f} ms  {service:<10} {name:<44} {' '.join(own)}{mark}"


def _is_telling(attribute: str) -> bool:
    return attribute.startswith(("heliograph.", "error.", "http.response"))
