"""What the provider suite is told about Twilio: requests, answers and states, as tables."""

from __future__ import annotations

from dataclasses import replace

import twilio_payloads as payloads
from conformance.provider_world import (
    FORM,
    REFERENCE,
    REPORT_URL,
    Row,
    Said,
    Sending,
    Told,
    Wire,
    text,
)
from twilio_payloads import ACCOUNT, OURS, SID, THEIRS, TOKEN, account, created, error

from common.providers import meanings as m
from common.providers.callbacks import Door
from common.providers.port import Accepted, Healthy, Unhealthy, Unknown
from heliograph.models import Keyword
from heliograph.models import ReportStatus as S

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
AWKWARD = '50 % off & more = "100" + ½ <b>\n🙂 Grüße; #1?'


def form(sender: str, recipient: str = THEIRS, body: str = "Grüße vom Leuchtturm – 5 €") -> Wire:
    """The request that a text becomes."""
    content = {"To": [recipient], "From": [sender], "Body": [body]}
    return Wire(
        target=MESSAGES,
        content=content | {"StatusCallback": [f"{REPORT_URL}?ref={REFERENCE}#rc=3&rp=ct,rt,5xx"]},
    )


def without_report(wire: Wire) -> Wire:
    return replace(wire, content={k: v for k, v in wire.content.items() if k != "StatusCallback"})


SENDINGS = {
    "from a local number": Sending(text=text(OURS, THEIRS), wire=form(OURS)),
    "from a toll-free number": Sending(
        text=text("+18005550100", THEIRS), wire=form("+18005550100")
    ),
    "from a short code": Sending(text=text("98765", THEIRS), wire=form("98765")),
    "from a short code with its country": Sending(
        text=text("US-98765", THEIRS), wire=form("98765")
    ),
    "from a name": Sending(text=text("Leuchtturm", THEIRS), wire=form("Leuchtturm")),
    "with every awkward character": Sending(
        text=text(OURS, THEIRS, AWKWARD), wire=form(OURS, body=AWKWARD)
    ),
    "without an address for reports": Sending(
        text=text(OURS, THEIRS), wire=without_report(form(OURS)), report_url=None
    ),
}

_CODES = {
    "14107": m.LOOP,
    **dict.fromkeys(("20003", "20404"), m.CREDENTIALS),
    **dict.fromkeys(("20005", "20006", "30002"), m.ACCOUNT),
    **dict.fromkeys(("21701", "21702", "21703", "21704", "21705"), m.ACCOUNT),
    **dict.fromkeys(("21603", "21712", "30032", "30034"), m.SENDER),
    **dict.fromkeys(("20429", "21611", "30001", "30017", "30022", "63017", "63018"), m.THROTTLED),
    **dict.fromkeys(("20500", "20503", "30008", "30410"), m.OPEN),
    **dict.fromkeys(("21211", "21214", "21217", "21401", "21421"), m.INVALID_RECIPIENT),
    **dict.fromkeys(("21612", "21614", "30005", "30006"), m.INVALID_RECIPIENT),
    **dict.fromkeys(("21212", "21407", "21601", "21606", "21709"), m.SENDER),
    "21610": m.OPTED_OUT,
    **dict.fromkeys(("21617", "30019"), m.TOO_LONG),
    **dict.fromkeys(("20422", "21219", "21602", "21604", "21608", "21609", "21618"), m.REJECTED),
    **dict.fromkeys(("21620", "21623", "21624", "21656", "30004", "30007", "30009"), m.REJECTED),
    **dict.fromkeys(("21408", "30010", "30018", "30024", "30036", "30640", "63033"), m.REJECTED),
    **dict.fromkeys(("30003", "30023", "30027", "30610", "63038"), m.LATER),
}
CLASSIFIED = {
    "accepted": Row(Said(201, created()), Accepted(SID)),
    "accepted by a messaging service": Row(
        Said(201, created(status="accepted", num_segments="0")), Accepted(SID)
    ),
    "a picture accepted": Row(Said(201, created(sid="MM" + SID[2:])), Accepted("MM" + SID[2:])),
    "failed at once": Row(Said(201, created(status="failed", error_code=21610)), m.OPTED_OUT),
    "failed at once, no word why": Row(Said(201, created(status="failed")), m.REJECTED),
    **{f"code {code}": Row(error(400, int(code)), means) for code, means in _CODES.items()},
    "a code as a string": Row(error(400, "21610"), m.OPTED_OUT),
    "a code is looked at before the status": Row(error(429, 21610), m.OPTED_OUT),
    "a code that says later in a 5xx": Row(error(503, 20429), m.THROTTLED),
    "a throttle with a wish": Row(error(429, 20429).with_headers(Retry_After="12"), m.THROTTLED),
    "an unknown code in a 400": Row(error(400, 99999), m.REJECTED),
    "an unknown code in a 401": Row(error(401, 99999), m.CREDENTIALS),
    "an unknown code in a 500": Row(error(500, 99999), m.OPEN),
    "an unknown code in a 429": Row(error(429, 99999), m.THROTTLED),
    "no such account, without a code": Row(Said(404, "<html/>"), m.ACCOUNT),
    "an unknown code in a 404": Row(error(404, 99999), m.ACCOUNT),
    "200 is not 201": Row(Said(200, created()), m.OPEN),
}

STATES = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "vanished"), None),
    "sent": S.SENT,
    "partially_delivered": S.SENT,
    "delivered": S.DELIVERED,
    "read": S.DELIVERED,
    "canceled": S.FAILED,
    "failed": S.FAILED,
    "undelivered": S.UNDELIVERABLE,
    "failed 99999": S.FAILED,
    "undelivered 99999": S.UNDELIVERABLE,
    "failed 20429": S.FAILED,
    "undelivered 20429": S.UNDELIVERABLE,
    "delivered 30008": S.DELIVERED,
}
_UNDELIVERABLE = ("21214", "21612", "30003", "30005", "30006")
_FAILED = (
    *("14107", "20003", "20005", "20006", "20404", "20422", "30001", "30002", "30008", "30009"),
    *("30017", "30022", "30023", "30027", "30410", "63018"),
)
_REJECTED = (
    *("21211", "21212", "21217", "21219", "21401", "21407", "21408", "21421", "21601", "21602"),
    *("21603", "21604", "21606", "21608", "21609", "21610", "21614", "21617", "21618", "21620"),
    *("21623", "21624", "21656", "21701", "21702", "21703", "21704", "21705", "21709", "21712"),
    *("30004", "30007", "30010", "30018", "30019", "30024", "30032", "30034", "30610", "30640"),
    *("63033", "63038"),
)
for _state, _codes in (
    (S.UNDELIVERABLE, _UNDELIVERABLE),
    (S.FAILED, _FAILED),
    (S.REJECTED, _REJECTED),
    (S.EXPIRED, ("30036",)),
):
    STATES |= {f"{word} {code}": _state for code in _codes for word in ("failed", "undelivered")}

WITHOUT_ID = {
    "no ID": Said(201, created(sid=None)),
    "an empty ID": Said(201, created(sid="")),
    "an ID that is none": Said(201, created(sid="queued")),
    "an ID that is a number": Said(201, created(sid=7)),
    "an ID for no text": Said(201, created(sid="SM1")),
    "nothing at all": Said(201),
}
HEALTHS = {
    "active": (account("active"), Healthy),
    "suspended": (account("suspended"), Unhealthy),
    "closed": (account("closed"), Unhealthy),
    "in a new state": (account("resting"), Unknown),
    "wrong token": (error(401, 20003, "Authenticate"), Unhealthy),
    "forbidden": (error(403, 20006), Unhealthy),
    "no such account": (error(404, 20404), Unhealthy),
    "throttled": (error(429, 20429), Unknown),
    "out of order": (error(500, 20500), Unknown),
}
REPORTS_ASKED = {
    "delivered": (Said(200, created(status="delivered")), S.DELIVERED),
    "sent": (Said(200, created(status="sent")), S.SENT),
    "queued": (Said(200, created(status="queued")), None),
    "unreachable": (Said(200, created(status="undelivered", error_code=30003)), S.UNDELIVERABLE),
    "opted out": (Said(200, created(status="failed", error_code=21610)), S.REJECTED),
    "without a date": (Said(200, created(status="delivered", date_updated=None)), S.DELIVERED),
    "with a strange date": (Said(200, created(status="delivered", date_updated="?")), S.DELIVERED),
    "not found": (error(404, 20404), None),
}
MALFORMED = (
    ("account_sid", "SK" + "0" * 32),
    ("account_sid", ACCOUNT[:-1]),
    ("account_sid", ACCOUNT + "0"),
    ("account_sid", "AC" + "g" * 32),
    ("account_sid", f'"{ACCOUNT}"'),
    ("account_sid", TOKEN),
    ("auth_token", ACCOUNT),
    ("auth_token", "SK" + "0" * 32),
    ("auth_token", "short"),
    ("auth_token", f"'{TOKEN}'"),
    ("auth_token", "two words of a token"),
)
REFERENCE_CREDENTIALS = {"account_sid": "AC" + "a" * 32, "auth_token": "12345"}
_FILE = Told(headers=FORM)
_THEIR_SID = "SMe287d7109a5a925f182f0e07fe5b223"


def _file_text(last: str, body: str, keyword: Keyword | None = None) -> Told:
    told = replace(
        payloads.RECEIVED,
        message_id=_THEIR_SID + last,
        number="+15555550100",
        remote="+15555550123",
        body=body,
        keyword=keyword,
    )
    return Told(headers=FORM, readings=[told])


def _file_report(state: S, code: str | None = None) -> Told:
    told = replace(
        payloads.REPORT,
        message_id=_THEIR_SID + "b",
        number="+15555550100",
        remote="+15555550123",
        status=state,
        code=code,
        reference=None,
    )
    return Told(headers=FORM, readings=[told], door=Door.REPORTS)


FILES = {
    "inbound.form": _file_text("b", "Hello, is my order ready? 👋"),
    "inbound_messaging_service.form": _file_text("c", "Hello"),
    "inbound_stop.form": _file_text("d", "STOP", Keyword.OPT_OUT),
    "inbound_mms.form": _file_text("e", ""),
    "inbound_base64_body.form": _file_text(
        "f", "First part of a long text … and the “second” part"
    ),
    "status_sent.form": _file_report(S.SENT),
    "status_delivered.form": _file_report(S.DELIVERED),
    "status_undelivered_30003.form": _file_report(S.UNDELIVERABLE, "30003"),
    "status_failed_21610.form": _file_report(S.REJECTED, "21610"),
}
