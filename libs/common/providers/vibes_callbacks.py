"""What Vibes tells: inbound texts and receipts in XML, read into plain values.

Sources: Vibes docs, "Message API": inbound messages (versions 1 to 3), message receipts, internal
error codes, whose list is published in part; W3C, XML 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from common.addresses import normalise_address
from common.providers.callbacks import (
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    DeliveryReport,
    Door,
    Ignored,
    Known,
    Reading,
    ReceivedText,
    UnreadableEvent,
)
from common.providers.reading import basic_problem, brief, own_reference, parse_instant
from heliograph.models import ReportStatus

RECEIPT: Final = "mtMessageResponse"

RECEIPTS: Final[Mapping[tuple[str, bool], ReportStatus | None]] = {
    ("system", False): None,  # queued
    ("carrier", False): ReportStatus.SENT,
    ("handset", False): ReportStatus.DELIVERED,
    ("system", True): ReportStatus.FAILED,
    ("carrier", True): ReportStatus.FAILED,
    ("handset", True): ReportStatus.UNDELIVERABLE,
}
"""By type, in lower case, and `isError`. None says nothing new; an error is refined by what
follows. A carrier without handset receipts never says more than `sent`."""

INTERNAL_CODES: Final[Mapping[str, ReportStatus]] = {
    "1": ReportStatus.REJECTED,  # no route for the carrier or the source
    "2": ReportStatus.REJECTED,  # premium message not allowed
    "7": ReportStatus.FAILED,  # stopped; the carrier failed while submitting
    "8": ReportStatus.REJECTED,  # no route
    "9": ReportStatus.REJECTED,  # the recipient is on the block list
    "10": ReportStatus.FAILED,  # parts are missing
    "12": ReportStatus.REJECTED,  # a cap is reached
    "13": ReportStatus.FAILED,  # parts are missing
    "14": ReportStatus.FAILED,  # a part came twice
    "15": ReportStatus.REJECTED,  # subscription not found
    "16": ReportStatus.REJECTED,  # lease of the code not found
    "26": ReportStatus.REJECTED,  # invalid destination
}
"""Vibes' own codes, as far as they are published; any other one means `failed`."""

WORDS: Final[Mapping[str, ReportStatus]] = {
    "EXPIRED": ReportStatus.EXPIRED,
    "UNDELIVERABLE": ReportStatus.UNDELIVERABLE,
    "REJECTED": ReportStatus.REJECTED,
    "DELETED": ReportStatus.FAILED,
    "UNKNOWN": ReportStatus.FAILED,
}
"""Carriers' words (SMPP's message states) in the description of an error. Those of success are left
out: an error is none, and "delivered to carrier" is not delivered."""

_ENCODINGS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    # Not true of a declaration that can be read octet by octet; .NET writes it all the same.
    "utf-16": "utf-8-sig",
    "us-ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
}
"""By the name in lower case. Python knows more, and not all of them are cheap to decode."""

_DECLARED: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,80}?\sencoding\s*=\s*["']([\w.-]+)"""
)
_CHARSET: Final = re.compile(r"""(?i)charset\s*=\s*["']?([\w.-]+)""")
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")

_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_WORD: Final = re.compile("|".join(rf"\b{word}\b" for word in WORDS))
_BARE_NUMBER: Final = re.compile(r"[2-9][0-9]{9}")
"""A North American number as versions 1 and 2 write it."""
_COUNT: Final = re.compile(r"[0-9]{1,3}")

_LONGEST_ID: Final = 512
_LONGEST_ADDRESS: Final = 64


def verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """Inbound texts come with HTTP Basic. Receipts cannot: their address's token has to do."""
    if request.door is Door.REPORTS:
        return None
    return basic_problem(request, keys)


def read(request: CallbackRequest, _: CallbackKeys) -> Sequence[Reading]:
    """The one thing that a request tells. The address for reports takes nothing but receipts,
    because it asks for less proof.

    Raises:
        UnreadableEvent: it is not plain XML, or a field that it needs is missing.
    """
    root = document(request.body, request.headers)
    tag = local_name(root)
    if tag == RECEIPT:
        return [read_receipt(root)]
    if tag not in {"moMessage", "deliver"}:
        raise UnreadableEvent("the document is neither an inbound text nor a receipt")
    if request.door is Door.REPORTS:
        raise UnreadableEvent("an inbound text came to the address for reports")
    return [Known.of(_received(root))]


CALLBACKS: Final = Callbacks(verify=verify, read=read, body_limit=65_536)


def document(body: bytes, headers: Mapping[str, str]) -> Element:
    """The root of an XML document that has no DTD, no entities and no references to the outside.

    Raises:
        UnreadableEvent: it is none, or in an encoding that is not read.
    """
    declared, named = _DECLARED.match(body), _CHARSET.search(headers.get("Content-Type") or "")
    name = declared[1].decode() if declared else named[1] if named else "utf-8"
    encoding = "utf-16" if body[:2] in _UTF_16_MARKS else _ENCODINGS.get(name.lower())
    if encoding is None:
        raise UnreadableEvent("the encoding of the document is not one that is read")
    try:
        root: Element = fromstring(body.decode(encoding).strip(), forbid_dtd=True)
    except (ParseError, ValueError):  # What defusedxml and decoding raise are ValueErrors.
        raise UnreadableEvent("the document is not XML, or more than plain XML") from None
    return root


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def read_receipt(root: Element) -> Reading:
    """A receipt. Its code is Vibes' own; a carrier's may have the same digits and mean another
    thing, so that one only stands in the details.

    Raises:
        UnreadableEvent: a field that the report needs is missing or malformed.
    """
    status = _child(root, "status")
    failed = _flag(status.get("isError")) if status is not None else None
    if status is None or failed is None:
        raise UnreadableEvent("status/@isError is neither true nor false")
    kind = _words(_child(root, "type")).strip().lower()
    code = _words(_child(status, "internalErrorCode")).strip() or None
    description = _words(_child(status, "description")).strip()
    said = _status(kind, failed, code, description)
    if said is None:
        return Ignored(f"receipt.{kind if (kind, failed) in RECEIPTS else 'unknown'}")
    carriers = _words(_child(status, "errorCode")).strip()
    details = f"{description} (the carrier's code: {carriers})" if carriers else description
    reference = (root.get("submitterMessageId") or "").strip()
    whole, part, parts = _part(root)
    report = DeliveryReport(
        message_id=_identity(whole, root.get("messageId")),
        number="",
        remote="",
        status=said,
        code=code if failed else None,
        details=brief(details) or None,
        reference=own_reference(reference),
        at=parse_instant(root.get("receiptDate")),
        part=part,
        parts=parts,
    )
    return Known.of(report)


def _status(kind: str, failed: bool, code: str | None, description: str) -> ReportStatus | None:
    """What a receipt says of its text; None where that is nothing new. A code that rejects counts
    more than any word; a word more than that it failed."""
    if not failed:
        return RECEIPTS.get((kind, failed))
    of_type = RECEIPTS.get((kind, failed), ReportStatus.FAILED)
    coded = INTERNAL_CODES.get(code, ReportStatus.FAILED) if code else of_type
    word = _WORD.search(description.upper())
    return WORDS[word[0]] if word and coded is not ReportStatus.REJECTED else coded


def _part(root: Element) -> tuple[str | None, str | None, int]:
    """The whole text's ID, which of its parts the receipt is about, and how many there are."""
    multipart = _child(root, "multipart")
    if multipart is None or _flag(multipart.get("isMultipart", "true")) is False:
        return None, None, 1
    part, parts = (multipart.get(name, "").strip() for name in ("partNumber", "noOfParts"))
    if not _COUNT.fullmatch(part) or not _COUNT.fullmatch(parts) or int(parts) < 1:
        raise UnreadableEvent("multipart/@partNumber or @noOfParts is missing or not a number")
    whole = multipart.get("originalMessageId")
    return whole, str(int(part)) if int(parts) > 1 else None, int(parts)


def _received(root: Element) -> ReceivedText:
    """An inbound text of any version: in 3 the words are content, in 1 and 2 an attribute; the ID
    is an attribute of the root, a parameter, or the exchange's."""
    message, transaction = _child(root, "message"), _child(root, "transaction")
    if message is None:
        raise UnreadableEvent("message is missing")
    param = next((it for it in root.iterfind("{*}param") if it.get("key") == "moMessageId"), None)
    exchange = transaction.get("id") if transaction is not None else None
    return ReceivedText(
        message_id=_identity(root.get("messageId"), _words(param), exchange),
        number=_address(root, "destination"),
        remote=_address(root, "source"),
        body=message.get("text", _words(message)),
        segments=None,
        at=parse_instant(root.get("receiptDate")),
    )


def _address(root: Element, name: str) -> str:
    element = _child(root, name)
    raw = "".join(element.get("address", "").split()) if element is not None else ""
    address = f"+1{raw}" if _BARE_NUMBER.fullmatch(raw) else normalise_address(raw)
    if not address or len(address) > _LONGEST_ADDRESS:
        raise UnreadableEvent(f"{name}/@address is missing or too long")
    return address


def _identity(*candidates: str | None) -> str:
    """The first ID that is there."""
    found = next((it.strip() for it in candidates if it and it.strip()), "")
    if not found or len(found) > _LONGEST_ID:
        raise UnreadableEvent("the message ID is missing or too long")
    return found


def _child(element: Element, name: str) -> Element | None:
    return element.find(f"{{*}}{name}")


def _words(element: Element | None) -> str:
    return "".join(element.itertext()) if element is not None else ""


def _flag(value: str | None) -> bool | None:
    return _FLAGS.get((value or "").strip().lower())
