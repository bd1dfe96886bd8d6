"""What Azure Communication Services tells of texts through Event Grid, read into plain values.

Sources: Microsoft docs, "Azure Communication Services - SMS events" (the `data` of SMSReceived and
SMSDeliveryReportReceived) and "Troubleshooting SMS: delivery codes"; azure-rest-api-specs,
specification/eventgrid/data-plane/Microsoft.Communication. The published samples disagree on the
case of property names (`messageId`, `MessageId`, `Tag` among camelCase siblings) and on the `+` of
numbers, so both are read in any form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from common.addresses import normalise_address
from common.providers.callbacks import DeliveryReport, ReceivedText, UnreadableEvent
from common.providers.reading import brief, own_reference, parse_instant
from heliograph.models import ReportStatus

NAME: Final = "acs"
"""The provider's name in routing keys and records."""

RECEIVED: Final = "microsoft.communication.smsreceived"
REPORT: Final = "microsoft.communication.smsdeliveryreportreceived"
"""Event types in lower case; consumers compare them case-insensitively."""

_STATUS: Final[Mapping[str, ReportStatus]] = {
    "delivered": ReportStatus.DELIVERED,
    "expired": ReportStatus.EXPIRED,
}
"""Delivery statuses that speak for themselves; every other one is judged by its code."""

DELIVERY_CODES: Final[Mapping[str, ReportStatus]] = {
    "2000": ReportStatus.DELIVERED,
    "4000": ReportStatus.REJECTED,  # fraud detection
    "4001": ReportStatus.UNDELIVERABLE,  # invalid source number format
    "4002": ReportStatus.UNDELIVERABLE,  # invalid destination number format
    "4003": ReportStatus.UNDELIVERABLE,  # unsupported destination
    "4004": ReportStatus.UNDELIVERABLE,  # destination does not exist
    "4005": ReportStatus.REJECTED,  # blocked by the destination carrier
    "4006": ReportStatus.UNDELIVERABLE,  # destination not reachable
    "4007": ReportStatus.REJECTED,  # destination opted out
    "4008": ReportStatus.FAILED,  # over the maximum for the profile
    "4009": ReportStatus.REJECTED,  # Microsoft entitlement system
    "4010": ReportStatus.REJECTED,  # toll-free number not verified
    "4020": ReportStatus.FAILED,  # carrier volumetric violation
    "5000": ReportStatus.FAILED,  # contact support
    "5001": ReportStatus.FAILED,  # a system is temporarily unavailable
    "5002": ReportStatus.SENT,  # the carrier gives no report; it may have been delivered
    "9999": ReportStatus.FAILED,  # unknown failure
}
"""Every code of "Troubleshooting SMS: delivery codes"; docs/delivery.md explains each. One that is
not there says `failed`, as the delivery status beside it does."""

_CODE: Final = re.compile(r"\s*([0-9]{4})(?![0-9])")

_LONGEST_ID: Final = 512
_LONGEST_ADDRESS: Final = 64


def fold(value: Mapping[str, object]) -> dict[str, object]:
    """An object with its property names in lower case; of two that differ only in case, the one
    that is not null stays."""
    folded: dict[str, object] = {}
    for name, item in value.items():
        key = name.lower()
        if item is not None or key not in folded:
            folded[key] = item
    return folded


def parse_received(data: object, *, event_id: object = None) -> ReceivedText:
    """Read the `data` of an SMSReceived event. `event_id`, the envelope's, stands in for a missing
    message ID (they are equal in the published samples).

    Raises:
        UnreadableEvent: a field that the text needs is missing or not a string.
    """
    fields = _fields(data)
    return ReceivedText(
        message_id=_message_id(fields, event_id),
        number=_address(fields, "to"),
        remote=_address(fields, "from"),
        body=_text(fields, "message"),
        segments=_count(fields.get("segmentcount")),
        at=parse_instant(fields.get("receivedtimestamp")),
    )


def parse_report(data: object, *, event_id: object = None) -> DeliveryReport:
    """Read the `data` of an SMSDeliveryReportReceived event.

    Raises:
        UnreadableEvent: a field that the report needs is missing or not a string.
    """
    fields = _fields(data)
    details = fields.get("deliverystatusdetails")
    details = details if isinstance(details, str) else None
    code = _CODE.match(details or "")
    return DeliveryReport(
        message_id=_message_id(fields, event_id),
        number=_address(fields, "from"),
        remote=_address(fields, "to"),
        status=report_status(_text(fields, "deliverystatus"), code[1] if code else None),
        code=code[1] if code else None,
        details=brief(details or "") or None,
        reference=own_reference(fields.get("tag")),
        at=parse_instant(fields.get("receivedtimestamp")),
    )


def report_status(status: str, code: str | None) -> ReportStatus:
    """The normalised status of a delivery status and the four-digit code of its details."""
    spoken = _STATUS.get(status.strip().lower())
    return spoken or DELIVERY_CODES.get(code or "", ReportStatus.FAILED)


def _fields(data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise UnreadableEvent("data is not an object")
    return fold(data)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise UnreadableEvent(f"data.{name} is missing or not a string")
    return value


def _message_id(fields: Mapping[str, object], event_id: object) -> str:
    value = fields.get("messageid") or event_id
    if not isinstance(value, str) or not value or len(value) > _LONGEST_ID:
        raise UnreadableEvent("data.messageid is missing, not a string or too long")
    return value


def _address(fields: Mapping[str, object], name: str) -> str:
    address = normalise_address(_text(fields, name))
    if not address or len(address) > _LONGEST_ADDRESS:
        raise UnreadableEvent(f"data.{name} is empty or too long")
    return address


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000:
        return value
    return None
