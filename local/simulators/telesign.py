"""Telesign Messaging: send and status by REST, delivery reports and inbound texts at one URL.

Sources: Telesign docs, "SMS API" (send, status, status and error codes), "Authentication",
"Callbacks" (reports, inbound texts, retries, how to verify a signature).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from urllib.parse import parse_qsl

from aiohttp import web

from local.simulator.clock import now
from local.simulator.faults import Fault
from local.simulator.phones import Text
from local.simulators import telesign_signing
from local.simulators import telesign_words as words
from local.simulators.base import ProviderSimulator
from local.simulators.courier import REPORT, TEXT, Letter, Post, Retries
from local.simulators.messages import News, Order, Portal, Refusal, Sent

MAX_BODY: Final = 1600

_USUAL: Final[Mapping[int, str]] = {
    401: "10008",
    402: "10030",
    404: "10017",
    429: "10019",
    500: "500",
    503: "503",
}
"""The code of an HTTP status where nobody names one; 11000 of any other."""
_BLOCKED: Final = "510"
_TYPES: Final = frozenset({"OTP", "ARN", "MKT"})
_REQUIRED: Final = (("phone_number", "12000"), ("message", "12009"), ("message_type", "12017"))
_PHONE: Final = re.compile(r"1\d{10}|[2-9]\d{6,14}")
_URL: Final = re.compile(r"https?://[^/\s]+\S*")
_STOP: Final = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
_START: Final = frozenset({"START", "UNSTOP"})
_RETRIES: Final = Retries((10.0, 30.0), taken=lambda reply: reply.status == 200)


class LegacyErrors(Fault):
    """Errors have negative codes, said twice, as those of older accounts."""


class OlderAnswers(Fault):
    """An accepted send is answered 201, its code as text, as the older documentation has it."""


class OlderReports(Fault):
    """A report has its date in RFC 1123 form and its code as text, and no `external_id`."""


class SignatureHeader(Fault):
    """Callbacks have one signature header only: `Authorization`, or the other one with the bare
    signature, or the other one in the form of `Authorization`."""

    variant: Literal["authorization", "bare", "tsa"] = "authorization"


class WrongSignature(Fault):
    """Callbacks are signed with another key."""


class ManagedStop(Fault):
    """Telesign itself does as STOP and START say: texts to who stopped fail by report, 510."""


class Telesign(ProviderSimulator):
    """One customer: `customer_id` (a UUID) with an `api_key` (base64)."""

    name = "telesign"
    account = ("customer_id", "api_key")
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {
        "legacy_errors": LegacyErrors,
        "older_answers": OlderAnswers,
        "older_reports": OlderReports,
        "signature_header": SignatureHeader,
        "wrong_signature": WrongSignature,
        "managed_stop": ManagedStop,
    }

    DENIED = Refusal(401, "10008")
    THROTTLED = Refusal(429, "10019")
    NO_CREDIT = Refusal(402, "10030")
    SUSPENDED = Refusal(401, "10003")

    def __init__(self, *, customer_id: str, api_key: str, **options: Any) -> None:
        super().__init__(**options)
        self.customer_id = customer_id
        self.api_key = api_key

    def change_secret(self, secret: str) -> None:
        """Make another API key, which signs callbacks from now on."""
        self.api_key = secret

    # --- Calls ----------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the Messaging API."""
        return [
            web.post("/v1/messaging", self.send),
            web.get("/v1/messaging/{reference_id}", self.show_status),
        ]

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Take Basic, or a digest over the request."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if not given:
            return Refusal(401, "10006")
        if scheme == "Basic":
            try:
                given = base64.b64decode(given, validate=True).decode()
            except ValueError:
                return Refusal(401, "10007")
            good = self.api_key
        else:
            good = telesign_signing.sign(self.api_key, telesign_signing.octets_of(request, body))
        customer, colon, proof = given.partition(":")
        if scheme not in {"Basic", "TSA"} or not colon:
            return Refusal(401, "10007")
        if customer != self.customer_id:
            return Refusal(401, "10015")
        return None if proof == good else self.DENIED

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read the form; the first wrong field decides."""
        is_form = request.content_type == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        missing = next((code for name, code in _REQUIRED if not (is_form and name in form)), None)
        if missing:
            return Refusal(400, missing)
        phone, message, url = form["phone_number"], form["message"], form.get("callback_url")
        sender = form.get("sender_id") or _sender_id(next(iter(self.numbers), ""))
        checks = (
            (_PHONE.fullmatch(phone), "11001" if phone.startswith("0") else "11000"),
            (0 < len(message) <= MAX_BODY, "11009"),
            (form["message_type"] in _TYPES, "11017"),
            (sender in map(_sender_id, self.numbers), "11013"),
            (url is None or _URL.fullmatch(url), "11004"),
        )
        if wrong := next((code for good, code in checks if not good), None):
            return Refusal(400, wrong)
        shown = next(number for number in self.numbers if _sender_id(number) == sender)
        reference = form.get("external_id")
        return [Order(shown, f"+{phone}", message, reference=reference, report_url=url)]

    def objection(self, order: Order) -> Refusal | None:
        """Nothing is left to object to in what was read."""
        del order
        return None

    def blocked(self, order: Order) -> str | None:
        """Opt-outs that Telesign manages come to light by report."""
        return _BLOCKED if order.sender in self.phones[order.to].stopped else None

    def obey(self, text: Text) -> None:
        """Keep opt-outs, where Telesign manages them."""
        word = text.body.strip().upper()
        if self.faults.find(ManagedStop, [text.from_]) is None or word not in _STOP | _START:
            return
        stopped = self.phones[text.from_].stopped
        (stopped.add if word in _STOP else stopped.discard)(text.to)

    def message_id(self, order: Order) -> str:
        """32 hexadecimal digits, in capitals."""
        del order
        return self.hex_id().upper()

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """What became of the one message; its code decides, not the HTTP status."""
        (result,) = results
        if isinstance(result, Refusal) and result.status >= 400:
            return self.refused(result)
        if isinstance(result, Refusal):
            state = words.status(result.code or "207", now())
            unused = self.hex_id().upper()
            return words.json_answer(words.resource(unused, result.order, state))
        answer = words.resource(result.id, result.order, words.status("290", result.at))
        if self.faults.take(OlderAnswers, [result.order.to]):
            return words.json_answer(answer | {"status": answer["status"] | {"code": "290"}}, 201)
        return words.json_answer(answer)

    def refused(self, refusal: Refusal) -> web.Response:
        """Say what is wrong, in today's shape or in the older one."""
        code = refusal.code or _USUAL.get(refusal.status, "11000")
        wait = refusal.retry_after
        head = {} if wait is None else {"Retry-After": f"{wait:g}"}
        if not self.faults.take(LegacyErrors, ()):
            return words.json_answer({"status": words.status(code, now())}, refusal.status, head)
        return words.json_answer(words.legacy_error(code), refusal.status, head)

    async def show_status(self, request: web.Request) -> web.StreamResponse:
        """Show how far a message got."""
        return await self.query("status", request, lambda: self._shown(request))

    def _shown(self, request: web.Request) -> web.Response:
        sent = self.sent.get(request.match_info["reference_id"])
        if sent is None:
            return self.refused(Refusal(404, "10017"))
        state = words.status(sent.code or words.CODES[sent.state], sent.changed_at)
        return words.json_answer(words.resource(sent.id, sent.order, state))

    # --- Callbacks ------------------------------------------------------------------------------

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """Tell of a phone's text."""
        return Letter(TEXT, portal.url, text.message_id, words.inbound(text))

    def report(self, sent: Sent, news: News) -> Letter | None:
        """Tell the URL that the text named, or else the portal's."""
        url = sent.order.report_url or (self.where.url if self.where else None)
        if url is None:
            return None
        old = self.faults.take(OlderReports, [sent.order.to])
        content = words.older_report(sent, news) if old else words.report(sent, news)
        return Letter(REPORT, url, sent.id, content)

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """Sign the octets of the body."""
        del attempt
        (letter,) = letters
        # As Telesign writes it: blanks after colons, and no escapes but those that JSON needs.
        body = json.dumps(letter.content, ensure_ascii=False).encode()
        key = self.api_key
        if self.faults.take(WrongSignature, ()):
            key = "c29tZWJvZHkgZWxzZSdzIGtleQ=="
        bare = telesign_signing.sign(key, body)
        tsa = f"TSA {self.customer_id}:{bare}"
        heads = {
            None: {"Authorization": tsa, "X-TS-Authorization": bare},
            "authorization": {"Authorization": tsa},
            "bare": {"X-TS-Authorization": bare},
            "tsa": {"X-TS-Authorization": tsa},
        }
        fault = self.faults.take(SignatureHeader, ())
        head = heads[fault.variant if fault else None]
        return Post(body, head | {"Content-Type": "application/json"})

    def retries(self, letter: Letter) -> Retries:
        """Three tries in all, whatever the endpoint says that is not 200."""
        del letter
        return _RETRIES


def _sender_id(number: str) -> str:
    """A number as Telesign names it: digits, without a plus sign."""
    return number.removeprefix("+")
