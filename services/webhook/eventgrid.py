"""Event Grid's two envelopes and its two handshakes, without any I/O.

Sources: Microsoft docs, "Azure Event Grid event schema", "Use CloudEvents v1.0 schema with Azure
Event Grid", "Webhook endpoint validation with Event Grid schema"; CloudEvents "HTTP 1.1 Web Hooks
for Event Delivery" 1.0.2, section 4. The content type of a delivery is not looked at: the one of
CloudEvents batches is not documented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from common.providers.acs_events import fold
from common.providers.callbacks import UnreadableEvent
from common.providers.reading import load_json
from webhook.problems import (
    NO_ORIGIN,
    NO_VALIDATION,
    NOT_JSON,
    TOO_MANY_EVENTS,
    UNKNOWN_ORIGIN,
    UNKNOWN_SUBSCRIPTION,
    WRONG_SHAPE,
    Refusal,
)

MAX_EVENTS: Final = 5_000
"""The most that Event Grid puts into one batch ("Event Grid message delivery and retry")."""

VALIDATION: Final = "microsoft.eventgrid.subscriptionvalidationevent"
DELETED: Final = "microsoft.eventgrid.subscriptiondeletedevent"

HEADER_SUBSCRIPTION: Final = "aeg-subscription-name"

_ORIGIN: Final = re.compile(r"[A-Za-z0-9.*:/_-]{1,255}")
_RATE: Final = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event out of its envelope. `type` is in lower case; `at` and `traceparent` are as they
    came, and `id` is the envelope's."""

    type: str
    id: object
    data: object
    at: object
    traceparent: object


@dataclass(frozen=True, slots=True)
class NoEvent:
    """An element of a delivery that is no event; `reason` is one sentence without content."""

    reason: str


def read_delivery(body: bytes) -> Sequence[object]:
    """The elements of a delivery, as they came.

    Raises:
        Refusal: not JSON, neither an object nor an array, or too many events.
    """
    content = _load(body)
    if isinstance(content, dict):
        return (content,)
    if not isinstance(content, list):
        raise Refusal(WRONG_SHAPE)
    if len(content) > MAX_EVENTS:
        raise Refusal(TOO_MANY_EVENTS)
    return content


def read_event(item: object) -> Event | NoEvent:
    """One element as an event of whichever schema: it is CloudEvents when it has `specversion`."""
    if not isinstance(item, dict):
        return NoEvent("the element is not an object")
    fields = fold(item)
    cloud = "specversion" in fields
    kind = fields.get("type" if cloud else "eventtype")
    if not isinstance(kind, str) or not kind:
        return NoEvent("the event names no type")
    return Event(
        type=kind.lower(),
        id=fields.get("id"),
        data=fields.get("data"),
        at=fields.get("time" if cloud else "eventtime"),
        traceparent=fields.get("traceparent"),
    )


def validation_code(
    items: Sequence[object], headers: Mapping[str, str], subscriptions: frozenset[str]
) -> str | None:
    """The code to echo where the delivery is a subscription validation, else None.

    That is decided by the events alone. The header `aeg-event-type` is not looked at: a wrong one
    must not turn somebody's text into a refusal. `subscriptions` are the names (in lower case) that
    may subscribe; empty means any. The validation URL in the event is never called: it is whatever
    the caller wrote.

    Raises:
        Refusal: a validation that is malformed or of an unknown subscription.
    """
    if not items or not all(_validates(read_event(item)) for item in items):
        return None
    code = _code_of(read_event(items[0])) if len(items) == 1 else None
    if code is None:
        raise Refusal(NO_VALIDATION)
    if subscriptions and headers.get(HEADER_SUBSCRIPTION, "").lower() not in subscriptions:
        raise Refusal(UNKNOWN_SUBSCRIPTION)
    return code


def consent(headers: Mapping[str, str], origins: frozenset[str]) -> dict[str, str]:
    """The headers that answer a CloudEvents handshake. `origins` (in lower case) are those that may
    deliver; empty means any.

    Raises:
        Refusal: no origin is named, or not one of ours.
    """
    origin = headers.get("WebHook-Request-Origin", "").strip()
    if not _ORIGIN.fullmatch(origin):
        raise Refusal(NO_ORIGIN)
    if origins and origin.lower() not in origins:
        raise Refusal(UNKNOWN_ORIGIN)
    rate = headers.get("WebHook-Request-Rate", "").strip()
    return {
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": rate if _RATE.fullmatch(rate) else "*",
        "Allow": "POST, OPTIONS",
    }


def write_item(item: object) -> bytes:
    """An element as JSON again. Orjson writes 254 levels and reads 1,024, hence the second way."""
    try:
        return orjson.dumps(item)
    except TypeError:
        pass
    try:
        return json.dumps(item).encode()
    except (RecursionError, ValueError):
        return b'"nested too deeply"'


def _validates(event: Event | NoEvent) -> bool:
    return isinstance(event, Event) and event.type == VALIDATION


def _code_of(event: Event | NoEvent) -> str | None:
    if isinstance(event, NoEvent) or not isinstance(event.data, dict):
        return None
    code = fold(event.data).get("validationcode")
    return code if isinstance(code, str) and code else None


def _load(body: bytes) -> Any:
    try:
        return load_json(body)
    except UnreadableEvent:
        raise Refusal(NOT_JSON) from None
