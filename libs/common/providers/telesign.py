"""Telesign: texts over its messaging API; `telesign_answers` reads what it answers and
`telesign_callbacks` what it tells.

Source: Telesign docs, "Send an SMS message", "Get transaction status" and "Authentication". What
could not be verified without an account stands in docs/providers/telesign.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from common.addresses import bare
from common.limits.tables import Rate, Scope
from common.providers.callbacks import Callbacks
from common.providers.hosts import Hosts
from common.providers.http_session import HttpAnswer, HttpSession, not_asked
from common.providers.meanings import TOO_LONG
from common.providers.opted_out_codes import OptedOut
from common.providers.plain import PlainClient, PlainProvider, whole
from common.providers.port import FetchedReport, Health, SendResult, Text, UnusableCredentials
from common.providers.spec import BASE_URL, Callback, Form, Parameter, ProviderSpec, with_base_url
from common.providers.telesign_answers import (
    FULL_SERVICE,
    SELF_SERVICE,
    answered,
    fetched,
    health_of,
)
from common.providers.telesign_callbacks import API_KEY, CALLBACKS, CUSTOMER_ID, signing_key
from common.sender_types import NumberType

_MESSAGE_TYPE: Final = "ARN"
"""Alerts, reminders and notifications. The others are OTP, one-time passwords, and MKT, marketing,
which carriers route and block by rules of their own; what an agent answers is neither."""

_LONGEST_TEXT: Final = 1_600
"""Characters. Telesign splits what is longer than one SMS."""
_CONTENT_TYPE: Final = "application/x-www-form-urlencoded; charset=utf-8"
_ID: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_NO_TEXT: Final = "0" * 32
"""A reference ID that no text has."""

_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_KEY: Final = re.compile(r"[A-Za-z0-9+/=_-]+")
_FORMS: Final[tuple[tuple[str, Callable[[str], object], str], ...]] = (
    (CUSTOMER_ID, bool, "is missing."),
    (CUSTOMER_ID, _UUID.fullmatch, "is not 8-4-4-4-12 hexadecimal digits, as the portal shows it."),
    (API_KEY, bool, "is missing."),
    (
        API_KEY,
        lambda value: not _UUID.fullmatch(value),
        "is a customer ID. The API key is the longer text beside it, hidden until you show it.",
    ),
    (
        API_KEY,
        _KEY.fullmatch,
        "holds what is in no API key, such as blanks or quotation marks. Copy the key alone.",
    ),
    (API_KEY, signing_key, "is not whole. Copy it again, to the = signs at its end."),
)
"""What a field must be, and what its owner is told otherwise: the first that is not so."""


def _read(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    form = with_base_url(spec, values, loopback)
    for name, fits, what in _FORMS:
        if not fits(form.values.get(name, "")):
            raise UnusableCredentials(f"{name} {what}", field=name)
    return form


_TYPES: Final = (
    NumberType.TOLL_FREE,
    NumberType.SHORT_CODE,
    NumberType.LOCAL,
    NumberType.ALPHANUMERIC,
)

SPEC: Final = ProviderSpec(
    name="telesign",
    title="Telesign",
    feature="custom.telesign_sms",
    portal="https://teleportal.telesign.com",
    parameters=(
        Parameter(
            name=CUSTOMER_ID,
            label="Customer ID",
            help="Telesign portal: shown with the API key, 8-4-4-4-12 hexadecimal digits.",
        ),
        Parameter(
            name=API_KEY,
            label="API key",
            secret=True,
            help="Telesign portal: beside the customer ID, hidden until you show it. Copy it "
            "whole, with the = signs at its end; Telesign's callbacks are signed with it too.",
        ),
        Parameter(
            name=BASE_URL,
            label="API host",
            kind="url",
            required=False,
            help=f"{FULL_SERVICE} for full-service accounts, {SELF_SERVICE} for self-service "
            "ones; your contract tells which you have. Left empty, it is the former.",
        ),
    ),
    number_types=_TYPES,
    callbacks=(
        Callback(
            label="Callback URL",
            path_template="/api/webhooks/telesign/{connection_id}/{token}",
            help="Inbound texts and delivery reports come to this one address. Full service: give "
            "it to Telesign's support as the account's callback URL, and have inbound SMS enabled. "
            "Self-service: portal, SMS, Settings, Customer Callback URLs and SMS 2-Way Inbound.",
        ),
    ),
    hosts=Hosts(
        names=("rest-ww.telesign.com", "rest-api.telesign.com"), endings=("/v1/messaging", "/v1")
    ),
    opted_out=OptedOut(frozenset({"510"})),  # blocked by the subscriber's action or request
    # A limit is the account's, and its size a matter of the contract.
    rates={kind: Rate(Scope.CONNECTION, None, None) for kind in _TYPES},
    # Telesign calls back three or four times within a minute and then never, and tells of a text
    # for twelve hours.
    report_after=14_400.0,
    read=_read,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telesign(PlainProvider):
    """The provider Telesign. It knows no idempotency: `external_id` is a mere reference."""

    name: str = "telesign"
    spec: ProviderSpec = SPEC
    callbacks: Callbacks | None = CALLBACKS

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> TelesignClient:
        """Build a client from `customer_id`, `api_key` and, optionally, `base_url`. `report_url` is
        not used: an account has one callback URL, and not every account may name another."""
        values = whole(SPEC, credentials)
        host = values.get(BASE_URL, FULL_SERVICE)
        session = HttpSession(
            timeout=timeout,
            auth=(values[CUSTOMER_ID], values[API_KEY]),
            address=host,
        )
        return TelesignClient(session, f"{host}/v1/messaging")


class TelesignClient(PlainClient):
    """One account. `url` is the resource of all texts."""

    def __init__(self, session: HttpSession, url: str):
        super().__init__(session)
        self._url = url

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        if len(text.body) > _LONGEST_TEXT:
            return TOO_LONG(f"more than {_LONGEST_TEXT} characters", None)
        heard = await self._session.call(
            "POST", self._url, body=_form(text), content_type=_CONTENT_TYPE
        )
        return answered(heard, text.body) if isinstance(heard, HttpAnswer) else heard

    async def check(self, numbers: Sequence[str]) -> Health:
        """Ask for a text that does not exist."""
        heard = await self._session.call("GET", f"{self._url}/{_NO_TEXT}")
        return health_of(heard) if isinstance(heard, HttpAnswer) else not_asked(heard)

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """The status of a text, asked for; Telesign keeps it for 12 hours."""
        if not _ID.fullmatch(provider_message_id):
            return None
        heard = await self._session.call("GET", f"{self._url}/{provider_message_id}")
        return fetched(heard, datetime.now(UTC)) if isinstance(heard, HttpAnswer) else None


def _form(text: Text) -> bytes:
    """The fields of a send; numbers are digits, without a `+`. Half of a surrogate pair, which
    UTF-8 cannot carry, becomes a question mark."""
    fields = {
        "phone_number": bare(text.recipient).removeprefix("+"),
        "message": text.body,
        "message_type": _MESSAGE_TYPE,
        "sender_id": bare(text.sender).removeprefix("+"),
        "external_id": text.reference,
    }
    return urlencode(fields, errors="replace").encode()
