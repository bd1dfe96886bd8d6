"""Twilio's callbacks and answers, of the published shapes, with values of our own."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from conformance.provider_world import FORM, REFERENCE, Said, Told

from common.providers.callbacks import (
    CallbackAnswer,
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
    UnreadableEvent,
)
from heliograph.models import Keyword, ReportStatus

ACCOUNT = "AC5c1e0b7a9d3f48266a7b90c4d2e1f835"
TOKEN = "9f3b1c7d5e2a4860b4d6f8a0c2e4a6b8"
OURS, THEIRS = "+14155550170", "+14155550139"
INBOUND_SID = "SM7f0d3c2b1a09e8d7c6b5a4938271605f"
SID = "SM01c9e8f7a6b5d4c3b2a19080f7e6d5c4"

NO_ANSWER = CallbackAnswer(
    content_type="text/xml", body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
)
NO_CONTENT = CallbackAnswer(204)

RECEIVED = ReceivedText(
    message_id=INBOUND_SID,
    number=OURS,
    remote=THEIRS,
    body="Is the ferry running? ⛴",
    segments=1,
    at=None,
)
REPORT = DeliveryReport(
    message_id=SID,
    number=OURS,
    remote=THEIRS,
    status=ReportStatus.DELIVERED,
    code=None,
    details=None,
    reference=REFERENCE,
    at=None,
)


def inbound(*, without: tuple[str, ...] = (), **changes: str) -> bytes:
    """An inbound text as a form."""
    fields = {
        "ToCountry": "US",
        "ToState": "CA",
        "SmsMessageSid": INBOUND_SID,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "94105",
        "SmsSid": INBOUND_SID,
        "FromState": "CA",
        "SmsStatus": "received",
        "FromCity": "SAN FRANCISCO",
        "Body": RECEIVED.body,
        "FromCountry": "US",
        "To": OURS,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": INBOUND_SID,
        "AccountSid": ACCOUNT,
        "From": THEIRS,
        "ApiVersion": "2010-04-01",
    } | changes
    return urlencode({name: fields[name] for name in fields if name not in without}).encode()


def status(state: str, **changes: str) -> bytes:
    """A status callback as a form."""
    fields = {
        "SmsSid": SID,
        "SmsStatus": state,
        "MessageStatus": state,
        "To": THEIRS,
        "MessageSid": SID,
        "AccountSid": ACCOUNT,
        "From": OURS,
        "ApiVersion": "2010-04-01",
    } | changes
    return urlencode(fields).encode()


def text_told(raw: bytes, /, **changes: Any) -> Told:
    """A callback with an inbound text."""
    return Told(body=raw, headers=FORM, readings=[replace(RECEIVED, **changes)], answer=NO_ANSWER)


def report_told(raw: bytes, query: str = f"?ref={REFERENCE}", **changes: Any) -> Told:
    """A status callback to our address for reports."""
    return Told(
        body=raw,
        headers=FORM,
        readings=[replace(REPORT, **changes)],
        door=Door.REPORTS,
        query=query,
        answer=NO_CONTENT,
    )


LONG = "Part one of a long story … and “part two”, which came with it."
PICTURES = {
    "NumMedia": "1",
    "MediaUrl0": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1",
    "MediaContentType0": "image/jpeg",
}
UNREADABLE = Told(headers=FORM, readings=[UnreadableEvent], answer=NO_ANSWER)

PAYLOADS = {
    "text": text_told(inbound()),
    "text of a messaging service": text_told(inbound(MessagingServiceSid="MG" + "b" * 32)),
    "STOP": text_told(
        inbound(Body="STOP", OptOutType="STOP"), body="STOP", keyword=Keyword.OPT_OUT
    ),
    "STOP in words of the account's own": text_told(
        inbound(Body="Arret svp", OptOutType="STOP"), body="Arret svp", keyword=Keyword.OPT_OUT
    ),
    "START": text_told(
        inbound(Body="Encore", OptOutType="START"), body="Encore", keyword=Keyword.OPT_IN
    ),
    "HELP": text_told(inbound(Body="Aide", OptOutType=" help"), body="Aide", keyword=Keyword.HELP),
    "a keyword that nobody knows": text_told(inbound(OptOutType="PAUSE")),
    "STOP that Twilio left to us": text_told(inbound(Body="STOP", OptOutType=""), body="STOP"),
    "picture with words": text_told(inbound(Body="Look", **PICTURES), body="Look"),
    "picture alone": text_told(inbound(Body="", **PICTURES), body=""),
    "picture without a field for words": text_told(inbound(without=("Body",), **PICTURES), body=""),
    "long text in base64": text_told(
        inbound(Body=base64.b64encode(LONG.encode()).decode()), body=LONG
    ),
    "long word": text_told(inbound(Body="ABCD" * 20), body="ABCD" * 20),
    "text to a short code": text_told(inbound(To="98765"), number="98765"),
    "text of many segments": text_told(inbound(NumSegments="7"), segments=7),
    "text without a count": text_told(inbound(NumSegments="many"), segments=None),
    "text without a status": text_told(inbound(without=("SmsStatus",))),
    "text with the older names of its ID": text_told(inbound(without=("MessageSid",))),
    "text with new fields": text_told(inbound(SomethingNew="1", AddOns='{"status": "x"}')),
    "once more": text_told(inbound()),
    "WhatsApp": Told(
        body=inbound(From=f"whatsapp:{THEIRS}", To=f"whatsapp:{OURS}"),
        headers=FORM,
        readings=[Ignored],
        answer=NO_CONTENT,
    ),
    "text without a body": replace(UNREADABLE, body=inbound(without=("Body", "NumMedia"))),
    "text without a sender": replace(UNREADABLE, body=inbound(without=("From",))),
    "text with a strange ID": replace(UNREADABLE, body=inbound(MessageSid="SM 1")),
    "delivered": report_told(status("delivered", RawDlrDoneDate="2603011159")),
    "delivered, told again": report_told(status("delivered")),
    "sent": report_told(status("sent"), status=ReportStatus.SENT),
    "unreachable": report_told(
        status("undelivered", ErrorCode="30003", ErrorMessage="Unreachable destination handset"),
        status=ReportStatus.UNDELIVERABLE,
        code="30003",
        details="Unreachable destination handset",
    ),
    "opted out": report_told(
        status("failed", ErrorCode="21610"), status=ReportStatus.REJECTED, code="21610"
    ),
    "delivered, for nobody's text": report_told(status("delivered"), query="", reference=None),
    "delivered, for a strange reference": report_told(
        status("delivered"), query="?ref=' or 1", reference=None
    ),
    "delivered, without numbers": report_told(
        status("delivered", From="", To=""), number="", remote=""
    ),
    "delivered, the plus signs lost": report_told(status("delivered", From=" 14155550170")),
    "delivered, told at the portal's address": replace(
        report_told(status("delivered"), query="", reference=None), door=Door.PORTAL
    ),
    "queued": replace(report_told(status("queued")), readings=[Ignored]),
    "an unknown status": replace(report_told(status("vanished")), readings=[Ignored]),
    "report without an ID": replace(
        report_told(status("delivered", MessageSid="", SmsSid="")),
        readings=[UnreadableEvent],
        answer=NO_ANSWER,
    ),
}


def created(**changes: Any) -> dict[str, Any]:
    """The answer to a send that was accepted."""
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": "Grüße",
        "date_created": "Sun, 01 Mar 2026 12:00:00 +0000",
        "date_sent": None,
        "date_updated": "Sun, 01 Mar 2026 12:00:01 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": OURS,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": SID,
        "status": "queued",
        "to": THEIRS,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json",
    } | changes


def error(http: int, code: object, message: str = "No.") -> Said:
    """An error answer."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Said(http, {"code": code, "message": message, "more_info": more, "status": http})


def account(state: str) -> Said:
    """The account resource, which holds its auth token in clear."""
    return Said(200, {"sid": ACCOUNT, "auth_token": TOKEN, "status": state, "type": "Full"})
