"""Twilio Programmable Messaging: the Messages resource, the probes, and who is called back.

Sources: Twilio docs, "Messages resource", "Account resource", "Balance resource"; those of
`twilio_callbacks` and `twilio_words`.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from local.simulator.clock import now
from local.simulator.common_control import json_response
from local.simulator.faults import Fault
from local.simulator.phones import Text
from local.simulators import faults as bad
from local.simulators import twilio_callbacks as callbacks
from local.simulators import twilio_requests as requests
from local.simulators import twilio_words as words
from local.simulators.base import ProviderSimulator
from local.simulators.courier import REPORT, TEXT, Kind, Letter, Post, Reply, Retries
from local.simulators.messages import News, Order, Portal, Refusal, Sent, State, basic
from local.simulators.twilio_callbacks import API

_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_PATIENCE: Final = 15.0
_PAUSE: Final = 1.0
"""Seconds before a retry; no page gives any."""
_POLICY: Final[Mapping[str, str]] = {
    "ConnectFailed": "ct",
    "TimedOut": "rt",
    "ConnectionLost": "rt",
}


class Base64Bodies(Fault):
    """The body of an inbound text comes base64-encoded, as long ones sometimes do."""


class Twilio(ProviderSimulator):
    """One account: `account_sid` (AC and 32 hexadecimal digits) with its `auth_token`."""

    name = "twilio"
    account = ("account_sid", "auth_token")
    success = 201
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {"base64_bodies": Base64Bodies}

    DENIED = Refusal(401, "20003")
    THROTTLED = Refusal(429, "20429")
    NO_CREDIT = Refusal(403, "20005")
    SUSPENDED = Refusal(403, "20005")

    def __init__(self, *, account_sid: str, auth_token: str, **options: Any) -> None:
        super().__init__(**options)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._born = now()

    def change_secret(self, secret: str) -> None:
        """Promote another auth token: it signs from now on, too."""
        self.auth_token = secret

    # --- Calls ----------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Give Twilio's routes."""
        account = f"/{API}/Accounts/{{sid}}"
        return [
            web.post(f"{account}/Messages.json", self.send),
            web.get(f"{account}/Messages.json", self.list_messages),
            web.get(f"{account}/Messages/{{message}}.json", self.show_message),
            web.get(f"{account}/Balance.json", self.show_balance),
            web.get(f"{account}.json", self.show_account),
        ]

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Take the account's own SID and token, and its own resources."""
        del body
        if request.headers.get("Authorization") != basic(self.account_sid, self.auth_token):
            return self.DENIED
        return None if request.match_info["sid"] == self.account_sid else _not_found(request)

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read the form; other parameters than these change nothing here."""
        del request
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            form = {}
        if code := requests.unsound(form):
            return Refusal(400, code)
        url = form.get("StatusCallback") or None
        return [Order(form["From"], form["To"], form["Body"], report_url=url)]

    def objection(self, order: Order) -> Refusal | None:
        """Refuse numbers that cannot be, senders of others, and people who said STOP."""
        if not _PHONE.fullmatch(order.to):
            said = f"The 'To' number {order.to} is not a valid phone number."
            return Refusal(400, "21211", said)
        if order.sender not in self.numbers:
            return Refusal(400, "21606")
        return Refusal(400, "21610") if order.sender in self.phones[order.to].stopped else None

    def message_id(self, order: Order) -> str:
        """SM and 32 hexadecimal digits."""
        del order
        return f"SM{self.hex_id()}"

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """201 with the resource, or the error."""
        (result,) = results
        if isinstance(result, Refusal):
            return self.refused(result)
        return json_response(self._resource(result), 201)

    def refused(self, refusal: Refusal) -> web.Response:
        """Say what is wrong, by a code and in words."""
        code = refusal.code or words.code_of(refusal.status)
        problem = {
            "code": int(code),
            "message": refusal.message or words.ERRORS.get(code, "Something went wrong"),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": refusal.status,
        }
        head = {}
        if refusal.status == 401:
            head["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        if refusal.retry_after is not None:
            head["Retry-After"] = f"{refusal.retry_after:g}"
        return json_response(problem, refusal.status, head)

    async def show_account(self, request: web.Request) -> web.StreamResponse:
        """Show the account, which tells its own auth token."""
        return await self.query("account", request, lambda: json_response(self._account()))

    async def show_balance(self, request: web.Request) -> web.StreamResponse:
        """Show the money that is left."""
        left = "0.00" if self.faults.find(bad.NoCredit, ()) else "47.79"
        balance = {"account_sid": self.account_sid, "balance": left, "currency": "USD"}
        return await self.query("balance", request, lambda: json_response(balance))

    async def show_message(self, request: web.Request) -> web.StreamResponse:
        """Show what became of one text."""
        sent = self.sent.get(request.match_info["message"])
        answer = json_response(self._resource(sent)) if sent else self.refused(_not_found(request))
        return await self.query("message", request, lambda: answer)

    async def list_messages(self, request: web.Request) -> web.StreamResponse:
        """List texts, newest first, by `To` and `From`; one page of at most `PageSize`."""
        wanted = {name: request.query[name] for name in ("To", "From") if name in request.query}
        size = min(int(request.query.get("PageSize", 50)), 1000)
        found = [
            self._resource(sent)
            for sent in reversed(self.sent.values())
            if wanted.items() <= {"To": sent.order.to, "From": sent.order.sender}.items()
        ]
        page = {"messages": found[:size], "page": 0, "page_size": size, "next_page_uri": None}
        return await self.query("messages", request, lambda: json_response(page))

    def _account(self) -> Mapping[str, Any]:
        closed = self.faults.find(bad.Suspended, ()) or self.faults.find(bad.NoCredit, ())
        return {
            "auth_token": self.auth_token,
            "date_created": format_datetime(self._born),
            "date_updated": format_datetime(self._born),
            "friendly_name": "Simulated account",
            "owner_account_sid": self.account_sid,
            "sid": self.account_sid,
            "status": "suspended" if closed else "active",
            "subresource_uris": {"messages": f"/{API}/Accounts/{self.account_sid}/Messages.json"},
            "type": "Full",
            "uri": f"/{API}/Accounts/{self.account_sid}.json",
        }

    def _resource(self, sent: Sent) -> Mapping[str, Any]:
        """The Messages resource, as the page shows it."""
        uri = f"/{API}/Accounts/{self.account_sid}/Messages/{sent.id}"
        failed = sent.state is State.FAILED
        code = (sent.code or words.USUAL_FAILURE) if failed else None
        left = next((news.at for news in sent.news if news.state is not State.FAILED), None)
        return {
            "account_sid": self.account_sid,
            "api_version": API,
            "body": sent.order.body,
            "date_created": format_datetime(sent.at),
            "date_sent": format_datetime(left) if left else None,
            "date_updated": format_datetime(sent.changed_at),
            "direction": "outbound-api",
            "error_code": int(code) if code else None,
            "error_message": words.ERRORS.get(code, "Message not delivered") if code else None,
            "from": sent.order.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(sent.parts),
            "price": None,
            "price_unit": "USD",
            "sid": sent.id,
            "status": words.word_of(sent.state, code or sent.code),
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "tags": None,
            "to": sent.order.to,
            "uri": f"{uri}.json",
        }

    # --- Callbacks ------------------------------------------------------------------------------

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """A form with all that Twilio knows of a text."""
        body = text.body
        if self.faults.take(Base64Bodies, [text.from_]):
            body = base64.b64encode(body.encode()).decode()
        form = callbacks.inbound_form(text, self.account_sid, body=body)
        return self._letter(TEXT, portal.url, text.message_id, form)

    def report(self, sent: Sent, news: News) -> Letter | None:
        """A status callback, if the send named a URL for it."""
        if sent.order.report_url is None:
            return None
        form = callbacks.status_form(sent, news, self.account_sid)
        return self._letter(REPORT, sent.order.report_url, sent.id, form)

    def _letter(self, kind: Kind, url: str, message_id: str, form: callbacks.Form) -> Letter:
        token = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        return Letter(kind, url, message_id, (form, token))

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """The form, signed; the idempotency token is the same at every try."""
        del attempt
        (letter,) = letters
        form, token = letter.content
        url = letter.url.partition("#")[0]
        head = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "User-Agent": "TwilioProxy/1.1",
            "I-Twilio-Idempotency-Token": token,
            "X-Twilio-Signature": callbacks.signature(self.auth_token, url, form),
        }
        return Post(urlencode(form).encode(), head)

    def retries(self, letter: Letter) -> Retries:
        """As the URL's fragment says."""
        return callbacks.retries_of(letter.url)

    def heard(self, letters: Sequence[Letter], reply: Reply) -> None:
        """Carry out what the answer to a text asks for."""
        (letter,) = letters
        if letter.kind != TEXT:
            return
        form, _ = letter.content
        try:
            said = callbacks.texts_of(reply)
        except ValueError as error:
            self.journal.record("warning", of=letter.id, message=str(error))
            return
        for body in said:
            answer = Text(f"SM{self.hex_id()}", form["To"], form["From"], body)
            self.phones[form["From"]].receive(answer)
            self.journal.record("reply", of=letter.id, body=body)

    def obey(self, text: Text) -> None:
        """Do, and answer, what STOP, START and HELP ask; the text is delivered all the same."""
        phone = self.phones[text.from_]
        word = words.keyword(text.to, text.body, stopped=text.to in phone.stopped)
        if word:
            phone.obey(word, text.to)
        elif words.wants_help(text.to, text.body):
            phone.notices.append(Text("", text.to, text.from_, words.HELPED))


def _not_found(request: web.Request) -> Refusal:
    return Refusal(404, "20404", f"The requested resource {request.path} was not found")
