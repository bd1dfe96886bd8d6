"""Telesign: everything that every adapter promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from unittest.mock import ANY

from conformance.provider_suite import ProviderSuite
from conformance.provider_world import REFERENCE, Part, Row, Said, Sending, Told, Wire, basic, text
from telesign_payloads import (
    API_KEY,
    AWKWARD,
    CUSTOMER_ID,
    GIVEN,
    NUMBER,
    PAYLOADS,
    PHONE,
    TEXT_ID,
    answer,
    report,
    signed,
    status,
    taken,
    told,
)
from telesign_tables import AT_ONCE, ERRORS, OLDER, OUTCOMES

from common.providers.callbacks import (
    CallbackKeys,
    CallbackRequest,
    DeliveryReport,
    Door,
    ReceivedText,
)
from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    OPEN,
    REJECTED,
    THROTTLED,
    UNAVAILABLE,
)
from common.providers.port import Accepted, Health, Healthy, Unhealthy, Unknown
from common.providers.telesign import Telesign
from heliograph.models import ReportStatus

HOST = {"base_url": "https://rest-api.telesign.com"}


def fields(body: str, sender: str) -> dict[str, list[str]]:
    """The form that sends these words."""
    return {
        "phone_number": [PHONE[1:]],
        "message": [body],
        "message_type": ["ARN"],
        "sender_id": [sender],
        "external_id": [REFERENCE],
    }


def sending(body: str, sender: str, written: str, **more: Any) -> Sending:
    wire = Wire(target="/v1/messaging", content=fields(body, written))
    return Sending(text=text(sender, PHONE, body), wire=wire, **more)


def rows() -> dict[str, Row]:
    found = {
        f"HTTP {http}, {code}": Row(answer(http, code), means)
        for (http, code), means in ERRORS.items()
    }
    found |= {
        f"HTTP {http}, {code}, {error}": Row(answer(http, code, "No", error), means)
        for (http, code, error), means in OLDER.items()
    }
    found |= {
        f"HTTP 200, {code}": Row(answer(200, str(code)), means)
        for means, codes in AT_ONCE.items()
        for code in codes
    }
    return found


class TestTelesign(ProviderSuite):
    """What every adapter promises."""

    provider = Telesign()
    credentials: ClassVar = GIVEN | HOST
    payloads = PAYLOADS
    repeats = (
        ("inbound", "inbound, told again"),
        ("delivered", "delivered, told again"),
        ("delivered", "delivered, at the other address"),
    )
    covers: ClassVar = dict.fromkeys(Door, frozenset({Part.BODY, Part.KEY, Part.HEADER}))
    report_states = OUTCOMES
    opt_out_states = frozenset({"510 blocked by subscriber"})
    reference_credentials: ClassVar = {
        "customer_id": "FFFFFFFF-EEEE-DDDD-1234-AB1234567890",
        "api_key": "EXAMPLE----TE8sTgg45yusumoN6BYsBVkh+yRJ5czgsnCehZaOYldPJdmFh6NeX8kunZ2zU1YWaUw/"
        "0wV6xfw==",
    }
    reference: ClassVar[dict[str, Told]] = {
        "inbound.json": told(
            b"",
            ReceivedText(
                message_id="65A631BBA6640704912112CEE9F238B8",
                number="+15555550100",
                remote="+15555550123",
                body="Hello, is my order ready? 👋",
                segments=None,
                at=datetime(2025, 3, 4, 9, 14, 57, 857000, tzinfo=UTC),
            ),
        ),
        "inbound_stop.json": told(
            b"",
            ReceivedText(
                message_id="65A631BBA6640704912112CEE9F238B9",
                number="+15555550100",
                remote="+15555550123",
                body="STOP",
                segments=None,
                at=datetime(2025, 3, 4, 9, 16, 59, 900000, tzinfo=UTC),
            ),
        ),
        **{
            f"delivery_report_{name}.json": told(
                b"",
                DeliveryReport(
                    message_id=f"0123456789ABCDEF0123456789ABCDE{last}",
                    number="",
                    remote="",
                    status=state,
                    code=code,
                    details=ANY,
                    reference=None,  # `msg_01` is no ID of ours.
                    at=datetime(2025, 3, 4, 9, 15, 3, microseconds, tzinfo=UTC),
                ),
            )
            for name, last, state, code, microseconds in (
                ("delivered", "F", ReportStatus.DELIVERED, "200", 412000),
                ("gateway", "F", ReportStatus.SENT, "203", 412000),
                ("opted_out", "0", ReportStatus.REJECTED, "510", 412000),
                ("rfc1123_date", "1", ReportStatus.FAILED, "207", 0),
            )
        },
    }
    sendings: ClassVar = {
        "from a number": sending("Grüße – 5 €", NUMBER, NUMBER[1:]),
        "from a short code": sending("Oil", "467311", "467311"),
        "from a shorter code": sending("Oil", "NZ-6320", "6320"),
        "from a name": sending("Oil", "Lamp 2 Room", "Lamp 2 Room"),
        "without an address for reports": sending("Oil", NUMBER, NUMBER[1:], report_url=None),
        "awkward characters": sending(AWKWARD, NUMBER, NUMBER[1:]),
        "as long as may be": sending("é" * 1_600, NUMBER, NUMBER[1:]),
    }
    headers_sent: ClassVar = {
        "Authorization": basic(CUSTOMER_ID, API_KEY),
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    accepted = (taken(), TEXT_ID)
    classified: ClassVar[dict[str, Row]] = {
        **{
            f"accepted with {code!r}": Row(taken(status=status(code)), Accepted(TEXT_ID))
            for code in (200, 203, "290", 291, "292")
        },
        "accepted with a 201": Row(replace(taken(), status=201), Accepted(TEXT_ID)),
        **rows(),
        "a code says more than HTTP": Row(answer(500, 11000), INVALID_RECIPIENT),
        "a code in a success": Row(answer(200, 10019), THROTTLED),
        "an error says more than a status": Row(answer(200, 500, "No", -30001), ACCOUNT),
        "a wish": Row(answer(429, 10019).with_headers(Retry_After="3"), THROTTLED),
        "not attempted": Row(answer(500, "500"), UNAVAILABLE),
        "not attempted, for a reason that is not known": Row(
            answer(503, 500, "No", -99999), UNAVAILABLE
        ),
        "not attempted, for a reason that is ours": Row(answer(400, 500, "No", -99999), REJECTED),
        "success in a 5xx": Row(replace(taken(), status=500), OPEN),
        "a code that is not known": Row(answer(500, 19999), OPEN),
        "the same in a refusal": Row(answer(400, 19999), REJECTED),
        "no funds, without a code": Row(Said(402), ACCOUNT),
        "no credentials, without a code": Row(Said(401, {"errors": {}}), CREDENTIALS),
        "no gateway": Row(Said(503, "<html/>"), OPEN),
    }
    without_id: ClassVar = {
        "no ID": taken(reference_id=None),
        "an empty ID": taken(reference_id=" "),
        "a list as an ID": taken(reference_id=[TEXT_ID]),
        "an ID and no status": Said(200, {"reference_id": TEXT_ID}),
        "an ID and a status that is not known": taken(status=status(299)),
        "true as a status": taken(status=status(True)),
    }
    healths: ClassVar[dict[str, tuple[Said, type[Health]]]] = {
        "there is no such text": (answer(404, 10017), Healthy),
        "the same, as text": (answer(404, "10017"), Healthy),
        "no longer": (answer(404, 10036), Healthy),
        "no text can have this ID": (answer(400, 11011), Healthy),
        "the same, from an older product": (answer(404, 599, "No", -10001), Healthy),
        "no longer, from an older product": (answer(404, 599, "No", -10004), Healthy),
        "there is one": (taken(), Healthy),
        "the wrong signature": (answer(401, 10008), Unhealthy),
        "an unknown customer": (answer(401, 10015), Unhealthy),
        "a wrong key": (answer(401, 10022), Unhealthy),
        "not from here": (answer(401, 10014), Unhealthy),
        "no such product": (answer(401, 10012), Unhealthy),
        "another host": (answer(400, 10035), Unhealthy),
        "another host, now": (answer(401, 10031), Unhealthy),
        "suspended": (answer(401, 10010), Unhealthy),
        "no funds": (answer(402, 10030), Unhealthy),
        "no more transactions": (answer(429, 10020), Unhealthy),
        "unknown, from an older product": (answer(401, 501, "No", -30000), Unhealthy),
        "an unknown customer, where nothing is found": (answer(401, 10017), Unhealthy),
        "too much": (answer(429, 10019), Unknown),
        "away": (answer(503, 10000), Unknown),
        "a page": (Said(404, "<html/>"), Unknown),
        "not allowed, from an older product": (answer(400, 500, "No", -10001), Unknown),
        "moved": (Said(302, headers={"Location": "/"}), Unknown),
    }
    reports_asked: ClassVar = {
        "delivered": (taken(status=status(200)), ReportStatus.DELIVERED),
        "as text": (taken(status=status("510")), ReportStatus.REJECTED),
        "sent, and no more": (taken(status=status(251)), ReportStatus.SENT),
        "at an instant that is none": (
            taken(status=status(207, updated_on="")),
            ReportStatus.FAILED,
        ),
        "in progress": (taken(), None),
        "not known": (taken(status=status(1234)), None),
        "not available at the moment": (taken(status=status(599)), None),
        "expired": (answer(404, 599, "No", -10004), None),
        "there is no such text": (answer(404, 10017), None),
        "a state in a failure": (answer(500, 500), None),
    }
    malformed = (
        ("customer_id", "lamp@example.com"),
        ("customer_id", API_KEY),
        ("customer_id", f'"{CUSTOMER_ID}"'),
        ("customer_id", CUSTOMER_ID.replace("-", "")),
        ("api_key", "5B1E9C40-7A2D-4F63-9D08-C3A6E1F75B25"),
        ("api_key", f'"{API_KEY}"'),
        ("api_key", f"{CUSTOMER_ID}:{API_KEY}"),
        ("api_key", API_KEY[:-1]),
        ("api_key", f"{API_KEY}QQ"),
        ("api_key", "----"),
        ("base_url", "https://verify.telesign.com"),
        ("base_url", "https://rest-ww.telesign.com/v1/phoneid"),
    )
    pasted = (
        ("base_url", "rest-ww.telesign.com", "https://rest-ww.telesign.com"),
        ("base_url", "HTTPS://REST-API.telesign.com/", "https://rest-api.telesign.com"),
        (
            "base_url",
            "https://rest-api.telesign.com/v1/messaging",
            "https://rest-api.telesign.com",
        ),
    )

    def report_of(self, state: str) -> Told:
        code = state.split(maxsplit=1)[0]
        return told(report(int(code) if int(code) % 2 else code))

    def report_saying(self, words: str) -> Told:
        return told(report(207, words))

    def proven(self, request: CallbackRequest, given: CallbackKeys) -> CallbackRequest:
        credentials = given.credentials
        return signed(request, credentials["customer_id"], credentials["api_key"])

    def quoting(self, words: str) -> Said:
        return answer(400, 11009, words)
