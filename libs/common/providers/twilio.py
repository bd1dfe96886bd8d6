"""Twilio Programmable Messaging: how a text is sent, and how an account is asked.

Around it: `twilio_callbacks` reads what Twilio tells, `twilio_signature` knows it from strangers,
`twilio_codes` holds the tables. Sources: Twilio docs, "Messages resource", "Accounts resource",
"Understanding Twilio rate limits and message queues"; twilio-oai, twilio_api_v2010.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlencode

from common.addresses import bare
from common.limits.tables import Rate, Scope
from common.providers.callbacks import Callbacks
from common.providers.http_session import HttpAnswer, HttpSession, detail_of, not_asked
from common.providers.meanings import ACCOUNT, REJECTED, Meaning, by_status
from common.providers.opted_out_codes import OptedOut
from common.providers.plain import PlainClient, PlainProvider, whole
from common.providers.port import (
    Accepted,
    FetchedReport,
    Health,
    Healthy,
    SendResult,
    Text,
    Unhealthy,
    Unknown,
    UnusableCredentials,
)
from common.providers.reading import brief
from common.providers.spec import Callback, Form, Parameter, ProviderSpec
from common.providers.twilio_callbacks import CALLBACKS, MESSAGE_SID
from common.providers.twilio_codes import MEANINGS, is_failure, state_of
from common.providers.twilio_signature import ACCOUNT_SID, AUTH_TOKEN
from common.sender_types import NumberType

_FORMS: Final = {
    ACCOUNT_SID: (
        re.compile(r"AC[0-9a-f]{32}"),
        "is not an account SID: AC and 32 hexadecimal digits. An API key's SID does not do.",
    ),
    AUTH_TOKEN: (
        re.compile(r"(?![A-Z]{2}[0-9a-f]{32}$)[0-9A-Za-z]{16,64}"),
        "is not an auth token: letters and digits. A SID or an API key does not do.",
    ),
}


def _read_form(spec: ProviderSpec, values: Mapping[str, str], _: bool) -> Form:
    for name, value in values.items():
        form, what = _FORMS[name]
        if not form.fullmatch(value):
            raise UnusableCredentials(f"{name} {what}", field=name)
    return Form(dict(values))


SPEC: Final = ProviderSpec(
    name="twilio",
    title="Twilio",
    feature="custom.twilio_sms",
    portal="https://console.twilio.com",
    parameters=(
        Parameter(
            name=ACCOUNT_SID,
            label="Account SID",
            help="Twilio Console: the start page, Account Info. AC and 32 hexadecimal digits. Of "
            "the subaccount where the number is a subaccount's.",
        ),
        Parameter(
            name=AUTH_TOKEN,
            label="Auth token",
            secret=True,
            help="Twilio Console: beside the account SID, hidden until you show it. An API key "
            "does not do: Twilio signs what it delivers with this token.",
        ),
    ),
    number_types=(
        NumberType.TOLL_FREE,
        NumberType.SHORT_CODE,
        NumberType.LOCAL,
        NumberType.ALPHANUMERIC,
    ),
    callbacks=(
        Callback(
            label="A message comes in",
            path_template="/api/webhooks/twilio/{connection_id}/{token}",
            help="Twilio Console: Phone Numbers, your number, Messaging Configuration, method HTTP "
            "POST. Add #rc=3&rp=ct,rt,5xx to have Twilio try again when we are away. Delivery "
            "reports name their address with each text and need no set-up.",
        ),
    ),
    opted_out=OptedOut(frozenset({"21610"})),
    # Segments; what exceeds them waits in Twilio's own queue, and is dropped there after 10 hours.
    rates={
        NumberType.LOCAL: Rate(Scope.NUMBER, None, 60),
        NumberType.TOLL_FREE: Rate(Scope.NUMBER, None, 180),
        NumberType.SHORT_CODE: Rate(Scope.NUMBER, None, 600),
        NumberType.ALPHANUMERIC: Rate(Scope.NUMBER, None, 600),
    },
    read=_read_form,
)


_TRY_AGAIN: Final = "#rc=3&rp=ct,rt,5xx"
"""Three more tries after a failed connection, a timeout and a 503 of ours; usual is one, after the
first of them. Twilio neither calls nor signs this part of an address. Source: Twilio docs,
"Webhooks: connection overrides"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio(PlainProvider):
    """The provider Twilio. A setting replaces its address where a simulator stands for it."""

    name: str = "twilio"
    spec: ProviderSpec = SPEC
    callbacks: Callbacks | None = CALLBACKS
    base_url: str = "https://api.twilio.com"

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> TwilioClient:
        """Build a client from `account_sid` and `auth_token`."""
        read = whole(SPEC, credentials)
        sid, token = read[ACCOUNT_SID], read[AUTH_TOKEN]
        account = f"{self.base_url}/2010-04-01/Accounts/{sid}"
        session = HttpSession(timeout=timeout, auth=(sid, token), address=account)
        return TwilioClient(session, account, report_url)


class TwilioClient(PlainClient):
    """One Twilio account. `account` is its address, without an ending. Whether it owns a number is
    not asked: its list of numbers holds no short codes, no names and no hosted numbers."""

    def __init__(self, session: HttpSession, account: str, report_url: str | None):
        super().__init__(session)
        self._account = account
        self._report_url = report_url

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        fields = {"To": bare(text.recipient), "From": bare(text.sender), "Body": text.body}
        if self._report_url is not None:
            fields["StatusCallback"] = f"{self._report_url}?ref={text.reference}{_TRY_AGAIN}"
        heard = await self._session.call(
            "POST",
            f"{self._account}/Messages.json",
            body=urlencode(fields, errors="replace").encode(),
            content_type="application/x-www-form-urlencoded",
        )
        return _result(heard) if isinstance(heard, HttpAnswer) else heard

    async def check(self, numbers: Sequence[str]) -> Health:
        """Look at the account. The answer holds its auth token in clear, so nothing of it is
        passed on but the state."""
        heard = await self._session.call("GET", f"{self._account}.json")
        return _health(heard) if isinstance(heard, HttpAnswer) else not_asked(heard)

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """The state of a text."""
        if not MESSAGE_SID.fullmatch(provider_message_id):
            return None
        heard = await self._session.call(
            "GET", f"{self._account}/Messages/{provider_message_id}.json"
        )
        if not isinstance(heard, HttpAnswer) or heard.status != 200:
            return None
        return _fetched(heard, datetime.now(UTC))


_BY_STATUS: Final[Mapping[int, Meaning]] = {404: ACCOUNT}
"""The address holds nothing but the account's SID, so that is what is not there."""


def _result(answer: HttpAnswer) -> SendResult:
    """What the answer to a send means: the code is looked at before the HTTP status."""
    said = answer.fields
    taken = answer.status == 201
    code = _code(said.get("error_code" if taken else "code"))
    detail = detail_of(answer, code, said.get("error_message" if taken else "message"))
    if taken and not is_failure(said.get("status")):
        sid = said.get("sid")
        if isinstance(sid, str) and MESSAGE_SID.fullmatch(sid):
            return Accepted(sid)
        return by_status(answer, detail, _BY_STATUS)
    meaning = MEANINGS.get(code, REJECTED if taken else None)
    if meaning is not None:
        return meaning(detail, answer.retry_after)
    return by_status(answer, detail, _BY_STATUS)


def _code(told: object) -> str:
    """An error code, a number or a string; "" where there is none."""
    return str(told) if isinstance(told, int | str) and not isinstance(told, bool) else ""


_STATES: Final[Mapping[object, Health]] = {
    "active": Healthy(),
    "suspended": Unhealthy("Twilio has suspended this account."),
    "closed": Unhealthy("This Twilio account is closed."),
}
_REFUSALS: Final[Mapping[str, Health]] = {
    "20005": Unhealthy("This Twilio account is not active."),
    "20006": Unhealthy("Twilio denies this account access to itself."),
    "20404": Unhealthy("Twilio does not know this account SID."),
}
_DENIED: Final = Unhealthy("Twilio does not know this account SID with this auth token.")


def _health(answer: HttpAnswer) -> Health:
    said = answer.fields
    known: Health | None
    if answer.status == 200:
        state = said.get("status")
        known = _STATES.get(state) if isinstance(state, str) else None
    else:
        denied = _DENIED if answer.status in {401, 403} else None
        known = _REFUSALS.get(_code(said.get("code")), denied)
    return known or Unknown(f"Twilio's answer says nothing of the account (HTTP {answer.status}).")


def _fetched(answer: HttpAnswer, now: datetime) -> FetchedReport | None:
    said = answer.fields
    told = said.get("status")
    code = _code(said.get("error_code")) or None
    status = state_of(told, code) if isinstance(told, str) else None
    if status is None:
        return None
    details = said.get("error_message")
    return FetchedReport(
        status=status,
        code=code,
        details=(brief(details, answer.secrets) or None) if isinstance(details, str) else None,
        at=_instant(said.get("date_updated")) or now,
    )


def _instant(told: object) -> datetime | None:
    """An instant as RFC 2822 writes it: `Tue, 04 Mar 2025 09:15:00 +0000`."""
    if not isinstance(told, str):
        return None
    try:
        instant = parsedate_to_datetime(told)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, IndexError, OverflowError):
        return None
