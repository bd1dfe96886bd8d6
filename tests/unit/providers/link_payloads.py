"""What LINK Mobility sends and answers, in the shapes of its documentation; numbers, IDs and words
are invented."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from conformance.provider_world import FORM, JSON, REFERENCE, XML, Expected, Told

from common.ids import derive
from common.providers.callbacks import (
    CallbackAnswer,
    DeliveryReport,
    Ignored,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from heliograph.models import ReportStatus

NUMBER, PHONE = "NO-1961", "+4740001234"
SUB_NUMBER, WITH_SUB_NUMBER = 7700000042, "NO-19617700000042"
PARTNER = "8812"
MESSAGE_ID = "Lq7sVhWzX0kAAAGb/tU+9c1Q"
INBOUND_ID = "Lq7sVhWzX0kAAAGb/tU+9c2M"
TOLD_AT = "2026-02-11T21:40:07Z"
AT = datetime(2026, 2, 11, 21, 40, 7, tzinfo=UTC)
BODY = "Lampe er den på? – ça va"
OK = CallbackAnswer(body=b"OK")


def inbound(**changed: Any) -> dict[str, Any]:
    """An inbound text that matched a keyword; of `route` and `content`, parts can be changed."""
    route = {
        "type": "KEYWORD_ROUTE",
        "id": "51",
        "refId": "lamps",
        "gateIds": ["Zk3pQ8wT"],
        "platformId": "SMSC",
        "platformPartnerId": PARTNER,
        "platformServiceType": "",
        "platformServiceId": "",
        "customParameters": {},
        "number": NUMBER,
        "keyword": "LAMPE",
        "keywordType": "FIRST_WORD",
        "active": True,
        "start": "2025-06-01T00:00:00Z",
        "end": "2031-06-01T00:00:00Z",
        "shared": False,
        "description": "lamps",
    }
    content = {"type": "SMS", "userData": BODY, "encoding": "TEXT"}
    usual = {
        "destination": NUMBER,
        "subNumber": None,
        "source": PHONE,
        "content": content | changed.pop("content", {}),
        "operator": "no.telia",
        "timestamp": TOLD_AT,
        "messageId": INBOUND_ID,
        "operatorTimestamp": "2026-02-11T21:40:05Z",
        "operatorMessageId": "733",
        "route": route | changed.pop("route", {}),
        "gateCustomParameters": {},
        "customParameters": {
            "platformPartnerId": PARTNER,
            "suggestedOperator": "no.telia",
            "moReferenceId": "733",
            "queued": "2026-02-11 22:40:07",
            "serviceCentreTimeStamp": "20260211224007",
            "platformId": "SMSC",
        },
    }
    return usual | changed


def report(code: object = 1001, **changed: Any) -> dict[str, Any]:
    """A delivery report on a whole text."""
    usual = {
        "refId": REFERENCE,
        "id": MESSAGE_ID,
        "operator": "no.telia",
        "sentTimestamp": "2026-02-11T21:40:01Z",
        "timestamp": TOLD_AT,
        "resultCode": code,
        "operatorResultCode": "4",
        "segments": 1,
        "gateCustomParameters": {},
        "customParameters": {"received": "2026-02-11 22:40:08"},
    }
    return usual | changed


def form(fields: Mapping[str, object]) -> bytes:
    """The same as a form, which knows neither nested fields nor kinds of values."""
    return urlencode(
        {name: "" if value is None else value for name, value in fields.items()}
    ).encode()


def without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A document without some of its fields."""
    return {name: value for name, value in fields.items() if name not in names}


def text_of(**changed: Any) -> ReceivedText:
    """What `inbound` reads as."""
    usual: dict[str, Any] = {
        "message_id": INBOUND_ID,
        "number": NUMBER,
        "remote": PHONE,
        "body": BODY,
        "segments": None,
        "at": AT,
    }
    return ReceivedText(**(usual | changed))


def report_of(**changed: Any) -> DeliveryReport:
    """What `report` reads as."""
    usual: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "number": "",
        "remote": "",
        "status": ReportStatus.DELIVERED,
        "code": "1001",
        "details": "delivered (no.telia, code 4)",
        "reference": REFERENCE,
        "at": AT,
    }
    return DeliveryReport(**(usual | changed))


def told(document: object, reading: Expected, headers: Mapping[str, str] = JSON) -> Told:
    """A callback with what it reads as."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Told(body=body, headers=headers, readings=[reading], answer=OK)


def _derived(instant: str = TOLD_AT, body: str = BODY) -> str:
    return derive("link.received", PHONE, NUMBER, instant, body)


TEXTS = {
    "a keyword": told(inbound(), text_of()),
    "a keyword, told again": told(inbound(gateCustomParameters={"try": "2"}), text_of()),
    "a sub-number": told(
        inbound(
            subNumber=SUB_NUMBER, route={"type": "SUBNUMBER_ROUTE", "startRange": "7700000040"}
        ),
        text_of(number=WITH_SUB_NUMBER),
    ),
    "a sub-number in quotation marks": told(
        inbound(subNumber="0042"), text_of(number="NO-19610042")
    ),
    "the first sub-number": told(inbound(subNumber=0), text_of(number="NO-19610")),
    "no sub-number, in words": told(inbound(subNumber=""), text_of()),
    "STOP, which every service gets": told(
        inbound(content={"userData": "STOP"}, route={"keyword": "STOP", "shared": True}),
        text_of(body="STOP"),
    ),
    "to a phone number": told(inbound(destination="+4759440000"), text_of(number="+4759440000")),
    "blanks and small letters": told(inbound(destination="no- 1961 "), text_of()),
    "nothing said": told(inbound(content={"userData": ""}), text_of(body="")),
    "no kind of content": told(inbound(content={"type": None, "encoding": None}), text_of()),
    "no route": told(without(inbound(), "route"), text_of()),
    "a partner ID that is not told": told(inbound(route={"platformPartnerId": "0"}), text_of()),
    "a partner ID that is a number": told(
        inbound(route={"platformPartnerId": int(PARTNER)}), text_of()
    ),
    "an instant with an offset": told(
        inbound(timestamp="2026-02-11T22:40:07.000+01:00"), text_of()
    ),
    "the operator's instant only": told(inbound(timestamp=None), text_of(at=AT.replace(second=5))),
    "no instant": told(without(inbound(), "timestamp", "operatorTimestamp"), text_of(at=None)),
    "a placeholder for its ID": told(inbound(messageId="0"), text_of(message_id=_derived())),
    "a placeholder once more": told(
        inbound(messageId=" 0 ", operatorMessageId="9"), text_of(message_id=_derived())
    ),
    "a placeholder, other words": told(
        inbound(messageId=0, content={"userData": "Ja"}),
        text_of(message_id=_derived(body="Ja"), body="Ja"),
    ),
    "no ID, the operator's instant": told(
        without(inbound(), "messageId", "timestamp"),
        text_of(message_id=_derived("2026-02-11T21:40:05Z"), at=AT.replace(second=5)),
    ),
    "a mark before it": told(b"\xef\xbb\xbf\n" + orjson.dumps(inbound()), text_of()),
    "neither ID nor instant": told(
        without(inbound(), "messageId", "timestamp", "operatorTimestamp"), Unreadable
    ),
    "another account's": told(inbound(route={"platformPartnerId": "8813"}), Unreadable),
    "no content": told(inbound() | {"content": "words"}, Unreadable),
    "no words": told(inbound(content={"userData": None}), Unreadable),
    "octets": told(inbound(content={"encoding": "BINARY", "userData": "0605"}), Unreadable),
    "no source": told(inbound(source=None), Unreadable),
    "an endless source": told(inbound(source="x" * 65), Unreadable),
    "a list of destinations": told(inbound(destination=[NUMBER]), Unreadable),
    "a sub-number in letters": told(inbound(subNumber="forty-two"), Unreadable),
}
"""Inbound texts of every shape, each with what it reads as."""

REPORTS = {
    "delivered": told(report(), report_of()),
    "delivered, a code in quotation marks": told(report(" 1001 "), report_of()),
    "delivered, as a form": told(form(report()), report_of(), FORM),
    "delivered, as a form that calls itself JSON": told(form(report()), report_of()),
    "delivered, a part": told(
        report(id=f"{MESSAGE_ID}$0", segments=2), report_of(part="0", parts=2)
    ),
    "expired, a part, as a form": told(
        form(report(1002, id=f"{MESSAGE_ID}$01", segments=2)),
        report_of(
            part="1",
            parts=2,
            status=ReportStatus.EXPIRED,
            code="1002",
            details="expired (no.telia, code 4)",
        ),
        FORM,
    ),
    "a part of nobody knows how many": told(
        report(id=f"{MESSAGE_ID}$0", segments=None), report_of(part="0", parts=255)
    ),
    "a part of more than there can be": told(
        report(id=f"{MESSAGE_ID}$0", segments=255), report_of(part="0", parts=255)
    ),
    "a part of fewer than it counts": told(
        report(id=f"{MESSAGE_ID}$2", segments=2), report_of(part="2", parts=255)
    ),
    "the only part": told(report(id=f"{MESSAGE_ID}$0", segments=1), report_of(part="0")),
    "in segments that are told of as one": told(report(segments=3), report_of()),
    "an ID that ends in a mark": told(
        report(id=f"{MESSAGE_ID}$"), report_of(message_id=f"{MESSAGE_ID}$")
    ),
    "nothing of the operator": told(
        report(2106, operator=None, operatorResultCode=None),
        report_of(
            status=ReportStatus.UNDELIVERABLE, code="2106", details="there is no such number"
        ),
    ),
    "no operator's code": told(
        report(operatorResultCode="0"), report_of(details="delivered (no.telia)")
    ),
    "only the operator's code": told(
        without(report(), "operator"), report_of(details="delivered (code 4)")
    ),
    "somebody else's reference": told(report(refId="order-17"), report_of(reference=None)),
    "a reference in capitals": told(report(refId=REFERENCE.upper()), report_of(reference=None)),
    "no reference": told(report(refId=None), report_of(reference=None)),
    "when it was sent only": told(report(timestamp=None), report_of(at=AT.replace(second=1))),
    "no instant": told(report(timestamp="now", sentTimestamp=None), report_of(at=None)),
    "sent": told(
        report(1000, operatorResultCode=None),
        report_of(status=ReportStatus.SENT, code="1000", details="sent to the operator (no.telia)"),
    ),
    "queued": told(report(1005), Ignored),
    "a code that nobody knows": told(report(7777), Ignored),
    "a code that is none": told(report("delivered"), Unreadable),
    "a code that is a truth": told(report(True), Unreadable),
    "no ID": told(without(report(), "id"), Unreadable),
    "a placeholder for its ID": told(report(id="0"), Unreadable),
    "an endless ID": told(report(id="x" * 513), Unreadable),
    "XML": told(
        f"<deliveryReport><id>{MESSAGE_ID}</id></deliveryReport>".encode(), UnreadableEvent, XML
    ),
    "several at once": told([report()], UnreadableEvent),
    "cut": told(orjson.dumps(report())[:-1], UnreadableEvent),
    "something else": told({"hello": "world"}, UnreadableEvent),
    "nothing": told(b"", UnreadableEvent),
}
"""Delivery reports of every shape, and what is neither a report nor a text."""

PAYLOADS = {
    **{f"text: {name}": item for name, item in TEXTS.items()},
    **{f"report: {name}": item for name, item in REPORTS.items()},
}

SUBMITTED = {"messageId": MESSAGE_ID, "resultCode": 1005, "description": "Queued", "smsCount": 1}
"""The answer to a text that is taken."""

GATE = {
    "type": "PARTNER_GATE",
    "id": "Zk3pQ8wT",
    "refId": "lamps",
    "platformId": "COMMON_API",
    "platformPartnerId": PARTNER,
    "destinations": [
        {
            "url": "https://sms.example.com/api/webhooks/link/con-1/portal-token-4x7q",
            "contentType": "application/json",
            "username": "con-1",
            "password": "basic-password-7h3v",
            "customParameters": {},
        }
    ],
    "gateType": "ONE_ORDERED",
    "ttl": 172800000,
    "acknowledge": True,
    "throttle": None,
    "customParameters": {},
}
"""The gate, with the login of our address in it."""


def error(code: object, words: str = "Not possible") -> dict[str, Any]:
    """An error of either API."""
    return {"status": code, "description": words, "translatedDescription": words}
