"""Logs: structlog, JSON or console, masked by construction.

A caller cannot leak by accident: keys that hold a text's content are replaced by its length, and
every other string is scrubbed of numbers and credentials on its way out, tracebacks included.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import structlog

from common import trace, tracing
from common.redact import scrub

_CONTENT_KEYS: Final = frozenset({"body", "original_body", "text", "details"})
_PLAIN_KEYS: Final = frozenset({"timestamp", "level", "event", "service", "trace_id"})
_REPEATED: Final = (("aiormq.connection", "error when creating transport"),)
"""Lines of libraries that repeat what we log ourselves, by logger and beginning: aiormq logs each
connection that cannot be made and then raises the same error, which the bus logs as `bus.down`. The
logger's other lines stay: only it says that a broker in need blocks the connection."""

Event = MutableMapping[str, Any]


def mask(_: object, __: str, event: Event) -> Event:
    """Replace contents by their length and scrub every other string."""
    for key, value in event.items():
        if key in _CONTENT_KEYS:
            event[key] = _hidden(value)
        elif key not in _PLAIN_KEYS:
            event[key] = _scrubbed(value)
    if isinstance(event.get("event"), str):
        event["event"] = scrub(event["event"])
    return event


def _hidden(content: Any) -> str:
    return f"<{len(content)} characters>" if isinstance(content, str) else "<hidden>"


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {
            scrub(str(key)): _hidden(item) if key in _CONTENT_KEYS else _scrubbed(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_scrubbed(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return scrub(str(value))


def add_trace(_: object, __: str, event: Event) -> Event:
    """Put the trace ID of what is being worked on into the line, where it names none: of a batch,
    each text has its own."""
    if event.get("trace_id") is None:
        event.pop("trace_id", None)
        if (trace_id := tracing.id_of(trace.current.get())) is not None:
            event["trace_id"] = trace_id
    return event


def configure(*, service: str, level: str, form: str) -> None:
    """Send structlog's and the standard library's records to standard error, masked."""

    def add_service(_: object, __: str, event: Event) -> Event:
        event["service"] = service
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        add_trace,
        structlog.processors.format_exc_info,
        mask,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_dump)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    threshold = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))


def _is_news(record: logging.LogRecord) -> bool:
    return not any(
        record.name == name and str(record.msg).startswith(begin) for name, begin in _REPEATED
    )


def _dump(event: Event, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
