"""Event Grid deliveries with ACS events, and answers of ACS, with values of our own."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from conformance.provider_world import JSON, REFERENCE, Said, Told

from common.providers.callbacks import (
    DeliveryReport,
    Ignored,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from heliograph.models import ReportStatus

KEY = base64.b64encode(b"a key of thirty-two octets, made").decode()
OURS, THEIRS = "+18885550170", "+14155550139"
INBOUND_ID = "Incoming_20260301115958a1b2c3d4-0001-4002-8003-0123456789ab"
ID = "Outgoing_20260301120000d4c3b2a1-0004-4005-8006-ba9876543210"

RECEIVED = ReceivedText(
    message_id=INBOUND_ID,
    number=OURS,
    remote=THEIRS,
    body="Is the ferry running? ⛴",
    segments=1,
    at=datetime(2026, 3, 1, 11, 59, 58, 123456, UTC),
)
REPORT = DeliveryReport(
    message_id=ID,
    number=OURS,
    remote=THEIRS,
    status=ReportStatus.DELIVERED,
    code=None,
    details="No error.",
    reference=REFERENCE,
    at=datetime(2026, 3, 1, 12, 0, 3, 500000, UTC),
)

_RECEIVED = "Microsoft.Communication.SMSReceived"
_REPORTED = "Microsoft.Communication.SMSDeliveryReportReceived"


def received(**changes: Any) -> dict[str, Any]:
    """The data of an inbound text."""
    return {
        "messageId": INBOUND_ID,
        "from": THEIRS[1:],
        "to": OURS[1:],
        "message": RECEIVED.body,
        "receivedTimestamp": "2026-03-01T11:59:58.1234567Z",
        "segmentCount": 1,
    } | changes


def reported(**changes: Any) -> dict[str, Any]:
    """The data of a delivery report."""
    return {
        "messageId": ID,
        "from": OURS[1:],
        "to": THEIRS,
        "deliveryStatus": "Delivered",
        "deliveryStatusDetails": "No error.",
        "receivedTimestamp": "2026-03-01T12:00:03.5Z",
        "deliveryAttempts": [
            {"timestamp": "2026-03-01T12:00:02Z", "segmentsSucceeded": 1, "segmentsFailed": 0}
        ],
        "Tag": REFERENCE,
    } | changes


def event_grid(data: Any, kind: str = "") -> dict[str, Any]:
    """An event in Event Grid's own schema."""
    return {
        "id": _id_of(data),
        "topic": "/subscriptions/s/resourcegroups/g/providers/microsoft.communication/r",
        "subject": "/phonenumber/18885550170",
        "data": data,
        "eventType": kind or _kind_of(data),
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": "2026-03-01T12:00:04Z",
    }


def cloud_event(data: Any) -> dict[str, Any]:
    """An event in the schema of CloudEvents."""
    return {
        "source": "/subscriptions/s/resourcegroups/g/providers/microsoft.communication/r",
        "subject": "/phonenumber/18885550170",
        "type": _kind_of(data),
        "time": "2026-03-01T12:00:04.0000000Z",
        "id": _id_of(data),
        "data": data,
        "specversion": "1.0",
    }


def _id_of(data: Any) -> str:
    return str(data.get("messageId") or INBOUND_ID) if isinstance(data, dict) else INBOUND_ID


def _kind_of(data: Any) -> str:
    return _REPORTED if isinstance(data, dict) and "deliveryStatus" in fold(data) else _RECEIVED


def fold(data: dict[str, Any]) -> dict[str, Any]:
    """The data with names as the newer samples write them."""
    return {name[:1].lower() + name[1:]: value for name, value in data.items()}


def pascal(data: dict[str, Any]) -> dict[str, Any]:
    """The data with names as the older samples write them."""
    return {name[:1].upper() + name[1:]: value for name, value in data.items()}


def told(delivery: Any, *readings: Any) -> Told:
    """A delivery, and what it says."""
    return Told(body=orjson.dumps(delivery), headers=JSON, readings=readings)


FAILED = reported(
    deliveryStatus="Failed", deliveryStatusDetails="4006: The destination is not reachable."
)
UNREACHABLE = replace(
    REPORT,
    status=ReportStatus.UNDELIVERABLE,
    code="4006",
    details="4006: The destination is not reachable.",
)
PAYLOADS = {
    "text": told([event_grid(received())], RECEIVED),
    "text as a CloudEvent": told(cloud_event(received()), RECEIVED),
    "text in capitals": told([event_grid(pascal(received()))], RECEIVED),
    "text with plus signs": told(
        [event_grid(received(**{"from": THEIRS, "to": OURS, "message": "STOP"}))],
        replace(RECEIVED, body="STOP"),
    ),
    "text without a count": told(
        [event_grid(received(segmentCount=None))], replace(RECEIVED, segments=None)
    ),
    "text without a time": told(
        [event_grid(received(receivedTimestamp="?"))], replace(RECEIVED, at=None)
    ),
    "text without an ID of its own": told([event_grid(received(messageId=None))], RECEIVED),
    "text, delivered again": told([event_grid(received())], RECEIVED),
    "report": told([event_grid(reported())], REPORT),
    "report as a CloudEvent": told(cloud_event(reported()), REPORT),
    "report in capitals": told([event_grid(pascal(reported()))], REPORT),
    "report of a failure": told([event_grid(FAILED)], UNREACHABLE),
    "report with a foreign tag": told(
        [event_grid(reported(Tag="spring offers"))], replace(REPORT, reference=None)
    ),
    "batch": told([event_grid(received()), event_grid(reported())], RECEIVED, REPORT),
    "batch with rubbish": told(
        [
            event_grid(received(to=5)),
            event_grid(received()),
            "rubbish",
            event_grid(reported(deliveryStatus=None)),
            event_grid({}, "Microsoft.Storage.BlobCreated"),
            event_grid(reported()),
        ],
        Unreadable,
        RECEIVED,
        Unreadable,
        Unreadable,
        Ignored,
        REPORT,
    ),
    "a subscription's end": told(
        [event_grid({}, "Microsoft.EventGrid.SubscriptionDeletedEvent")], Ignored
    ),
    "nothing": told([]),
    "no JSON": Told(body=b"<html/>", headers=JSON, readings=[UnreadableEvent]),
}


def accepted(**item: Any) -> Said:
    """The answer to a send that was accepted."""
    usual = {"to": THEIRS, "messageId": ID, "httpStatusCode": 202, "successful": True}
    return Said(202, {"value": [usual | item]})


def refused(status: int, words: str) -> Said:
    """The answer to a send that was refused for its recipient."""
    return accepted(messageId=None, httpStatusCode=status, successful=False, errorMessage=words)


def error(status: int, code: str, words: str = "No.") -> Said:
    """An error of the whole call."""
    return Said(status, {"error": {"code": code, "message": words}})


def problem(status: int, **errors: list[str]) -> Said:
    """An error of the whole call, as problem details."""
    return Said(status, {"title": "One or more validation errors occurred.", "errors": errors})
