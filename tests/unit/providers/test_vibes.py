"""Vibes: everything that every adapter promises, and what this provider has of its own."""

from __future__ import annotations

from typing import ClassVar
from unittest.mock import ANY

import pytest
from conformance.provider_canaries import Connect
from conformance.provider_suite import ProviderSuite
from conformance.provider_world import (
    BASIC,
    NOTHING,
    REFERENCE,
    REPORT_URL,
    Fake,
    Row,
    Said,
    Sending,
    Told,
    Wire,
    basic,
    text,
)
from vibes_payloads import (
    CODE,
    MESSAGE_ID,
    PAYLOADS,
    PHONE,
    of_part,
    receipt,
    receipted,
    report_of,
    submitted,
    text_of,
    told,
)

from common.providers.callbacks import (
    Door,
)
from common.providers.meanings import CREDENTIALS, OPEN, REJECTED, THROTTLED, UNAVAILABLE
from common.providers.port import (
    Accepted,
    Health,
    Healthy,
    Refused,
    Unhealthy,
    Unknown,
)
from common.providers.vibes import Vibes
from common.providers.vibes_callbacks import (
    INTERNAL_CODES,
    WORDS,
)
from heliograph.models import ReportStatus

TARGET = "/MessageApi/mt/messages"
CREDENTIALS_GIVEN = {"username": "lamp-room", "password": "oil-and-wick-5k2m"}
AWKWARD = "Tom & \"Ann\" <b>]]> 'x'\ttab\nline – €ß 🔆"


def message(words: str, *, report_url: str | None = REPORT_URL) -> str:
    """The document that sends these words, which stand as they are to be written."""
    asked = f'<receiptOption callbackUrl="{report_url}">ALL</receiptOption>' if report_url else ""
    return (
        f'<mtMessage submitterMessageId="{REFERENCE}" splitLongMessage="true">'
        f'<destination address="{PHONE}" type="MDN"/><source address="{CODE}" type="SC"/>'
        f"<text>{words}</text>{asked}</mtMessage>"
    )


def sending(
    body: str, words: str, *, sender: str = CODE, report_url: str | None = REPORT_URL
) -> Sending:
    wire = Wire(target=TARGET, content=message(words, report_url=report_url))
    return Sending(text=text(sender, PHONE, body), wire=wire, report_url=report_url)


def failure(words: str) -> str:
    """A failure inside a 200; its form is not published."""
    return f"<mtMessageError><status><description>{words}</description></status></mtMessageError>"


def responses(*receipts: str) -> Said:
    """All receipts of a text, as they are asked for."""
    inner = "".join(item.partition("?>")[2] for item in receipts)
    return Said(200, f"<mtMessageResponses>{inner}</mtMessageResponses>")


ERRORS = {
    f"{kind}/{code or 'none'}/{word or 'none'}": (kind, code, word)
    for kind in ("System", "Carrier", "Handset", "Satellite")
    for code in ("", *INTERNAL_CODES, "99")
    for word in ("", *WORDS)
}


def meaning(kind: str, code: str, word: str) -> ReportStatus:
    """What a receipt of an error means, written from the documentation and not from the code."""
    if INTERNAL_CODES.get(code) is ReportStatus.REJECTED:
        return ReportStatus.REJECTED
    if word:
        return WORDS[word]
    return ReportStatus.UNDELIVERABLE if (kind, code) == ("Handset", "") else ReportStatus.FAILED


ANYTHING = {"message_id": ANY, "number": ANY, "remote": ANY, "body": ANY}


class TestVibes(ProviderSuite):
    """What every adapter promises."""

    provider = Vibes()
    credentials = CREDENTIALS_GIVEN
    payloads = PAYLOADS
    repeats = (("inbound", "inbound, told again"),)
    covers: ClassVar = {Door.PORTAL: BASIC, Door.REPORTS: NOTHING}
    report_states: ClassVar[dict[str, ReportStatus | None]] = {
        "System/false": None,
        "Carrier/false": ReportStatus.SENT,
        "Handset/false": ReportStatus.DELIVERED,
        "Satellite/false": None,
        **{name: meaning(*row) for name, row in ERRORS.items()},
    }
    opt_out_states = frozenset(name for name, (_, code, _) in ERRORS.items() if code == "9")
    reference: ClassVar[dict[str, Told]] = {
        **{
            f"inbound{name}.xml": told("", text_of(**ANYTHING, at=ANY))
            for name in ("", "_retry", "_stop")
        },
        "inbound_v1.xml": told("", text_of(**ANYTHING, at=None)),
        **{
            f"delivery_report_{name}.xml": receipted(
                "", report_of(status, ANY, message_id=ANY, reference=None, at=ANY, **more)
            )
            for name, status, more in (
                ("blocked", ReportStatus.REJECTED, {"code": "9"}),
                ("carrier", ReportStatus.SENT, {}),
                ("carrier_error", ReportStatus.FAILED, {"code": "7"}),
                ("handset", ReportStatus.DELIVERED, {}),
                ("handset_part_1", ReportStatus.DELIVERED, {"part": "1", "parts": 2}),
            )
        },
    }
    sendings: ClassVar = {
        "from a short code": sending("Grüße – 5 €", "Grüße – 5 €"),
        "with a country": sending("Light & wick", "Light &amp; wick", sender=f"US-{CODE}"),
        "without receipts": sending("Oil", "Oil", report_url=None),
        "awkward characters": sending(
            AWKWARD, "Tom &amp; \"Ann\" &lt;b&gt;]]&gt; 'x'\ttab\nline – €ß 🔆"
        ),
        "what XML cannot carry": sending("a\x00b\x1b[c\ud83dd\ufffe\uffffe\x7f", "ab[cde\x7f"),
    }
    headers_sent: ClassVar = {
        "Authorization": basic(*CREDENTIALS_GIVEN.values()),
        "Content-Type": "text/xml",
    }
    accepted = (Said(200, submitted()), MESSAGE_ID)
    classified: ClassVar[dict[str, Row]] = {
        "accepted": Row(Said(200, submitted()), Accepted(MESSAGE_ID)),
        "accepted, in Latin 1": Row(
            Said(200, submitted().replace("UTF-8", "ISO-8859-1")), Accepted(MESSAGE_ID)
        ),
        "a failure inside a 200": Row(Said(200, failure("no such lamp")), REJECTED),
        "nothing inside a 200": Row(Said(200), OPEN),
        "a page inside a 200": Row(Said(200, "<html><body>Gateway</body></html>"), OPEN),
        "400": Row(Said(400, failure("Bad")), REJECTED),
        "401": Row(Said(401), CREDENTIALS),
        "403": Row(Said(403), CREDENTIALS),
        "429": Row(Said(429, headers={"Retry-After": "3"}), THROTTLED),
        "503": Row(Said(503), UNAVAILABLE),
        "503 with a wish": Row(Said(503, headers={"Retry-After": "30"}), UNAVAILABLE),
        **{
            f"{status}, a system error": Row(Said(status, submitted()), OPEN)
            for status in (201, 202, 302, 402, 404, 405, 408, 409, 415, 500, 502, 504)
        },
    }
    without_id: ClassVar = {
        "no attribute": Said(200, "<mtMessageRsp/>"),
        "an empty ID": Said(200, submitted("")),
        "a blank ID": Said(200, submitted(" ")),
        "an ID in another document": Said(200, submitted().replace("Rsp", "Error")),
        "an ID in an element": Said(
            200, f"<mtMessageRsp><messageId>{MESSAGE_ID}</messageId></mtMessageRsp>"
        ),
        "an ID that is declared": Said(
            200, f'<!DOCTYPE a [<!ENTITY e "{MESSAGE_ID}">]><mtMessageRsp messageId="&e;"/>'
        ),
    }
    not_tried = frozenset({503})
    healths: ClassVar[dict[str, tuple[Said, type[Health]]]] = {
        "there is no such text": (Said(404, failure("not found")), Healthy),
        "nothing of it": (Said(200, "<mtMessage/>"), Healthy),
        "no text can have this ID": (Said(400), Unknown),
        "unknown user": (Said(401), Unhealthy),
        "forbidden": (Said(403), Unhealthy),
        "moved": (Said(302, headers={"Location": "/"}), Unknown),
        "too much": (Said(429), Unknown),
        "a system error": (Said(500, "<html/>"), Unknown),
    }
    reports_asked: ClassVar = {
        "delivered": (
            responses(receipt("Carrier"), receipt(), receipt("System")),
            ReportStatus.DELIVERED,
        ),
        "one alone": (Said(200, receipt("Carrier")), ReportStatus.SENT),
        "queued": (responses(receipt("System")), None),
        "failed": (
            responses(receipt("Carrier"), receipt("Carrier", "true", code="7")),
            ReportStatus.FAILED,
        ),
        "delivered in the end": (
            responses(receipt("Carrier", "true"), receipt(), receipt("Carrier")),
            ReportStatus.DELIVERED,
        ),
        "one part of two": (responses(receipt(multipart=of_part(1, 2))), ReportStatus.SENT),
        "both parts": (
            responses(*(receipt(multipart=of_part(part, 2)) for part in (1, 2, 1))),
            ReportStatus.DELIVERED,
        ),
        "a part that failed": (
            responses(
                receipt(multipart=of_part(1, 3)),
                receipt("Carrier", multipart=of_part(3, 3)),
                receipt("Handset", "true", description="EXPIRED", multipart=of_part(2, 3)),
            ),
            ReportStatus.EXPIRED,
        ),
        "a part that is on its way": (
            responses(
                receipt("Carrier", multipart=of_part(2, 2)), receipt(multipart=of_part(1, 2))
            ),
            ReportStatus.SENT,
        ),
        "of another text": (responses(receipt(message_id="another")), None),
        "beside one that cannot be read": (
            responses(receipt(error="perhaps"), receipt("Carrier")),
            ReportStatus.SENT,
        ),
        "unknown": (Said(404, receipt()), None),
    }
    malformed = (("username", "lamp-room:oil-and-wick"), ("username", "https://lamp-room"))

    def report_of(self, state: str) -> Told:
        if state in ERRORS:
            kind, code, word = ERRORS[state]
            return receipted(receipt(kind, "true", code=code, description=f"It is {word.lower()}."))
        kind, _, error = state.partition("/")
        return receipted(receipt(kind, error))

    def report_saying(self, words: str) -> Told:
        return receipted(receipt("Carrier", "true", description=words, carriers="7"))

    def quoting(self, words: str) -> Said:
        escaped = words.replace("&", "&amp;").replace("<", "&lt;")
        return Said(200, failure(escaped))

    @pytest.mark.parametrize("status", [400, 401, 403])
    async def test_a_refusal_that_cannot_be_read_is_judged_by_its_status(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        """Instead of the suite's: Vibes calls every other status a system error (`classified`)."""
        for body in (b"", b"{", b"\xff", "<html/>", "<a", submitted()):
            fake.respond = Said(status, body)
            assert isinstance(await connect().send(self.text), Refused)
