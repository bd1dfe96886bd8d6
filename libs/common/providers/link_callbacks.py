"""What LINK Mobility's gates tell: inbound texts and delivery reports, at one address.

Sources: LINK Mobility, "Receiving MO messages" (parameters, route, examples) and "SMS REST API",
0.9 "Delivery Reports". XML is not read: its form is not published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from common.addresses import normalise_address
from common.ids import derive
from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    DeliveryReport,
    Ignored,
    Known,
    Reading,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from common.providers.link_codes import RESULTS, code_in, id_in
from common.providers.link_spec import PARTNER_ID
from common.providers.reading import basic_problem, brief, load_json, own_reference, parse_instant

_BODY_LIMIT: Final = 131_072
_LONGEST_ADDRESS: Final = 64
_MOST_SEGMENTS: Final = 254
_UNKNOWN_PARTS: Final = _MOST_SEGMENTS + 1
"""Of how many parts one is, where that is not told: of more than can be delivered, so that good
news of it never stands for the whole text; a failure of it does."""

_OF_A_PART: Final = re.compile(r"(.+)\$([0-9]{1,3})", re.DOTALL)


def verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """HTTP Basic, at either door: a gate signs nothing, and has one login for all that it tells."""
    return basic_problem(request, keys)


def read(request: CallbackRequest, keys: CallbackKeys) -> Sequence[Reading]:
    """One text or one report; which of them, only its fields tell."""
    fields = _fields(request.body)
    name = "report" if "resultCode" in fields else "received"
    try:
        return [_report(fields) if name == "report" else _received(fields, keys.credentials)]
    except UnreadableEvent as error:
        return [Unreadable(name, fields, str(error))]


def _fields(body: bytes) -> Mapping[str, object]:
    """JSON as it should be, or a form, as some gates send reports."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"<":
        raise UnreadableEvent(
            "the gate sends XML: let LINK set the contentType of its destination to "
            "application/json"
        )
    document = load_json(start) if start[:1] in {b"{", b"["} else _form(start)
    if not isinstance(document, dict) or not document.keys() & {"resultCode", "content"}:
        raise UnreadableEvent("neither a text (content) nor a delivery report (resultCode)")
    return document


def _form(body: bytes) -> Mapping[str, object]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:  # that of decoding is one too
        raise UnreadableEvent("the body is neither JSON nor a form") from None


def _received(fields: Mapping[str, object], credentials: Mapping[str, str]) -> Reading:
    route, content = _object(fields, "route"), _object(fields, "content")
    partner = id_in(route.get("platformPartnerId"))
    if partner is not None and partner != credentials.get(PARTNER_ID):
        raise UnreadableEvent("route.platformPartnerId is another account's than the connection's")
    body = content.get("userData")
    if not isinstance(body, str):
        raise UnreadableEvent("content.userData is missing or not a string")
    if str(content.get("encoding")).upper() == "BINARY":
        raise UnreadableEvent("content.encoding is BINARY, which is no text")
    number, remote = _number(fields), _address(fields, "source")
    text = ReceivedText(
        message_id=_identity(fields, number, remote, body),
        number=number,
        remote=remote,
        body=body,
        segments=None,
        at=_instant(fields, "timestamp", "operatorTimestamp"),
    )
    return Known.of(text)


def _number(fields: Mapping[str, object]) -> str:
    """The short number with its sub-number, which is also what an answer comes from."""
    number, sub = _address(fields, "destination"), fields.get("subNumber")
    if sub is None or sub == "":
        return number
    digits = code_in(sub)
    if digits is None:
        raise UnreadableEvent("subNumber is not a number")
    return normalise_address(number + digits)


def _identity(fields: Mapping[str, object], number: str, remote: str, body: str) -> str:
    """LINK's message ID. Where that is a placeholder, one that is the same when LINK tells the same
    text again; without an instant two texts of the same words could not be told apart."""
    told = id_in(fields.get("messageId"))
    if told is not None:
        return told
    instant = id_in(fields.get("timestamp")) or id_in(fields.get("operatorTimestamp"))
    if instant is None:
        raise UnreadableEvent("neither messageId nor timestamp tells the text from another")
    return derive("link.received", remote, number, instant, body)


def _report(fields: Mapping[str, object]) -> Reading:
    code = code_in(fields.get("resultCode"))
    if code is None:
        raise UnreadableEvent("resultCode is not a number")
    result = RESULTS.get(code)
    if result is None or result.state is None:
        return Ignored(f"resultCode {code}")
    told = id_in(fields.get("id"))
    if told is None:
        raise UnreadableEvent("id is missing, a placeholder or too long")
    of_a_part = _OF_A_PART.fullmatch(told)
    reference = id_in(fields.get("refId")) or ""
    report = DeliveryReport(
        message_id=of_a_part[1] if of_a_part else told,
        number="",
        remote="",
        status=result.state,
        code=code,
        details=_details(result.words, fields),
        reference=own_reference(reference),
        at=_instant(fields, "timestamp", "sentTimestamp"),
        part=str(int(of_a_part[2])) if of_a_part else None,
        parts=_parts(int(of_a_part[2]), fields.get("segments")) if of_a_part else 1,
    )
    return Known.of(report)


def _parts(part: int, told: object) -> int:
    """How many parts a text has of which this is one, counted from 0."""
    segments = int(code_in(told) or 0)
    return segments if part < segments <= _MOST_SEGMENTS else _UNKNOWN_PARTS


def _details(words: str, fields: Mapping[str, object]) -> str:
    """What the code says, and whose word it is."""
    operator, code = id_in(fields.get("operator")), id_in(fields.get("operatorResultCode"))
    said = [operator or "", f"code {code}" if code else ""]
    whose = ", ".join(filter(None, said))
    return brief(f"{words} ({whose})" if whose else words)


def _object(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _address(fields: Mapping[str, object], name: str) -> str:
    address = normalise_address(id_in(fields.get(name)) or "")
    if not address or len(address) > _LONGEST_ADDRESS:
        raise UnreadableEvent(f"{name} is missing or too long")
    return address


def _instant(fields: Mapping[str, object], *names: str) -> datetime | None:
    return next((at for at in (parse_instant(fields.get(name)) for name in names) if at), None)


def _thanks(_: Sequence[Reading]) -> CallbackAnswer:
    """A gate whose `acknowledge` is true wants a body, any other only the status."""
    return CallbackAnswer(body=b"OK")


CALLBACKS: Final = Callbacks(verify=verify, read=read, answer=_thanks, body_limit=_BODY_LIMIT)
