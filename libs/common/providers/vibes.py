"""Vibes: texts over its HTTP Message API (aggregation), in XML.

Around it: `vibes_answers` says what an answer means, `vibes_callbacks` what Vibes tells by itself.
Source: Vibes docs, "Message API". Which type a long code has as a source is not published; hence
short codes only. Not to be confused with the Platform API of the marketing product (JSON, a company
key).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from common.addresses import AddressKind, bare, kind_of
from common.limits.tables import Rate, Scope
from common.providers.callbacks import Callbacks
from common.providers.http_session import HttpAnswer, HttpSession, not_asked
from common.providers.opted_out_codes import OptedOut
from common.providers.plain import PlainClient, PlainProvider, whole
from common.providers.port import (
    FetchedReport,
    Health,
    Refused,
    SendResult,
    Text,
    UnusableCredentials,
)
from common.providers.spec import Callback, Form, Parameter, ProviderSpec, with_base_url
from common.providers.vibes_answers import answered, fetched, health_of
from common.providers.vibes_callbacks import CALLBACKS
from common.sender_types import NumberType
from heliograph.codes import OutcomeCode

USERNAME: Final = "username"
PASSWORD: Final = "password"  # noqa: S105 - the name of a parameter

_MESSAGES: Final = "/MessageApi/mt/messages"
_CONTENT_TYPE: Final = "text/xml"
"""Mandatory."""
_NO_TEXT: Final = UUID(int=0)
"""The ID of a text that cannot exist."""
_PLAIN_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")

_LONGEST_TEXT: Final = 900
"""Characters that Vibes splits into parts; without splitting it takes 160."""
_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot carry, not even as a reference. Source: W3C, XML 1.0, 2.2 "Characters"."""

_NOT_SHORT: Final = Refused(
    OutcomeCode.PROVIDER_REJECTED, "Vibes documents how to send from short codes only"
)
_EMPTY: Final = Refused(OutcomeCode.EMPTY_BODY, "nothing of the text can be written in XML")
_TOO_LONG: Final = Refused(
    OutcomeCode.TEXT_TOO_LONG, f"Vibes takes at most {_LONGEST_TEXT} characters"
)


def _read(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    """Both are there, and fit into HTTP Basic (RFC 7617: no colon in the user's name)."""
    for name in (USERNAME, PASSWORD):
        if not values.get(name, "").strip():
            raise UnusableCredentials(f"{name} is missing.", field=name)
    if ":" in values[USERNAME]:
        what = f"{USERNAME} holds a colon: enter the name alone, without password or address."
        raise UnusableCredentials(what, field=USERNAME)
    return with_base_url(spec, values, loopback)


SPEC: Final = ProviderSpec(
    name="vibes",
    title="Vibes",
    feature="custom.vibes_sms",
    portal="https://www.vibes.com",
    parameters=(
        Parameter(
            name=USERNAME,
            label="Username",
            help="From your Vibes account team: the user of the Message API (aggregation), not of "
            "the marketing platform.",
        ),
        Parameter(
            name=PASSWORD,
            label="Password",
            secret=True,
            help="Belongs to that username; ask the same team for a new one if it is lost.",
        ),
    ),
    number_types=(NumberType.SHORT_CODE,),
    callbacks=(
        Callback(
            label="Mobile-originated messages",
            path_template="/api/webhooks/vibes/{connection_id}/{token}",
            help="Ask your Vibes account team to deliver inbound messages, in version 3 of the "
            "format and with HTTP Basic, to this address. Delivery reports name theirs with each "
            "text.",
        ),
    ),
    opted_out=OptedOut(frozenset({"9"})),  # on the block list, which STOP fills
    # What a short code may send is agreed with each customer.
    rates={NumberType.SHORT_CODE: Rate(Scope.NUMBER, None, None)},
    read=_read,
    basic=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vibes(PlainProvider):
    """The provider Vibes. It knows no idempotency: `submitterMessageId` is a mere reference."""

    name: str = "vibes"
    spec: ProviderSpec = SPEC
    callbacks: Callbacks | None = CALLBACKS
    base_url: str = "https://messageapi.vibesapps.com"

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> VibesClient:
        """Build a client from `username` and `password`. Without `report_url` no receipts are asked
        for."""
        values = whole(SPEC, credentials)
        session = HttpSession(
            timeout=timeout, auth=(values[USERNAME], values[PASSWORD]), address=self.base_url
        )
        return VibesClient(session, f"{self.base_url}{_MESSAGES}", report_url)


class VibesClient(PlainClient):
    """One user of the Message API. `url` is the resource of all texts."""

    def __init__(self, session: HttpSession, url: str, report_url: str | None):
        super().__init__(session)
        self._url = url
        self._report_url = report_url

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        body = _UNWRITABLE.sub("", text.body)
        if (refused := _unsendable(text, body)) is not None:
            return refused
        document = message_of(text, body, self._report_url)
        heard = await self._session.call(
            "POST", self._url, body=document, content_type=_CONTENT_TYPE
        )
        return answered(heard, text.body) if isinstance(heard, HttpAnswer) else heard

    async def check(self, numbers: Sequence[str]) -> Health:
        """Ask for a text that cannot exist. (To look a number up may cost money.)"""
        heard = await self._session.call("GET", f"{self._url}/{_NO_TEXT}")
        return health_of(heard) if isinstance(heard, HttpAnswer) else not_asked(heard)

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """All receipts of a text until now, asked for, as one report."""
        if not _PLAIN_ID.fullmatch(provider_message_id):
            return None
        heard = await self._session.call("GET", f"{self._url}/{provider_message_id}/responses")
        if not isinstance(heard, HttpAnswer) or heard.status != 200:
            return None
        return fetched(heard, provider_message_id, datetime.now(UTC))


def _unsendable(text: Text, body: str) -> Refused | None:
    """Why a text need not be tried at all."""
    if kind_of(text.sender) is not AddressKind.SHORT_CODE:
        return _NOT_SHORT
    if not body:
        return _EMPTY
    return _TOO_LONG if len(body) > _LONGEST_TEXT else None


def message_of(text: Text, body: str, report_url: str | None) -> bytes:
    """The document that sends a text, with receipts of carrier and handset to `report_url`."""
    root = Element("mtMessage", submitterMessageId=text.reference, splitLongMessage="true")
    SubElement(root, "destination", address=text.recipient, type="MDN")
    SubElement(root, "source", address=bare(text.sender), type="SC")
    SubElement(root, "text").text = body
    if report_url is not None:
        SubElement(root, "receiptOption", callbackUrl=report_url).text = "ALL"
    octets: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return octets
