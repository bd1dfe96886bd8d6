"""LINK Mobility: texts over the REST API of its Common platform, in JSON.

Around it: `link_spec` is how an administrator meets it, `link_callbacks` what a gate tells us,
`link_codes` what codes mean, `link_characters` which characters arrive. Sources: LINK Mobility,
"SMS REST API", 0.5 "Sending MT messages", and "Gate API". LINK has other APIs that have nothing to
do with this one (XML with SESSION and CLIENT, MyLINK, Netsize, SMSAPI).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import orjson

from common.addresses import AddressKind, bare, kind_of, normalise_address
from common.providers.callbacks import Callbacks
from common.providers.http_session import HttpAnswer, HttpSession, detail_of, not_asked
from common.providers.link_callbacks import CALLBACKS
from common.providers.link_characters import carried
from common.providers.link_codes import (
    ACCEPTED,
    ERRORS,
    GATE_FAULTS,
    RESULTS,
    UNKNOWN_ERROR,
    code_in,
    id_in,
)
from common.providers.link_spec import GATE_ID, PARTNER_ID, PASSWORD, PLATFORM_ID, SPEC, USERNAME
from common.providers.meanings import ACCOUNT, by_status
from common.providers.plain import PlainClient, PlainProvider, whole
from common.providers.port import (
    Accepted,
    Health,
    Healthy,
    Refused,
    SendResult,
    Text,
    Unhealthy,
    Unknown,
)
from common.providers.spec import BASE_URL, ProviderSpec
from common.redact import unquote
from heliograph.codes import OutcomeCode

_TON: Final[Mapping[AddressKind, str]] = {
    AddressKind.E164: "MSISDN",
    AddressKind.SHORT_CODE: "SHORTNUMBER",
    AddressKind.ALPHANUMERIC: "ALPHANUMERIC",
}
"""The type of number that each kind of sender is."""

_NO_SENDER: Final = Refused(
    OutcomeCode.PROVIDER_REJECTED, "the sender is neither a number nor a name"
)
_NOTHING_LEFT: Final = Refused(
    OutcomeCode.PROVIDER_REJECTED,
    "nothing is left of the text without the emoji and other characters that LINK does not carry",
)


def answered(answer: HttpAnswer, said: str = "") -> SendResult:
    """What an answer to a submission means. `said` is what LINK could quote in it."""
    fields = answer.fields
    result = code_in(fields.get("resultCode")) or ""
    error = code_in(fields.get("status")) or ""
    message_id = id_in(fields.get("messageId"))
    if answer.status == 200 and result in ACCEPTED and message_id is not None:
        return Accepted(message_id)
    words = unquote(str(fields.get("description") or ""), said)
    detail = detail_of(answer, result or error, words)
    if result in RESULTS:
        return RESULTS[result].refusal(detail, answer.retry_after)
    # "Unknown error" says less than a status that does say something.
    if error in ERRORS and (error != UNKNOWN_ERROR or answer.status != 429):
        return ERRORS[error](detail, answer.retry_after)
    # The path is always the same, so what is not there is the platform.
    return by_status(answer, detail, {404: ACCOUNT})


_FORBIDDEN: Final = Unknown(
    "LINK does not let this user look at its gate: either it may not read gates, or it may do "
    "nothing. The first text tells.",
    let_in=True,
)
"""A user who may send need not be one who may read gates."""


def health_of(answer: HttpAnswer, gate: str) -> Health:
    """What the Gate API's answer says of the credentials. It holds the login of our own address:
    none of it is passed on."""
    code = code_in(answer.fields.get("status")) or ""
    fault = GATE_FAULTS.get(code) or GATE_FAULTS.get(str(answer.status))
    if fault is not None:
        return Unhealthy(fault.format(gate=gate))
    if answer.status == 403:
        return _FORBIDDEN
    if answer.status == 200 and answer.fields:
        return Healthy()
    return Unknown(f"The Gate API gave no usable answer (HTTP {answer.status}).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(PlainProvider):
    """The provider LINK Mobility. It does not recognise a repeated call."""

    name: str = "link"
    spec: ProviderSpec = SPEC
    callbacks: Callbacks | None = CALLBACKS

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> LinkClient:
        """Build a client. A gate knows its own address, so `report_url` is not used."""
        return LinkClient(whole(SPEC, credentials), timeout=timeout)


class LinkClient(PlainClient):
    """One account on one platform."""

    def __init__(self, credentials: Mapping[str, str], *, timeout: float):
        super().__init__(
            HttpSession(
                timeout=timeout,
                auth=(credentials[USERNAME], credentials[PASSWORD]),
                headers={"Accept": "application/json"},
                address=credentials[BASE_URL],
            )
        )
        self._base = credentials[BASE_URL]
        self._account = {
            "platformId": credentials[PLATFORM_ID],
            "platformPartnerId": credentials[PARTNER_ID],
        }
        self._gate = credentials[GATE_ID]

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        kind, words = kind_of(text.sender), carried(text.body)
        if kind is None:
            return _NO_SENDER
        if words is None:
            return _NOTHING_LEFT
        request = {
            "source": bare(text.sender),
            "sourceTON": _TON[kind],
            "destination": normalise_address(text.recipient),
            "destinationTON": "MSISDN",
            "dcs": "TEXT",
            "userData": words,
            "useDeliveryReport": True,
            "deliveryReportGates": [self._gate],
            **self._account,
            "refId": text.reference,
            # The documentation calls true the default, and then there would be no message ID.
            "ignoreResponse": False,
        }
        heard = await self._session.call(
            "POST",
            f"{self._base}/sms/send",
            body=orjson.dumps(request),
            content_type="application/json",
        )
        return answered(heard, words) if isinstance(heard, HttpAnswer) else heard

    async def check(self, numbers: Sequence[str]) -> Health:
        """Look at the gate."""
        account = "/partner/".join(quote(value, safe="") for value in self._account.values())
        heard = await self._session.call(
            "GET",
            f"{self._base}/gate/partnergate/platform/{account}/id/{quote(self._gate, safe='')}",
        )
        return health_of(heard, self._gate) if isinstance(heard, HttpAnswer) else not_asked(heard)
