"""What Infobip pushes to us: inbound texts, delivery reports and events of its blocklist.

All of them come as an array `results`, and an element tells itself what it is. Sources: Infobip
docs, "Receive inbound SMS messages", "Receive outbound SMS message reports" (version 3, and version
2, which some accounts still get), "Receive blocklist event", "Webhooks".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from common.addresses import normalise_address
from common.providers.callbacks import (
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    DeliveryReport,
    Door,
    Ignored,
    Known,
    Reading,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from common.providers.infobip_codes import Said
from common.providers.reading import basic_problem, load_json, own_reference, parse_instant
from heliograph.models import ReportStatus

_LONGEST_ID: Final = 512
_LONGEST_ADDRESS: Final = 64


def verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """HTTP Basic where a subscription calls. A report's own address does not pass through
    a subscription's security, so its token is all the proof that there is."""
    if request.door is Door.REPORTS:
        return None
    return basic_problem(request, keys)


def read(request: CallbackRequest, _: CallbackKeys) -> Sequence[Reading]:
    """The elements of `results`, each judged by what it holds. The address for reports takes no
    inbound texts, because it asks for less proof.

    Raises:
        UnreadableEvent: there is no `results`.
    """
    content = load_json(request.body)
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, list):
        raise UnreadableEvent("results is missing or not an array")
    return [_reading(item, request.door) for item in results]


def _reading(item: object, door: Door) -> Reading:
    if not isinstance(item, dict):
        return Unreadable("other", item, "the element is not an object")
    if item.get("event") in ("BLOCK", "UNBLOCK"):
        # A keyword's text comes by itself as well. Who opts out in another way, by a link, is known
        # when the next text to them comes back with status 14.
        return Ignored(f"blocklist.{str(item['event']).lower()}")
    name, parse = ("report", _report) if "status" in item else ("received", _received)
    if door is Door.REPORTS and name == "received":
        return Unreadable(name, item, "an inbound text came to the address for reports")
    try:
        content = parse(item)
    except UnreadableEvent as error:
        return Unreadable(name, item, str(error))
    return content if isinstance(content, Ignored) else Known.of(content)


def _received(item: Mapping[str, object]) -> ReceivedText:
    return ReceivedText(
        message_id=_message_id(item),
        number=_address(item, "to"),
        remote=_address(item, "from"),
        body=_body(item),
        segments=_count(item.get("smsCount")),
        at=parse_instant(item.get("receivedAt")),
    )


def _report(item: Mapping[str, object]) -> DeliveryReport | Ignored:
    """A report of version 3, or of version 2, which calls the sender `from` or does not name it."""
    status = item["status"]
    if not isinstance(status, dict):
        raise UnreadableEvent("status is not an object")
    said = Said.of(status, item.get("error"))
    if said.state is None:
        return Ignored(f"report.{said.name or 'unknown'}")
    return DeliveryReport(
        message_id=_message_id(item),
        number=_address(item, "sender" if item.get("sender") else "from", required=False),
        remote=_address(item, "to", required=False),
        status=said.state,
        code=said.code,
        details=said.text or None,
        reference=own_reference(item.get("callbackData")),
        at=parse_instant(item.get("doneAt")) or parse_instant(item.get("sentAt")),
    )


def _body(item: Mapping[str, object]) -> str:
    """The whole text: `cleanText` lacks the keyword that the person typed. Of an MMS the words."""
    if isinstance(text := item.get("text"), str):
        return text
    if not isinstance(parts := item.get("message"), list):
        raise UnreadableEvent("text is missing or not a string")
    values = [part.get("value") for part in parts if isinstance(part, dict)]
    return "\n".join(value for value in values if isinstance(value, str))


def _written(value: object) -> str:
    """A value that is a text, though it may be written as a number."""
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if plain else ""


def id_in(item: Mapping[str, object]) -> str:
    """The message ID that an element bears, "" where it bears none that is usable."""
    value = _written(item.get("messageId"))
    return value if len(value) <= _LONGEST_ID else ""


def _message_id(item: Mapping[str, object]) -> str:
    if value := id_in(item):
        return value
    raise UnreadableEvent("messageId is missing, not a string or too long")


def _address(item: Mapping[str, object], name: str, *, required: bool = True) -> str:
    address = normalise_address(_written(item.get(name)))
    if len(address) > _LONGEST_ADDRESS or (required and not address):
        raise UnreadableEvent(f"{name} is missing, not a string or too long")
    return address


def _count(value: object) -> int | None:
    digits = _written(value)
    return int(digits) if re.fullmatch(r"[0-9]{1,3}", digits) else None


def report_in(results: object, message_id: str) -> DeliveryReport | None:
    """The report on one text among those that were asked for: the handset's word before a failure,
    a failure before what is not final."""
    found = [_reading(item, Door.REPORTS) for item in results] if isinstance(results, list) else []
    reports = [
        item.content
        for item in found
        if isinstance(item, Known)
        and isinstance(item.content, DeliveryReport)
        and item.content.message_id == message_id
    ]
    return max(reports, key=_how_final, default=None)


def _how_final(report: DeliveryReport) -> tuple[bool, bool]:
    return report.status is ReportStatus.DELIVERED, report.status is not ReportStatus.SENT


CALLBACKS: Final = Callbacks(verify=verify, read=read)
"""Any 2xx is an acknowledgement; what it holds is not read."""
