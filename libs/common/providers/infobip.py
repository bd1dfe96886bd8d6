"""Infobip: what it wants to know, sending by version 3 of its SMS API, and asking for reports.

Sources: Infobip docs, "Send SMS message", "Get outbound SMS message delivery reports", "API
authentication", "Idempotent message sending".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson

from common.addresses import bare
from common.limits.tables import Rate, Scope
from common.providers.callbacks import Callbacks
from common.providers.hosts import Hosts
from common.providers.http_session import HttpAnswer, HttpSession, detail_of, not_asked
from common.providers.infobip_codes import PROBLEMS, REFUSED_BY_RECIPIENT, Said, problem_of
from common.providers.infobip_events import CALLBACKS, id_in, report_in
from common.providers.meanings import ACCOUNT, Meaning, by_status
from common.providers.plain import PlainClient, PlainProvider, whole
from common.providers.port import (
    Accepted,
    Ambiguous,
    FetchedReport,
    Health,
    Healthy,
    NotProcessed,
    SendResult,
    Text,
    Unhealthy,
    Unknown,
    UnusableCredentials,
)
from common.providers.spec import (
    BASE_URL,
    PARTNER_TYPES,
    Callback,
    Form,
    Parameter,
    ProviderSpec,
    with_base_url,
)
from common.redact import unquote
from common.sender_types import NumberType

_API_KEY: Final = "api_key"
_TYPES: Final = tuple(item for item in NumberType if item not in PARTNER_TYPES)

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,200}")
"""Our message IDs are UUIDs; what has another form is not asked for, so that it cannot lead
elsewhere."""

_NO_KEYS: Final = (
    (r".*\s.*", "holds a blank: paste the key alone, without the word App in front of it"),
    (r".*api\.infobip\.com.*", "is the base URL: the key stands beside it in the portal"),
    (r".*[^!-~].*", "holds a character that no API key has"),
)
"""What people paste in place of an API key, and what to tell them."""


def _read(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    for pattern, what in _NO_KEYS:
        if re.fullmatch(pattern, values[_API_KEY], re.IGNORECASE | re.DOTALL):
            raise UnusableCredentials(f"{_API_KEY} {what}.", field=_API_KEY)
    return with_base_url(spec, values, loopback)


SPEC: Final = ProviderSpec(
    name="infobip",
    title="Infobip",
    feature="custom.infobip_sms",
    portal="https://portal.infobip.com",
    parameters=(
        Parameter(
            name=BASE_URL,
            label="API base URL",
            kind="url",
            help="Infobip portal: the home page shows the address that belongs to your account "
            "alone. It ends in .api.infobip.com.",
        ),
        Parameter(
            name=_API_KEY,
            label="API key",
            secret=True,
            help="Infobip portal: Developer tools, API keys. The key needs a scope that allows "
            "sending SMS (sms:manage, sms:message:send or message:send), and must not be limited "
            "to other IP addresses or expire soon. Before you connect, ask Infobip's support for "
            "idempotent message sending for SMS: without it, a text whose answer was lost may "
            "arrive twice.",
        ),
    ),
    number_types=_TYPES,
    callbacks=(
        Callback(
            label="Inbound messages",
            path_template="/api/webhooks/infobip/{connection_id}/{token}",
            help="Infobip portal: Developer tools, Subscriptions management: a subscription for "
            "the channel SMS and the event Inbound message, with this address and the security "
            "type Basic. The number's forwarding action has to be Follow subscription, as it is "
            "unless somebody changed it. Delivery reports name their address with each text and "
            "need no set-up.",
            topics=("INBOUND_MESSAGE",),
        ),
    ),
    hosts=Hosts(names=("api.infobip.com",), suffixes=(".api.infobip.com",)),
    opted_out=REFUSED_BY_RECIPIENT,
    # Infobip publishes no figure, it is agreed with each customer: ten a second are a start.
    rates=dict.fromkeys(_TYPES, Rate(Scope.CONNECTION, 600, 600)),
    read=_read,
    basic=True,
)


def request_of(text: Text, report_url: str | None) -> dict[str, Any]:
    """The body of a send. `messageId` is the idempotency value: the same at every try."""
    hooks: dict[str, Any] = {"contentType": "application/json", "callbackData": text.reference}
    if report_url is not None:
        hooks["delivery"] = {"url": report_url, "intermediateReport": True}
    recipient = {"to": _digits(text.recipient), "messageId": str(text.request_id)}
    message = {
        "sender": _digits(text.sender),
        "destinations": [recipient],
        "content": {"text": text.body},
        "webhooks": hooks,
    }
    return {"messages": [message]}


def _digits(address: str) -> str:
    """An address as Infobip writes it: a number without its `+`; others as they are."""
    return bare(address).removeprefix("+")


_NO_API: Final[Mapping[int, Meaning]] = {404: ACCOUNT}
"""The address is the account's, so nothing goes out until somebody corrects it."""


def answered(answer: HttpAnswer, text: Text) -> SendResult:
    """What an answer to a send means. A 200 may have refused the text: its status tells."""

    def detail(code: object, words: str) -> str:
        return detail_of(answer, code, unquote(words, text.body))

    item = _item(answer.fields.get("messages"), str(text.request_id))
    if item is None:
        code, words = problem_of(answer.fields)
        if code in PROBLEMS:
            return PROBLEMS[code](detail(code, words), answer.retry_after)
        return by_status(answer, detail(code, words), _NO_API)
    status = item.get("status")
    said = Said.of(status if isinstance(status, dict) else {}, item.get("error"))
    told = detail(said.code, said.text)
    result = said.meaning(told, answer.retry_after)
    if not isinstance(result, Accepted):
        return result
    if result.repeated:
        return Accepted(str(text.request_id), repeated=True)
    message_id = id_in(item)
    return Accepted(message_id) if answer.status == 200 and message_id else Ambiguous(told)


def _item(messages: object, request_id: str) -> Mapping[str, object] | None:
    """What the answer says of the text: the element with its ID, or the only one."""
    told = messages if isinstance(messages, list) else []
    items = [item for item in told if isinstance(item, dict)]
    ours = [item for item in items if item.get("messageId") == request_id]
    return next(iter(ours or (items if len(items) == 1 else ())), None)


_HEALTH: Final[Mapping[int, Health]] = {
    401: Unhealthy("Infobip does not accept the API key; it may have expired."),
    403: Unhealthy(
        "The API key lacks a scope that allows sending SMS, or may not be used from here."
    ),
    404: Unhealthy("There is no Infobip API at the base URL."),
}


class InfobipClient(PlainClient):
    """One account's client. Its blocklist is not used: it takes entries with a delay, so that it
    would block our own confirmations and a person who has just opted in again, and it also holds
    what its owner put there, which is not the recipient's word."""

    def __init__(self, base_url: str, api_key: str, *, timeout: float, report_url: str | None):
        headers = {"Authorization": f"App {api_key}", "Accept": "application/json"}
        super().__init__(HttpSession(timeout=timeout, headers=headers, address=base_url))
        self._base_url = base_url
        self._report_url = report_url

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        heard = await self._session.call(
            "POST",
            f"{self._base_url}/sms/3/messages",
            body=orjson.dumps(request_of(text, self._report_url)),
            content_type="application/json",
        )
        return answered(heard, text) if isinstance(heard, HttpAnswer) else heard

    async def check(self, numbers: Sequence[str]) -> Health:
        """Ask for the report of a text that never was. Never without that filter: each report is
        handed out once, so the answer would be lost to whoever waits for it."""
        heard = await self._reports(str(uuid4()), limit=1)
        if not isinstance(heard, HttpAnswer):
            return not_asked(heard)
        if heard.status == 200 and isinstance(heard.fields.get("results"), list):
            return Healthy()
        unclear = Unknown(f"Infobip answered with HTTP {heard.status}, which says nothing.")
        return _HEALTH.get(heard.status, unclear)

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """The report of a text that was never pushed, or not taken by us. Infobip hands it out
        once; of several the one that says most."""
        if not _ID.fullmatch(provider_message_id):
            return None
        heard = await self._reports(provider_message_id)
        if not isinstance(heard, HttpAnswer) or heard.status != 200:
            return None
        told = report_in(heard.fields.get("results"), provider_message_id)
        if told is None:
            return None
        at = told.at or datetime.now(UTC)
        return FetchedReport(status=told.status, code=told.code, details=told.details, at=at)

    async def _reports(
        self, message_id: str, *, limit: int = 50
    ) -> HttpAnswer | NotProcessed | Ambiguous:
        query = f"messageId={message_id}&limit={limit}"
        return await self._session.call("GET", f"{self._base_url}/sms/3/reports?{query}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Infobip(PlainProvider):
    """The provider Infobip.

    It deduplicates by `messageId` where the account has that switched on, and remembers for as long
    as was agreed then (Infobip docs, "Idempotent message sending"); docs/providers/infobip.md says
    what to ask for.
    """

    name: str = "infobip"
    spec: ProviderSpec = SPEC
    callbacks: Callbacks | None = CALLBACKS
    deduplicates: bool = True
    remembers: float | None = 3600.0

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> InfobipClient:
        """Build a client from `base_url` and `api_key`. Simulators on this machine may be named:
        the form of a tenant's address was judged when it was entered."""
        values = whole(SPEC, credentials)
        return InfobipClient(
            values[BASE_URL], values[_API_KEY], timeout=timeout, report_url=report_url
        )
