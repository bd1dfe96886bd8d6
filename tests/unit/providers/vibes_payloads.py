"""What Vibes sends and answers, in the shapes of its documentation; numbers, IDs and words are
invented."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from conformance.provider_world import REFERENCE, XML, Told

from common.providers.callbacks import (
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
    UnreadableEvent,
)
from heliograph.models import ReportStatus

CODE, PHONE = "46731", "+12025550147"
MESSAGE_ID = "3d0f7a52-91c4-4be7-8a6d-5e2b7f10c943"
INBOUND_ID = "c8a1e6d4-07b3-4f92-b5de-19f4a6037d28"
TOLD_AT = "2026-02-11T21:40:07.058-05:00"
AT = datetime(2026, 2, 12, 2, 40, 7, 58000, tzinfo=UTC)
PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>\n'
BODY = 'Is the "lamp" <lit> & warm? – ça va 🔆'


def inbound(
    body: str = BODY,
    *,
    attempt: int = 1,
    message_id: str = INBOUND_ID,
    prologue: str = PROLOGUE,
    source: str = PHONE,
    content: str | None = None,
) -> str:
    """An inbound text in version 3; `content` is the words as they stand in the document."""
    words = escape(body) if content is None else content
    return (
        f'{prologue}<moMessage messageId="{message_id}" receiptDate="{TOLD_AT}"'
        f' attemptNumber="{attempt}">\n'
        f'  <source address="{source}" carrier="105" type="MDN"/>\n'
        f'  <destination address="{CODE}" type="SC"/>\n'
        f"  <message>{words}</message>\n"
        "</moMessage>\n"
    )


def inbound_v1(body: str = BODY, *, source: str = "2025550147", param: str = "8120056641") -> str:
    """An inbound text in version 1; `param` is its ID, in a parameter that may be missing."""
    extra = f'  <param key="moMessageId">{param}</param>\n' if param else ""
    return (
        f'{PROLOGUE}<deliver version="1.0">\n'
        f'  <source address="{source}" carrier="102" type="MDN"/>\n'
        f'  <destination address="{CODE}" type="SC"/>\n'
        f"  <message text={quoteattr(body)}/>\n"
        '  <transaction id="550917320018844"/>\n'
        '  <param key="language">en</param>\n'
        f"{extra}"
        "</deliver>\n"
    )


def receipt(
    kind: str = "Handset",
    error: str = "false",
    *,
    description: str = "Reached the phone",
    code: str = "",
    carriers: str = "",
    reference: str = REFERENCE,
    message_id: str = MESSAGE_ID,
    multipart: str = "",
    at: str = TOLD_AT,
) -> str:
    """A receipt; `code` is Vibes' own, `carriers` the carrier's."""
    codes = f"    <errorCode>{carriers}</errorCode>\n" if carriers else ""
    codes += f"    <internalErrorCode>{code}</internalErrorCode>\n" if code else ""
    return (
        f'{PROLOGUE}<mtMessageResponse messageId="{message_id}"'
        f' submitterMessageId="{reference}" receiptDate="{at}">\n'
        f"  {multipart}<type>{kind}</type>\n"
        f'  <status isError="{error}">\n'
        f"    <description>{description}</description>\n{codes}"
        "  </status>\n"
        "</mtMessageResponse>\n"
    )


def of_part(number: object, parts: object, *, original: str = MESSAGE_ID) -> str:
    """Says which part of a text a receipt is about."""
    return (
        f'<multipart isMultipart="true" originalMessageId="{original}"'
        f' noOfParts="{parts}" partNumber="{number}"/>'
    )


def submitted(message_id: str = MESSAGE_ID) -> str:
    """The documented success."""
    return (
        f'{PROLOGUE}<mtMessageRsp messageId="{message_id}" submitterMessageId="{REFERENCE}"'
        ' carrier="105" splitLongMessage="true"/>\n'
    )


def text_of(**changed: object) -> ReceivedText:
    """What `inbound()` reads as."""
    usual: dict[str, object] = {
        "message_id": INBOUND_ID,
        "number": CODE,
        "remote": PHONE,
        "body": BODY,
        "segments": None,
        "at": AT,
    }
    return ReceivedText(**(usual | changed))  # type: ignore[arg-type] - a row names what differs


def report_of(
    status: ReportStatus, details: str | None = "Reached the phone", **changed: object
) -> DeliveryReport:
    """What a receipt reads as."""
    usual: dict[str, object] = {
        "message_id": MESSAGE_ID,
        "number": "",
        "remote": "",
        "status": status,
        "code": None,
        "details": details,
        "reference": REFERENCE,
        "at": AT,
    }
    return DeliveryReport(**(usual | changed))  # type: ignore[arg-type] - as above


def told(
    document: str | bytes, *readings: object, door: Door = Door.PORTAL, kind: str = "text/xml"
) -> Told:
    """A callback with what it reads as."""
    body = document if isinstance(document, bytes) else document.encode()
    return Told(body=body, headers=XML | {"Content-Type": kind}, readings=readings, door=door)  # type: ignore[arg-type] - checked by the suite


def receipted(document: str, *readings: object) -> Told:
    """A callback at the address that went out with the text."""
    return told(document, *readings, door=Door.REPORTS)


def _without_address() -> str:
    return inbound().replace(f'address="{CODE}"', "")


PAYLOADS = {
    "inbound": told(inbound(), text_of()),
    "inbound, told again": told(inbound(attempt=2), text_of()),
    "inbound, STOP": told(inbound("STOP"), text_of(body="STOP")),
    "inbound, nothing said": told(inbound(""), text_of(body="")),
    "inbound, character data": told(
        inbound(content="a <![CDATA[<b> & ]]>c&#x1F506;&quot;"), text_of(body='a <b> & c🔆"')
    ),
    "inbound, a comment inside": told(
        inbound(content="yes<!-- no --> sir"), text_of(body="yes sir")
    ),
    "inbound, blanks and lines kept": told(inbound(content=" a\n b "), text_of(body=" a\n b ")),
    "inbound, version 1": told(inbound_v1(), text_of(message_id="8120056641", at=None)),
    "inbound, version 1 without an ID of its own": told(
        inbound_v1(param=""), text_of(message_id="550917320018844", at=None)
    ),
    "inbound, eleven digits": told(inbound(source="12025550147"), text_of()),
    "inbound, ten digits": told(inbound(source="202 555 0147"), text_of()),
    "inbound, from a short code": told(inbound(source="72345"), text_of(remote="72345")),
    "inbound, no instant": told(inbound().replace(TOLD_AT, "yesterday"), text_of(at=None)),
    "inbound, no declaration": told(inbound(prologue=""), text_of()),
    "inbound, with a mark": told(b"\xef\xbb\xbf" + inbound().encode(), text_of()),
    "inbound, UTF-16": told(
        inbound(prologue='<?xml version="1.0" encoding="utf-16"?>').encode("utf-16"), text_of()
    ),
    "inbound, Latin 1 as declared": told(
        inbound("ça", prologue='<?xml version="1.0" encoding="ISO-8859-1"?>').encode("latin-1"),
        text_of(body="ça"),
    ),
    "inbound, the declaration against the header": told(
        inbound(), text_of(), kind="text/xml;charset=ISO-8859-1"
    ),
    "inbound, in a namespace": told(
        inbound().replace("<moMessage", '<moMessage xmlns="urn:of-somebody"'), text_of()
    ),
    "inbound, version 1 in a namespace": told(
        inbound_v1().replace("<deliver", '<deliver xmlns="urn:of-somebody"'),
        text_of(message_id="8120056641", at=None),
    ),
    "inbound, at the address for reports": receipted(inbound(), UnreadableEvent),
    "inbound, no message": told(inbound().replace("message>", "words>"), UnreadableEvent),
    "inbound, no ID": told(inbound(message_id=" "), UnreadableEvent),
    "inbound, an endless ID": told(inbound(message_id="7" * 513), UnreadableEvent),
    "inbound, no destination": told(_without_address(), UnreadableEvent),
    "inbound, an endless source": told(inbound(source="x" * 65), UnreadableEvent),
    "another document": told(submitted(), UnreadableEvent),
    "queued": receipted(receipt("System", description="Queued"), Ignored),
    "queued, in parts": receipted(receipt("System", multipart=of_part(1, 2)), Ignored),
    "a type that nobody knows": receipted(receipt("Satellite"), Ignored),
    "taken by the carrier": receipted(
        receipt("Carrier", description="Delivered to carrier"),
        report_of(ReportStatus.SENT, "Delivered to carrier"),
    ),
    "delivered": receipted(receipt(), report_of(ReportStatus.DELIVERED)),
    "delivered, in capitals": receipted(
        receipt("HANDSET", "FALSE"), report_of(ReportStatus.DELIVERED)
    ),
    "delivered, to the portal's address": told(receipt(), report_of(ReportStatus.DELIVERED)),
    "delivered, a part": receipted(
        receipt(message_id="7b1c", multipart=of_part(2, 3)),
        report_of(ReportStatus.DELIVERED, part="2", parts=3),
    ),
    "delivered, the only part": receipted(
        receipt(multipart=of_part(1, 1)), report_of(ReportStatus.DELIVERED)
    ),
    "delivered, no parts": receipted(
        receipt(multipart='<multipart isMultipart="false"/>'), report_of(ReportStatus.DELIVERED)
    ),
    "delivered, an instant without a zone": receipted(
        receipt(at="2026-02-12T02:40:07.058"), report_of(ReportStatus.DELIVERED)
    ),
    "delivered, with a code of zero": receipted(
        receipt(code="0"), report_of(ReportStatus.DELIVERED)
    ),
    "delivered, at length": receipted(
        receipt(description="So " * 200), report_of(ReportStatus.DELIVERED, ("So " * 100).strip())
    ),
    "delivered, nothing described": receipted(
        receipt(description=" "), report_of(ReportStatus.DELIVERED, None)
    ),
    "delivered, somebody else's reference": receipted(
        receipt(reference="order-17"), report_of(ReportStatus.DELIVERED, reference=None)
    ),
    "refused by the carrier": receipted(
        receipt("Carrier", "true", description="Not taken", code="7", carriers="9"),
        report_of(ReportStatus.FAILED, "Not taken (the carrier's code: 9)", code="7"),
    ),
    "refused by the carrier, a part": receipted(
        receipt(
            "Carrier", "true", description="Not taken", code=" 13 ", multipart=of_part("01", "02")
        ),
        report_of(ReportStatus.FAILED, "Not taken", code="13", part="1", parts=2),
    ),
    "blocked": receipted(
        receipt("System", "true", description="On the list", code="9"),
        report_of(ReportStatus.REJECTED, "On the list", code="9"),
    ),
    "no status": receipted(receipt().replace("status", "state"), UnreadableEvent),
    "an error or not": receipted(receipt(error="perhaps"), UnreadableEvent),
    "of no message": receipted(receipt(message_id=""), UnreadableEvent),
    "a part of many": receipted(receipt(multipart=of_part(1, "many")), UnreadableEvent),
    "a part of none": receipted(receipt(multipart=of_part(1, 0)), UnreadableEvent),
    "which part": receipted(receipt(multipart=of_part("", 2)), UnreadableEvent),
}
"""Callbacks of every shape, each with what it reads as."""

ODD = {
    "inbound, lines before the declaration": told("\n\n" + inbound(), text_of()),
    "inbound, UTF-8 that calls itself UTF-16": told(
        inbound(prologue="<?xml version='1.0' encoding='utf-16'?>"), text_of()
    ),
    "inbound, utf8 without a hyphen": told(
        inbound(prologue='<?xml version="1.0" encoding="utf8" ?>'), text_of()
    ),
    "inbound, Windows 1252 by the header": told(
        inbound("5 €", prologue="").encode("cp1252"),
        text_of(body="5 €"),
        kind='application/xml; charset="Windows-1252"',
    ),
    "inbound, cut": told(inbound()[:-8], UnreadableEvent),
    "inbound, an encoding of nobody": told(
        inbound(prologue='<?xml version="1.0" encoding="punycode"?>'), UnreadableEvent
    ),
    "inbound, not the encoding that it names": told(
        inbound().encode("latin-1", "replace"), UnreadableEvent
    ),
}
"""Those that are no XML as they come, and mostly read all the same."""
