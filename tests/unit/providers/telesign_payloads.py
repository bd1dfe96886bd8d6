"""What Telesign sends and answers, in the shapes of its documentation; numbers, IDs and words are
invented."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from conformance.provider_world import JSON, REFERENCE, Expected, Said, Told, with_headers

from common.providers.callbacks import (
    CallbackRequest,
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from heliograph.models import ReportStatus

CUSTOMER_ID = "5B1E9C40-7A2D-4F63-9D08-C3A6E1F75B24"
API_KEY = "w6p2VcWRjcQEfwngT0yjVYMePRDdkG4luPNACT8ySVsbiKJzDV3eHZrMSjYv0Av8"

GIVEN = {"customer_id": CUSTOMER_ID, "api_key": API_KEY}

NUMBER, PHONE = "+13125550188", "+12065550147"
TEXT_ID = "C70242ECD800EA542134D2D377DBEDE2"
INBOUND_ID = "8678CAC9E2656075F7274FA37C3E6FCB"
TOLD_AT = "2026-02-11T21:40:07.058133Z"
AT = datetime(2026, 2, 11, 21, 40, 7, 58133, tzinfo=UTC)
SENT_AT = datetime(2026, 2, 11, 21, 40, 6, 900000, tzinfo=UTC)
AWKWARD = "Tom & \"Ann\" <b>]]> 'x'+%20\ttab\r\nline=– €ß 🔆;\x00\x7f"
BODY = 'Is the "lamp" <lit> & warm? – ça va 🔆'

NO_RECEIPT = (
    "Message successfully sent out for delivery, however final confirmation of delivery to handset "
    "was not received."
)


def status(code: Any, description: str = "Some state", updated_on: Any = TOLD_AT) -> dict[str, Any]:
    return {"code": code, "description": description, "updated_on": updated_on}


def inbound(*, number: Any = "13125550188", **user: Any) -> dict[str, Any]:
    """An inbound text; `user` changes what stands in `user_response`, None leaves it out."""
    usual = {
        "phone_number": "12065550147",
        "iso_country_code": "US",
        "sender_id": number,
        "mo_message": BODY,
    }
    response = {name: value for name, value in (usual | user).items() if value is not None}
    return {
        "status": status(1500, "Delivered to customer"),
        "submit_timestamp": "2026-02-11T21:40:06.900000Z",
        "errors": [],
        "user_response": response,
        "sub_resource": "mo_sms",
        "reference_id": INBOUND_ID,
    }


def report(code: Any, description: str = "Some state", **more: Any) -> dict[str, Any]:
    """A delivery report; None leaves a field out."""
    usual = {
        "status": status(code, description),
        "submit_timestamp": "2026-02-11T21:40:01.000000Z",
        "errors": [],
        "external_id": REFERENCE,
        "sub_resource": "sms",
        "reference_id": TEXT_ID,
    }
    return {name: value for name, value in (usual | more).items() if value is not None}


def taken(**more: Any) -> Said:
    """The documented success."""
    usual = {
        "reference_id": TEXT_ID,
        "external_id": REFERENCE,
        "status": status(290, "Message in progress"),
    }
    return Said(200, usual | more)


def answer(http: int, code: Any, description: str = "No", *errors: Any) -> Said:
    """An answer that refuses; `errors` are the codes that older products tell."""
    fields: dict[str, Any] = {"reference_id": TEXT_ID, "status": status(code, description)}
    listed = [{"code": error, "description": description} for error in errors]
    return Said(http, fields | ({"errors": listed} if listed else {}))


def told(fields: Any, *readings: Expected, door: Door = Door.PORTAL) -> Told:
    body = fields if isinstance(fields, bytes) else orjson.dumps(fields)
    return Told(body=body, headers=JSON, readings=readings, door=door)


def reference(*path: str) -> Any:
    """A JSON file of the folder that HELIOGRAPH_REFERENCE names, if it names one."""
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    return json.loads(Path(folder, *path).read_text())


def signature(body: bytes, api_key: str = API_KEY) -> str:
    key = base64.b64decode(api_key)
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def signed(request: CallbackRequest, customer_id: str, api_key: str) -> CallbackRequest:
    """The callback as Telesign makes it, with both of its headers."""
    made = signature(request.body, api_key)
    return with_headers(request, X_TS_Authorization=made, Authorization=f"TSA {customer_id}:{made}")


RECEIVED = ReceivedText(
    message_id=INBOUND_ID, number=NUMBER, remote=PHONE, body=BODY, segments=None, at=SENT_AT
)
REPORTED = DeliveryReport(
    message_id=TEXT_ID,
    number="",
    remote="",
    status=ReportStatus.DELIVERED,
    code="200",
    details="Delivered to handset",
    reference=REFERENCE,
    at=AT,
)
DELIVERED = report(
    200,
    "Delivered to handset",
    additional_info={"message_parts_count": 1, "price": "0.0061", "mcc": "310", "mnc": "410"},
)

PAYLOADS = {
    "inbound": told(inbound(), RECEIVED),
    "inbound, told again": told(inbound() | {"status": status("1500", "Delivered")}, RECEIVED),
    "inbound, numbers as numbers": told(
        inbound(number=13125550188, phone_number=12065550147) | {"errors": {}}, RECEIVED
    ),
    "inbound, with a keyword": told(
        inbound(mo_message="Stop", action="stop", keyword="stop", price="0.0075"),
        replace(RECEIVED, body="Stop"),
    ),
    "inbound, to a short code": told(inbound(number="467311"), replace(RECEIVED, number="467311")),
    "inbound, to a shorter code": told(
        inbound(number="6320", iso_country_code="nz", phone_number="64215550147"),
        replace(RECEIVED, number="NZ-6320", remote="+64215550147"),
    ),
    "inbound, to a shorter code of no country": told(
        inbound(number="6320", iso_country_code=None), replace(RECEIVED, number="6320")
    ),
    "inbound, empty": told(inbound(mo_message=""), replace(RECEIVED, body="")),
    "inbound, named by its content alone": told(inbound() | {"sub_resource": None}, RECEIVED),
    "inbound, with its other instant alone": told(
        inbound() | {"submit_timestamp": None}, replace(RECEIVED, at=AT)
    ),
    "inbound, without words": told(inbound(mo_message=None), Unreadable),
    "inbound, without a sender": told(inbound(phone_number=None), Unreadable),
    "inbound, without our number": told(inbound(number=""), Unreadable),
    "inbound, from no number": told(inbound(phone_number="1" * 65), Unreadable),
    "inbound, without an ID": told(inbound() | {"reference_id": None}, Unreadable),
    "inbound, without an answer": told(inbound() | {"user_response": []}, Unreadable),
    "delivered": told(DELIVERED, REPORTED),
    "delivered, told again": told(DELIVERED, REPORTED),
    "delivered, at the other address": told(DELIVERED, REPORTED, door=Door.REPORTS),
    "delivered, as the newer docs have it": told(
        report(200, "Delivered to handset", sub_resource=None, errors=None), REPORTED
    ),
    "at the gateway": told(
        report(203, "Delivered to gateway"),
        replace(REPORTED, status=ReportStatus.SENT, code="203", details="Delivered to gateway"),
    ),
    "in the older form": told(
        report(
            "207",
            external_id=None,
            status=status(
                "207", "Error delivering SMS to handset", "Wed, 11 Feb 2026 21:40:07 GMT"
            ),
        ),
        replace(
            REPORTED,
            status=ReportStatus.FAILED,
            code="207",
            details="Error delivering SMS to handset",
            reference=None,
            at=datetime(2026, 2, 11, 21, 40, 7, tzinfo=UTC),
        ),
    ),
    "without a receipt": told(
        report(251, NO_RECEIPT),
        replace(
            REPORTED,
            status=ReportStatus.SENT,
            code="251",
            details=f"{NO_RECEIPT}; no receipt from the handset will come",
        ),
    ),
    "blocked by the account": told(
        report(10031, "Message blocked by customer request"),
        replace(
            REPORTED,
            status=ReportStatus.REJECTED,
            code="10031",
            details="Message blocked by customer request",
        ),
    ),
    "with an error": told(
        report(
            500, "Transaction not attempted", errors=[{"code": -40025, "description": "Blocked"}]
        ),
        replace(REPORTED, status=ReportStatus.FAILED, code="500", details="Blocked"),
    ),
    "of somebody else's text": told(
        report(200, "Delivered to handset", external_id="order 17"),
        replace(REPORTED, reference=None),
    ),
    "with an instant that is none": told(
        report(200, status=status(200, "Delivered to handset", "2026-31-03T14:51:28.709526Z")),
        replace(REPORTED, at=None),
    ),
    "without an explanation": told(
        report(200, status={"code": " 200 "}), replace(REPORTED, details=None, at=None)
    ),
    "queued": told(report(290, "Message in progress"), Ignored),
    "in a state that is not known": told(report(9999), Ignored),
    "without a state": told(report(None, status=None), Ignored),
    "of another product": told(report(103, sub_resource="call"), Ignored),
    "from another channel": told(inbound() | {"sub_resource": "mo_whatsapp"}, Ignored),
    "a report with no ID": told(report(200, reference_id="A" * 513), Unreadable),
    "a report without an ID": told(report(200, reference_id=None), Unreadable),
    "no JSON": told(b"{'test': 123}", UnreadableEvent),
    "no object": told(b"[1]", UnreadableEvent),
}
