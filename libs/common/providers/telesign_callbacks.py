"""What Telesign tells: inbound texts and delivery reports in JSON, at one address, signed.

Sources: Telesign docs, "Receive SMS delivery reports", "Inbound SMS - Get started", "Transaction
Callback Service", "Authenticate callbacks" and "All status and error codes". Their examples write
codes as numbers and as text, instants in two forms, and leave `sub_resource` and `external_id` out
in places.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from common.addresses import normalise_address
from common.providers.callbacks import (
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
from common.providers.reading import brief, load_json, own_reference, parse_instant
from heliograph.models import ReportStatus

CUSTOMER_ID: Final = "customer_id"
API_KEY: Final = "api_key"


def _by_code(rows: Mapping[ReportStatus, str]) -> Mapping[str, ReportStatus]:
    return {code: status for status, codes in rows.items() for code in codes.split()}


STATES: Final = _by_code(
    {
        ReportStatus.DELIVERED: "200",
        # 201 suspects fraud and is final; what became of the text, it does not say.
        ReportStatus.SENT: "201 203 251 295",
        ReportStatus.EXPIRED: "221",
        ReportStatus.UNDELIVERABLE: "210 211 220 222 504 511 512 513 514 516",
        # The last two are error codes in the place of a status: blocked by a list of the account's
        # or of Telesign's.
        ReportStatus.REJECTED: "229 230 231 233 237 238 286 507 508 509 510 515 517 518 519 520 521"
        " 10031 10032",
        ReportStatus.FAILED: "207 250 500 501 502 503 505 506 599",
    }
)
"""What became of a text, by the code of its status; docs/providers/telesign.md explains each. 290,
291 and 292 say that it is queued, and any other one nothing that is known: such reports are
ignored."""

_REMARKS: Final = {"251": "no receipt from the handset will come"}
"""What is not said by `sent`, which may otherwise be followed by more."""

_SHORTEST_CODES: Final = re.compile(r"[0-9]{3,4}")
_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")
_LONGEST_ID: Final = 512
_LONGEST_ADDRESS: Final = 64


@dataclass(frozen=True, slots=True)
class Told:
    """What Telesign says of a transaction, in answers and callbacks alike. Codes are decimal. Older
    products tell them as `errors`, with negative numbers, beside a status that says less."""

    reference_id: str
    code: str
    errors: tuple[str, ...]
    text: str
    at: datetime | None

    @property
    def codes(self) -> tuple[str, ...]:
        """All of them, the one that says most first."""
        return (*self.errors, *filter(None, [self.code]))

    @property
    def details(self) -> str | None:
        """The explanation of its status."""
        said = "; ".join(filter(None, [self.text, _REMARKS.get(self.code)]))
        return brief(said) or None


def told_in(fields: Mapping[str, object]) -> Told:
    """Read an answer or a callback; what it does not say is empty."""
    status, listed = _object(fields.get("status")), fields.get("errors")
    # In some examples an empty object stands for no errors.
    errors = [_object(item) for item in listed] if isinstance(listed, list) else []
    texts = (_word(said.get("description")) for said in (*errors, status))
    return Told(
        reference_id=_word(fields.get("reference_id")),
        code=_word(status.get("code")),
        errors=tuple(filter(None, (_word(error.get("code")) for error in errors))),
        text=next(filter(None, texts), ""),
        at=instant_of(status.get("updated_on")),
    )


def instant_of(value: object) -> datetime | None:
    """An instant in UTC, written as RFC 3339 or as RFC 1123 has it; None where it is neither, as in
    the docs' own `2022-31-03T14:51:28.709526Z`."""
    if (at := parse_instant(value)) is not None:
        return at
    try:
        at = parsedate_to_datetime(_word(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def signing_key(api_key: str) -> bytes:
    """An API key's octets, none where it is no base64. What is not of base64's alphabet is passed
    over, as Telesign's own packages do: the key in their examples holds hyphens."""
    try:
        return base64.b64decode(api_key)
    except (binascii.Error, ValueError):
        return b""


def verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """Both kinds of callback, at either door, carry the HMAC-SHA256 of the octets of the body:
    `X-TS-Authorization` by itself, `Authorization` as `TSA <customer ID>:<signature>`. (A proxy may
    have taken the latter away.) Neither address nor time is covered: a callback that is played
    again is known by its ID."""
    key = signing_key(keys.credentials.get(API_KEY, ""))
    if not key:
        return "the connection has no API key"
    customers, signature = _signed(request.headers)
    if not signature:
        return "no signature"
    own = keys.credentials.get(CUSTOMER_ID, "").upper()
    if any(customer.upper() != own for customer in customers):
        return "signed for another customer"
    right = base64.b64encode(hmac.digest(key, request.body, "sha256"))
    if not hmac.compare_digest(right, signature.encode("utf-8", "replace")):
        return "the signature is not of this body and this API key"
    return None


def _signed(headers: Mapping[str, str]) -> tuple[list[str], str]:
    """The customers that the headers name, and the signature."""
    scheme, _, pair = (headers.get("Authorization") or "").strip().partition(" ")
    given = [headers.get("X-TS-Authorization") or "", pair if scheme.upper() == "TSA" else ""]
    split = [item.strip().rpartition(":") for item in given]
    customers = [customer.split()[-1] for customer, _, _ in split if customer.strip()]
    return customers, next((signature.strip() for _, _, signature in split if signature), "")


def read(request: CallbackRequest, _: CallbackKeys) -> Sequence[Reading]:
    """The one thing that a callback tells. The address may be that of other products too, whose
    callbacks are ignored.

    Raises:
        UnreadableEvent: it is not a JSON object.
    """
    fields = load_json(request.body)
    if not isinstance(fields, dict):
        raise UnreadableEvent("the body is not a JSON object")
    usual = "mo_sms" if "user_response" in fields else "sms"
    kind = _word(fields.get("sub_resource")).lower() or usual
    if kind not in _KINDS:
        return [Ignored(kind[:_LONGEST_ADDRESS])]
    name, reading_of = _KINDS[kind]
    try:
        return [reading_of(fields)]
    except UnreadableEvent as error:
        return [Unreadable(name, fields, str(error))]


CALLBACKS: Final = Callbacks(verify=verify, read=read)


def _received(fields: Mapping[str, object]) -> Reading:
    user = _object(fields.get("user_response"))
    body = user.get("mo_message")
    if not isinstance(body, str):
        raise UnreadableEvent("user_response.mo_message is missing or not a string")
    text = ReceivedText(
        message_id=_identity(fields),
        number=_address(_with_country(user), "sender_id"),
        remote=_address(_word(user.get("phone_number")), "phone_number"),
        body=body,
        segments=None,
        at=instant_of(fields.get("submit_timestamp")) or told_in(fields).at,
    )
    return Known.of(text)


def _report(fields: Mapping[str, object]) -> Reading:
    """A report names no addresses; it finds its text by the reference, or by Telesign's ID."""
    told, reference = told_in(fields), _word(fields.get("external_id"))
    message_id, status = _identity(fields), STATES.get(told.code)
    if status is None:
        return Ignored(f"status {told.code[:6]}")
    report = DeliveryReport(
        message_id=message_id,
        number="",
        remote="",
        status=status,
        code=told.code,
        details=told.details,
        reference=own_reference(reference),
        at=told.at,
    )
    return Known.of(report)


_KINDS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, object]], Reading]]]] = {
    "mo_sms": ("received", _received),
    "sms": ("report", _report),
}
"""By `sub_resource`, with what we call it."""


def _with_country(user: Mapping[str, object]) -> str:
    """Our number. A code of three or four digits is somebody else's in another country, so it is
    known by the country that stands beside it (`US-4442`)."""
    number, country = _word(user.get("sender_id")), _word(user.get("iso_country_code"))
    of_a_country = _SHORTEST_CODES.fullmatch(number) and _COUNTRY.fullmatch(country)
    return f"{country}-{number}" if of_a_country else number


def _address(raw: str, name: str) -> str:
    address = normalise_address(raw)
    if not address or len(address) > _LONGEST_ADDRESS:
        raise UnreadableEvent(f"user_response.{name} is missing or too long")
    return address


def _identity(fields: Mapping[str, object]) -> str:
    identity = _word(fields.get("reference_id"))
    if not identity or len(identity) > _LONGEST_ID:
        raise UnreadableEvent("reference_id is missing or too long")
    return identity


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    """A string, or a whole number as one; empty where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else ""
