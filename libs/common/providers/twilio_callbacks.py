"""What Twilio tells of texts, read into plain values, and what it is answered.

Sources: Twilio docs, "Twilio's request to your incoming message webhook URL", "Track the message
status of outbound messages", "TwiML for Programmable Messaging". No answer holds any text: Twilio
would send it to the person who texted.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Final

from common.addresses import normalise_address
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
    UnreadableEvent,
)
from common.providers.reading import brief, own_reference
from common.providers.twilio_codes import state_of
from common.providers.twilio_signature import fields_of, first_of, query_of, verify
from heliograph.models import Keyword

MESSAGE_SID: Final = re.compile(r"[A-Z]{2}[0-9A-Za-z]{14,62}")
"""SM or MM and 32 hexadecimal digits today; a text is not lost if there are more one day."""
_INBOUND: Final = frozenset({"received", "receiving"})
_KEYWORDS: Final = {"STOP": Keyword.OPT_OUT, "START": Keyword.OPT_IN, "HELP": Keyword.HELP}
"""What Twilio took a text for, with Advanced Opt-Out, whose words are its owner's: ARRET, too."""
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4}){15,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
"""Sixty characters at least: longer than a word that a person would write."""


def _read(request: CallbackRequest, _: CallbackKeys) -> Sequence[Reading]:
    """One text, or one report: Twilio delivers them one by one, to whichever address."""
    fields = first_of(fields_of(request.body))
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    if status and status not in _INBOUND:
        return [_read_report(fields, status, _reference(request.url))]
    if ":" in fields.get("From", ""):
        return [Ignored("another channel")]  # whatsapp:+1…, messenger:…
    if "Body" not in fields and "NumMedia" not in fields:
        raise UnreadableEvent("Body is missing")
    text = ReceivedText(
        message_id=_message_sid(fields),
        number=_address(fields, "To"),
        remote=_address(fields, "From"),
        body=_decoded(fields.get("Body", "")),  # empty where there are pictures only
        segments=_count(fields.get("NumSegments", "")),
        at=None,
        keyword=_KEYWORDS.get(fields.get("OptOutType", "").strip().upper()),
    )
    return [Known.of(text)]


def _read_report(fields: Mapping[str, str], status: str, reference: str | None) -> Reading:
    code = fields.get("ErrorCode") or None
    state = state_of(status, code)
    if state is None:
        return Ignored("message status that says nothing new")
    report = DeliveryReport(
        message_id=_message_sid(fields),
        number=normalise_address(fields.get("From", "")),
        remote=normalise_address(fields.get("To", "")),
        status=state,
        code=code,
        details=brief(fields.get("ErrorMessage", "")) or None,
        reference=reference,
        at=None,  # RawDlrDoneDate names no zone and no second
    )
    return Known.of(report)


def _reference(url: str) -> str | None:
    """Our own message ID, which we put into the address that Twilio calls."""
    told = next((value for name, value in query_of(url) if name == "ref"), None)
    return own_reference(told)


def _message_sid(fields: Mapping[str, str]) -> str:
    names = ("MessageSid", "SmsMessageSid", "SmsSid")
    told = next((fields[name] for name in names if fields.get(name)), "")
    if not MESSAGE_SID.fullmatch(told):
        raise UnreadableEvent("MessageSid is missing or malformed")
    return told


def _address(fields: Mapping[str, str], name: str) -> str:
    address = normalise_address(fields.get(name, ""))
    if not address or len(address) > 64:
        raise UnreadableEvent(f"{name} is missing or too long")
    return address


def _count(told: str) -> int | None:
    return int(told) if re.fullmatch(r"[0-9]{1,3}", told) else None


def _decoded(body: str) -> str:
    """A text out of base64, in which long texts of several parts sometimes arrive; one that is not
    surely so stays as it is."""
    if not _BASE64.fullmatch(body):
        return body
    try:
        text = base64.b64decode(body, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return body
    words = text.split()
    return text if len(words) > 1 and all(map(str.isprintable, words)) else body


_NO_ANSWER: Final = CallbackAnswer(
    content_type="text/xml", body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
)
"""TwiML that sends nothing back."""


def _answer(readings: Sequence[Reading]) -> CallbackAnswer:
    reports = [it for it in readings if isinstance(it, Ignored) or _is_report(it)]
    return CallbackAnswer(204) if readings and len(reports) == len(readings) else _NO_ANSWER


def _is_report(reading: Reading) -> bool:
    return isinstance(reading, Known) and isinstance(reading.content, DeliveryReport)


CALLBACKS: Final = Callbacks(verify=verify, read=_read, answer=_answer, body_limit=262_144)
