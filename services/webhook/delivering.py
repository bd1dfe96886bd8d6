"""An event of a delivery on its way to the bus, for whoever follows a text: its span and its line
in the log. A stranger's request has neither: an event is told of when its delivery was admitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import structlog

from common import tracing
from common.bus.messages import Outgoing
from common.providers.callbacks import Known, Reading, ReceivedText
from common.spans import DELIVER, Attribute
from common.store.records import inbound_id
from common.tracing import Span
from heliograph import wire

log = structlog.get_logger(__name__)

_OUR_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `message_id` is that of its text, where it is known."""

    name: str
    provider: str
    message_id: str | None
    message: Outgoing
    """Carries on the trace in which the event came, or its own."""
    span: Span

    @property
    def trace_id(self) -> str | None:
        return tracing.id_of(self.message.headers.get(wire.HEADER_TRACEPARENT))


def event_of(
    reading: Reading,
    message: Outgoing,
    *,
    provider: str,
    tenant_id: str,
    traceparent: str | None,
    since: int | None,
    together: int,
) -> Event:
    """An event that is to be published as `message`."""
    name = "other" if not isinstance(reading, Known) else reading.name
    told = reading.traceparent if isinstance(reading, Known) else None
    message_id = _text_of(reading, provider, tenant_id)
    span = tracing.begin(
        DELIVER,
        provider,
        parent=told or traceparent,
        since=since,
        attributes={
            Attribute.HTTP_METHOD: "POST",
            Attribute.PROVIDER: provider,
            Attribute.EVENT: name,
            Attribute.MESSAGE_ID: message_id,
            Attribute.TOGETHER: together if together > 1 else None,
        },
    )
    if span.traceparent is not None:
        headers = {**message.headers, wire.HEADER_TRACEPARENT: span.traceparent}
        message = replace(message, headers=headers)
    return Event(name, provider, message_id, message, span)


def _text_of(reading: Reading, provider: str, tenant_id: str) -> str | None:
    """Our ID of the text that it is about. A report names it where the provider echoes it."""
    if not isinstance(reading, Known):
        return None
    content = reading.content
    if isinstance(content, ReceivedText):
        return inbound_id(tenant_id, provider, content.message_id)
    reference = content.reference
    return reference if reference is not None and _OUR_ID.fullmatch(reference) else None


@contextmanager
def delivering(events: Sequence[Event]) -> Iterator[None]:
    """Collect and publish events meanwhile: what fails, fails for all that are there by then."""
    try:
        yield
    except BaseException as error:
        for event in events:
            event.span.fail(type(error).__name__)
        raise
    finally:
        for event in events:
            event.span.end()
    for event in events:
        log.debug(
            "event.published",
            type=event.name,
            provider=event.provider,
            message_id=event.message_id,
            trace_id=event.trace_id,
        )
