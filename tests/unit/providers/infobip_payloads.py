"""What Infobip sends and answers, in the shapes of its documentation; numbers, IDs and words are
invented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from conformance.provider_world import JSON, REFERENCE, Expected, Told

from common.providers.callbacks import (
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from heliograph.models import ReportStatus

NUMBER, PHONE = "+447700900201", "+447700900137"
SHORT_CODE, NAME = "83040", "Fyrlykta"
MESSAGE_ID = "8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21"
INBOUND_ID = "604417830259116472"
BODY = "Is the lamp lit yet? – ça va 💡"
AT = datetime(2026, 2, 11, 21, 40, 7, 250_000, tzinfo=UTC)
TOLD_AT = "2026-02-11T21:40:07.250+0000"

STATUSES: dict[int, tuple[int, str]] = {
    2: (3, "DELIVERED_TO_OPERATOR"),
    3: (1, "PENDING_WAITING_DELIVERY"),
    4: (2, "UNDELIVERABLE_REJECTED_OPERATOR"),
    5: (3, "DELIVERED_TO_HANDSET"),
    7: (1, "PENDING_ENROUTE"),
    9: (2, "UNDELIVERABLE_NOT_DELIVERED"),
    15: (4, "EXPIRED_EXPIRED"),
    26: (1, "PENDING_ACCEPTED"),
    29: (4, "EXPIRED_DLR_UNKNOWN"),
    31: (2, "UNDELIVERABLE_NOT_SENT"),
}
"""Group and name; what is not here is in the group of refusals."""

PASSING = frozenset(
    {
        *(6, 27, 31, 33, 34, 255, 256, 260, 500, 502, 503, 541, 542, 628, 630, 631),
        *(1154, 1158, 2048, 4098, 4099, 4101, 4103, 4104, 4202),
    }
)
"""Errors that are not permanent."""

GROUPS = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")


def status(number: int, **changed: Any) -> dict[str, Any]:
    """A status object."""
    group, name = STATUSES.get(number, (5, f"REJECTED_{number}"))
    usual = {
        "groupId": group,
        "groupName": GROUPS[group],
        "id": number,
        "name": name,
        "description": f"What {number} stands for",
    }
    return usual | changed


def error(number: int = 0, **changed: Any) -> dict[str, Any]:
    """An error object; 0 is none."""
    usual = {
        "groupId": 2 if number else 0,
        "groupName": "USER_ERRORS" if number else "OK",
        "id": number,
        "name": f"EC_NUMBER_{number}" if number else "NO_ERROR",
        "description": f"Why {number} came" if number else "No Error",
        "permanent": bool(number) and number not in PASSING,
    }
    return usual | changed


def without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    """An element that lacks something."""
    return {name: value for name, value in item.items() if name not in names}


def inbound(**changed: Any) -> dict[str, Any]:
    """An element that is an inbound text."""
    usual = {
        "messageId": INBOUND_ID,
        "from": PHONE[1:],
        "to": NUMBER[1:],
        "text": BODY,
        "cleanText": BODY,
        "keyword": "",
        "receivedAt": TOLD_AT,
        "smsCount": 2,
        "price": {"pricePerMessage": 0, "currency": "NOK"},
        "callbackData": "",
    }
    return usual | changed


def report(number: int = 5, fault: int = 0, /, **changed: Any) -> dict[str, Any]:
    """An element that is a delivery report of version 3."""
    usual = {
        "bulkId": "bulk-77",
        "price": {"pricePerMessage": 0.031, "currency": "NOK"},
        "status": status(number),
        "error": error(fault),
        "messageId": MESSAGE_ID,
        "to": PHONE[1:],
        "sender": NUMBER[1:],
        "sentAt": "2026-02-11T21:40:01.000+0000",
        "doneAt": TOLD_AT,
        "messageCount": 1,
        "mccMnc": "24201",
        "callbackData": REFERENCE,
        "platform": {"entityId": "lamps", "applicationId": "keepers"},
    }
    return usual | changed


def report_v2(**changed: Any) -> dict[str, Any]:
    """A delivery report of version 2, which does not name the sender."""
    usual = without(report(error=error(groupName="Ok")), "sender", "messageCount", "platform")
    return usual | {"smsCount": 1, "entityId": "lamps", "applicationId": "keepers"} | changed


def blocklist(event: str = "BLOCK", source: str = "MO") -> dict[str, Any]:
    """An event of the blocklist."""
    content = {
        "sender": NUMBER[1:],
        "destination": PHONE[1:],
        "channel": "SMS",
        "sourceType": source,
        "inboundMessageReference": {"inboundMessageId": INBOUND_ID},
    }
    return {"event": event, "receivedAt": TOLD_AT, "messageId": "991", "content": content}


def pushed(*items: Any, **more: Any) -> bytes:
    """A push that holds these elements."""
    return orjson.dumps({"results": items} | more)


def texts(*items: Any) -> bytes:
    """A push of inbound texts."""
    return pushed(*items, messageCount=len(items), pendingMessageCount=4)


def received(**changed: Any) -> ReceivedText:
    """What `inbound()` reads as."""
    usual: dict[str, Any] = {
        "message_id": INBOUND_ID,
        "number": NUMBER,
        "remote": PHONE,
        "body": BODY,
        "segments": 2,
        "at": AT,
    }
    return ReceivedText(**(usual | changed))


def reported(
    state: ReportStatus = ReportStatus.DELIVERED, code: str = "5", **changed: Any
) -> DeliveryReport:
    """What `report()` reads as."""
    name = STATUSES.get(int(code), (5, f"REJECTED_{code}"))[1] if code.isdigit() else ""
    usual: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "number": NUMBER,
        "remote": PHONE,
        "status": state,
        "code": code,
        "details": f"{name}: What {code} stands for",
        "reference": REFERENCE,
        "at": AT,
    }
    return DeliveryReport(**(usual | changed))


def told(body: bytes, *readings: Expected, door: Door = Door.PORTAL) -> Told:
    return Told(body=body, headers=JSON, readings=readings, door=door)


MMS = [
    {"contentType": "text/plain", "value": "See the lamp"},
    {"contentType": "image/jpeg", "url": "https://media.example.com/lamp.jpg"},
    {"contentType": "text/plain", "value": "and the tower"},
]
REJECTED, UNDELIVERABLE = ReportStatus.REJECTED, ReportStatus.UNDELIVERABLE

PAYLOADS: dict[str, Told] = {
    "text": told(texts(inbound()), received()),
    "text: told again": told(texts(inbound())[:-1] + b"\n}", received()),
    "text: several at once": told(
        texts(
            inbound(),
            inbound(messageId="2", receivedAt="2026-02-11T22:40:07.250+01:00"),
            inbound(messageId="3", receivedAt="2026-02-11T21:40:07Z"),
        ),
        received(),
        received(message_id="2"),
        received(message_id="3", at=AT.replace(microsecond=0)),
    ),
    "text: with the keyword that was typed": told(
        texts(inbound(text="LAMP on", cleanText="on", keyword="LAMP")), received(body="LAMP on")
    ),
    "text: STOP": told(
        texts(inbound(text="STOP", cleanText="", keyword="STOP")), received(body="STOP")
    ),
    "text: to a short code": told(texts(inbound(to=SHORT_CODE)), received(number=SHORT_CODE)),
    "text: numbers as numbers": told(
        texts(
            inbound(**{"from": 447700900137, "to": 447700900201, "messageId": 42, "smsCount": "2"})
        ),
        received(message_id="42"),
    ),
    "text: what need not be there is not": told(
        texts({"messageId": INBOUND_ID, "from": PHONE, "to": NUMBER, "text": ""}),
        received(body="", segments=None, at=None),
    ),
    "text: what need not be there is odd": told(
        texts(inbound(smsCount=-1, receivedAt="yesterday", keyword=7, event=["BLOCK"])),
        received(segments=None, at=None),
    ),
    "text: an MMS": told(
        texts(without(inbound(message=MMS), "text", "smsCount")),
        received(body="See the lamp\nand the tower", segments=None),
    ),
    "text: an MMS without words": told(
        texts(without(inbound(message=MMS[1:2]), "text", "smsCount")),
        received(body="", segments=None),
    ),
    "text: half of an emoji": told(
        texts(inbound(text="lamp !")).replace(b"!", b"\\ud83d"), received(body="lamp \ufffd")
    ),
    "text: not all of it is UTF-8": told(
        b"\xef\xbb\xbf" + texts(inbound(text="lamp !")).replace(b"!", b"\xff"),
        received(body="lamp \ufffd"),
    ),
    "none at all": told(texts()),
    "one that cannot be read among others": told(
        texts(
            inbound(),
            without(inbound(), "from"),
            "nonsense",
            inbound(messageId=True),
            without(inbound(), "text"),
            report(status="DELIVERED"),
            inbound(messageId="2"),
        ),
        received(),
        *[Unreadable] * 5,
        received(message_id="2"),
    ),
    "report": told(pushed(report()), reported(), door=Door.REPORTS),
    "report: told again": told(pushed(report(), report()), reported(), reported()),
    "report: of version 2": told(pushed(report_v2()), reported(number=""), door=Door.REPORTS),
    "report: of version 2, with its sender": told(
        pushed(report_v2(**{"from": NAME})), reported(number=NAME), door=Door.REPORTS
    ),
    "report: several at once": told(
        pushed(
            report(26),
            report(7),
            report(9, 27),
            report(15, messageId="other"),
            report(status=status(199, groupId=9, groupName="LOST")),
        ),
        Ignored,
        reported(ReportStatus.SENT, "7"),
        reported(
            UNDELIVERABLE,
            "EC27",
            details="UNDELIVERABLE_NOT_DELIVERED: What 9 stands for; EC_NUMBER_27: Why 27 came",
        ),
        reported(ReportStatus.EXPIRED, "15", message_id="other"),
        Ignored,
        door=Door.REPORTS,
    ),
    "report: numbers as texts": told(
        pushed(report(status=status(9, id="9", groupId="2"), error=error(id="0"))),
        reported(UNDELIVERABLE, "9"),
        door=Door.REPORTS,
    ),
    "report: what need not be there is not": told(
        pushed({"messageId": MESSAGE_ID, "status": {"groupName": "delivered"}}),
        DeliveryReport(
            message_id=MESSAGE_ID,
            number="",
            remote="",
            status=ReportStatus.DELIVERED,
            code=None,
            details=None,
            reference=None,
            at=None,
        ),
        door=Door.REPORTS,
    ),
    "report: not done yet": told(
        pushed(report(3, doneAt=None)),
        reported(ReportStatus.SENT, "3", at=datetime(2026, 2, 11, 21, 40, 1, tzinfo=UTC)),
        door=Door.REPORTS,
    ),
    "report: somebody else's reference": told(
        pushed(report(callbackData=REFERENCE.upper()), report(callbackData="lamp-17")),
        reported(reference=None),
        reported(reference=None),
        door=Door.REPORTS,
    ),
    "report: of a second try": told(pushed(report(23), report(9, 5492)), Ignored, Ignored),
    "events of the blocklist": told(
        texts(blocklist(), blocklist("UNBLOCK"), blocklist(source="URL_OPT_OUT")), *[Ignored] * 3
    ),
    "all kinds at once": told(
        pushed(report(), inbound(), blocklist()), reported(), received(), Ignored
    ),
    "all kinds at once, at the address for reports": told(
        pushed(report(), inbound(), blocklist()),
        reported(),
        Unreadable,
        Ignored,
        door=Door.REPORTS,
    ),
    "no results": told(b'{"messageCount": 0}', UnreadableEvent),
    "results of another form": told(b'{"results": {}}', UnreadableEvent),
    "not JSON": told(b"<results/>", UnreadableEvent),
}

BULK = {"bulkId": "bulk-77"}


def submitted(number: int = 26, fault: int | None = None, **changed: Any) -> dict[str, Any]:
    """The answer to a send that says this of its one text."""
    item = {
        "messageId": MESSAGE_ID,
        "status": status(number),
        "destination": PHONE[1:],
        "details": {"messageCount": 1},
    }
    return BULK | {
        "messages": [item | ({} if fault is None else {"error": error(fault)}) | changed]
    }


def problem(code: str, description: str = "So it is.", *violations: str) -> dict[str, Any]:
    """An answer that speaks of no text."""
    listed = [{"property": it, "violation": "must not be empty"} for it in violations]
    return {
        "errorCode": code,
        "description": description,
        "action": "Look at it again.",
        "violations": listed,
        "resources": [],
    }


def problem_v2(code: str, text: str = "So it is.") -> dict[str, Any]:
    """The same in the older envelope."""
    return {"requestError": {"serviceException": {"messageId": code, "text": text}}}
