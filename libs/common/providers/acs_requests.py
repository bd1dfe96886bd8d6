"""What newer versions of the ACS SMS API can be asked beside sending: the service's own opt-out
list, and delivery reports. Pure: paths, bodies, and how the answers read.

Source: Azure REST API specs, Communication SMS, 2025-05-29-preview (`/sms/optouts:add`, `:remove`,
`:check`) and 2026-01-23 (`/deliveryReports/{outgoingMessageId}`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

import orjson

from common.addresses import normalise_address
from common.providers.acs_events import parse_report
from common.providers.acs_versions import ApiVersion
from common.providers.callbacks import UnreadableEvent
from common.providers.port import FetchedReport

_OK: Final = 200
_NO_SUCH_ROUTE: Final = 404

# Message IDs are opaque; one of other characters would be signed and sent in different spellings.
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,512}")

ADD: Final = "add"
REMOVE: Final = "remove"
CHECK: Final = "check"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `path` holds the query."""

    method: Literal["GET", "POST"]
    path: str
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What the opt-out list says of one recipient; `opted_out` None where it does not tell."""

    taken: bool
    opted_out: bool | None


def opt_outs_request(action: str, sender: str, recipient: str, version: ApiVersion) -> Request:
    """Add to, remove from, or look into the opt-out list of a sender."""
    document = {"from": sender, "recipients": [{"to": recipient}]}
    return Request("POST", _path(f"/sms/optouts:{action}", version), document)


def read_opt_outs(answer: Answer, recipient: str) -> Entry | None:
    """What an answer says of the recipient; None where the service has no such list."""
    if answer.status == _NO_SUCH_ROUTE:
        return None
    items = [
        item
        for item in _items(answer)
        if normalise_address(str(item.get("to") or "")) == normalise_address(recipient)
    ]
    if len(items) != 1 or items[0].get("httpStatusCode") != _OK:
        return Entry(taken=False, opted_out=None)
    told = items[0].get("isOptedOut")
    return Entry(taken=True, opted_out=told if isinstance(told, bool) else None)


def report_request(provider_message_id: str, version: ApiVersion) -> Request | None:
    """Ask for a text's delivery report; None for what is no ID of the service."""
    if not _PLAIN_ID.fullmatch(provider_message_id):
        return None
    return Request("GET", _path(f"/deliveryReports/{provider_message_id}", version))


def read_report(answer: Answer, provider_message_id: str, now: datetime) -> FetchedReport | None:
    """The report of an answer, or None where there is none yet. It has the fields of the event
    that is told through Event Grid; `now` stands for an instant that it does not tell."""
    if answer.status != _OK:
        return None
    try:
        report = parse_report(_read(answer), event_id=provider_message_id)
    except UnreadableEvent:
        return None
    return FetchedReport(
        status=report.status, code=report.code, details=report.details, at=report.at or now
    )


def _path(path: str, version: ApiVersion) -> str:
    return f"{path}?{urlencode({'api-version': version.value})}"


def _items(answer: Answer) -> list[dict[str, Any]]:
    document = _read(answer) if answer.status == _OK else None
    items = document.get("value") if isinstance(document, dict) else None
    return [it for it in items if isinstance(it, dict)] if isinstance(items, list) else []


def _read(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
