"""The XML of Vibes' aggregation Message API: requests in; answers, receipts and texts out.

Sources: Vibes docs, "HTTP Message API" (MT message, MO callback in versions 1 and 3, delivery
receipts); the root of a refusal is this simulator's own, because Vibes publishes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException, ElementTree

from local.simulator.phones import Text
from local.simulators.messages import News, Order, Sent, State

CARRIER: Final = "104"
_CENTRAL: Final = timezone(timedelta(hours=-6))

INVALID_DESTINATION: Final = "26"
_SYSTEM_CODES: Final = frozenset({"1", "2", "8", "9", "12", "15", "16", INVALID_DESTINATION})
_CARRIER_CODES: Final[Mapping[str, str]] = {"7": "107"}
"""What the carrier itself said, where Vibes' own code comes of that."""
_TEXTS: Final[Mapping[str, str]] = {
    "1": "No route for carrier and source",
    "2": "Premium message is not allowed",
    "7": "Carrier failed while submitting message",
    "8": "No route",
    "9": "MDN is blocked",
    "10": "Multipart message is incomplete",
    "12": "Cap reached",
    "13": "Multipart message is incomplete",
    "14": "Duplicate part",
    "15": "Subscription not found",
    "16": "Code lease not found",
    INVALID_DESTINATION: "Invalid destination",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """One delivery receipt's content."""

    type: str
    description: str
    is_error: bool = False
    internal_code: str | None = None
    carrier_code: str | None = None


def read(body: bytes) -> Element | None:
    """Read a request; None where it is no XML, or XML with a document type."""
    try:
        return ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException):
        return None


def accepted(sent: Sent, *, split: bool) -> bytes:
    """Give the answer to an accepted text."""
    answer = Element("mtMessageRsp", messageId=sent.id)
    _refer(answer, sent.order)
    answer.set("carrier", CARRIER)
    answer.set("splitLongMessage", str(split).lower())
    return _written(answer)


def refused(description: str, order: Order | None = None, code: str = "") -> bytes:
    """Give a refusal, which comes with HTTP 200."""
    answer = Element("mtMessageError")
    if order:
        _refer(answer, order)
    SubElement(answer, "description").text = description
    if code:
        SubElement(answer, "internalErrorCode").text = code
    return _written(answer)


def receipt_of(news: News) -> Receipt:
    """What a receipt says of some news. A failure without a code is the handset's, one with a word
    in place of a code the handset's with that word."""
    code = news.code or ""
    match news.state:
        case State.QUEUED:
            return Receipt("System", "Message queued")
        case State.DELIVERED:
            return Receipt("Handset", "Message delivered to handset")
        case State.SENT:
            return Receipt("Carrier", "Message delivered to carrier")
        case State.UNKNOWN:
            return Receipt(code or "Relay", "Message was seen")
    if not code.isdigit():
        return Receipt("Handset", code or "UNDELIVERABLE", is_error=True)
    kind = "System" if code in _SYSTEM_CODES else "Carrier"
    return Receipt(kind, _TEXTS.get(code, "Failed"), True, code, _CARRIER_CODES.get(code))


def receipt(sent: Sent, news: News) -> bytes:
    """Write a delivery receipt; parts count from 1."""
    return _written(receipt_element(sent, news))


def receipt_element(sent: Sent, news: News) -> Element:
    """Give a delivery receipt as an element."""
    said = receipt_of(news)
    root = Element("mtMessageResponse", messageId=sent.id)
    _refer(root, sent.order)
    root.set("receiptDate", _instant(news.at))
    if news.part is not None:
        multipart = {
            "isMultipart": "true",
            "originalMessageId": sent.id,
            "noOfParts": str(sent.parts),
            "partNumber": str(news.part + 1),
        }
        SubElement(root, "multipart", multipart)
    SubElement(root, "type").text = said.type
    status = SubElement(root, "status", isError=str(said.is_error).lower())
    SubElement(status, "description").text = said.description
    if said.carrier_code:
        SubElement(status, "errorCode").text = said.carrier_code
    if said.internal_code:
        SubElement(status, "internalErrorCode").text = said.internal_code
    return root


def receipts(sent: Sent) -> bytes:
    """Give all receipts of a text so far."""
    root = Element("mtMessageResponses", messageId=sent.id)
    root.extend(receipt_element(sent, news) for news in sent.news)
    return _written(root)


def inbound(text: Text, attempt: int) -> bytes:
    """Write a phone's text in version 3."""
    root = Element("moMessage", messageId=text.message_id, receiptDate=_instant(text.at))
    root.set("attemptNumber", str(attempt))
    _address(root, text.from_, text.to)
    SubElement(root, "message").text = text.body
    return _written(root)


def inbound_v1(text: Text, *, with_id: bool) -> bytes:
    """Write a phone's text in version 1: a bare ten-digit number, and its ID not always there."""
    root = Element("deliver", version="1.0")
    _address(root, text.from_.removeprefix("+1"), text.to)
    SubElement(root, "message", text=text.body)
    SubElement(root, "transaction", id=f"9{text.message_id}")
    if with_id:
        SubElement(root, "param", key="moMessageId").text = text.message_id
    return _written(root)


def carrier(mdn: str) -> bytes:
    """Tell a number's carrier."""
    return _written(Element("mdn", address=mdn, carrier=CARRIER, provisioned="true"))


def _address(root: Element, from_: str, to: str) -> None:
    SubElement(root, "source", address=from_, carrier=CARRIER, type="MDN")
    SubElement(root, "destination", address=to, type="SC")


def _refer(element: Element, order: Order) -> None:
    if order.reference is not None:
        element.set("submitterMessageId", order.reference)


def _instant(at: datetime) -> str:
    """Write an instant with its milliseconds, in Chicago's winter time."""
    return at.astimezone(_CENTRAL).isoformat(timespec="milliseconds")


def _written(root: Element) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, "unicode")}'.encode()
