"""Infobip SMS API v3: send, reports, logs, balance; inbound and report webhooks in batches.

Sources: Infobip's OpenAPI documents of the SMS API and of account management; Infobip docs,
"Receive inbound SMS messages", "Receive outbound SMS message reports", "Response status and error
codes", "API authentication".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import orjson
from aiohttp import web
from pydantic import ValidationError

from local.simulator import segments
from local.simulator.common_control import json_response
from local.simulator.faults import Fault
from local.simulator.keywords import Keyword
from local.simulator.phones import Text
from local.simulators import faults as bad
from local.simulators import infobip_callbacks as callbacks
from local.simulators import infobip_codes as codes
from local.simulators import infobip_requests as requests
from local.simulators.base import ProviderSimulator
from local.simulators.courier import REPORT, TEXT, Letter, Post, Retries
from local.simulators.messages import News, Order, Portal, Refusal, Sent, State

MAX_PARTS: Final = 25
MAX_BYTES: Final = 4000
_DIGITS = re.compile(r"[1-9]\d{6,14}")

_ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Request cannot be processed.", "Check the syntax, violations and adjust the request."),
    401: (
        "The request lacks valid authentication credentials.",
        "Check the resources and adjust authentication credentials.",
    ),
    403: ("The request is not allowed.", "Check the scopes of the API key."),
    429: ("Too many requests.", "Retry later."),
    500: ("Something went wrong.", "Retry later."),
}

Operation = Literal["send", "reports", "logs", "balance"]
_PATHS: Final[Mapping[str, Operation]] = {
    "/sms/3/messages": "send",
    "/sms/3/reports": "reports",
    "/sms/3/logs": "logs",
    "/account/1/balance": "balance",
}


class ScopeMissing(Fault):
    """The API key is good, but not for this operation: 403."""

    operation: Operation = "send"


class OldReports(Fault):
    """Reports come in the shape of version 2."""


class Infobip(ProviderSimulator):
    """One account with its `api_key`. `blocklist` says that STOP puts a person on the account's
    blocklist, which is a rule that an administrator makes: without it STOP is a text as any."""

    name = "infobip"
    account = ("api_key",)
    batch = 100
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {
        "scope_missing": ScopeMissing,
        "old_reports": OldReports,
    }

    NO_CREDIT = Refusal(200, codes.NO_CREDIT)

    def __init__(self, *, api_key: str, blocklist: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.api_key = api_key
        self.blocklist = blocklist
        self._handed_out: set[tuple[str, State]] = set()

    def change_secret(self, secret: str) -> None:
        """Let another API key be the only one."""
        self.api_key = secret

    # --- Calls ----------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Give Infobip's routes."""
        return [
            web.post("/sms/3/messages", self.send),
            web.get("/sms/3/reports", self.give_reports),
            web.get("/sms/3/logs", self.show_logs),
            web.get("/account/1/balance", self.show_balance),
        ]

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Take `App` and the key; a key may lack the scope of an operation."""
        del body
        if request.headers.get("Authorization") != f"App {self.api_key}":
            return self.DENIED
        fault = self.faults.find(ScopeMissing, ())
        if fault and fault.operation == _PATHS[request.path]:
            self.faults.take(ScopeMissing, ())
            return self.SUSPENDED
        return None

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read the envelope: one order a destination."""
        del request
        try:
            envelope = requests.Envelope.model_validate(orjson.loads(body))
        except orjson.JSONDecodeError as wrong:
            return Refusal(
                400, message=orjson.dumps([{"property": "", "violation": str(wrong)}]).decode()
            )
        except ValidationError as wrong:
            return _bad_request(requests.violations(wrong))
        bulk = self._number(19)
        return [
            self._order(message, destination, bulk, envelope.options.count)
            for message in envelope.messages
            for destination in message.destinations
        ]

    def _order(
        self, message: requests.Message, to: requests.Destination, bulk: str, count: bool
    ) -> Order:
        delivery = message.webhooks.delivery or requests.Delivery()
        platform = message.options.platform
        echoed = {
            "callbackData": message.webhooks.data,
            "platform": platform.facts() if platform else None,
            "campaignReferenceId": message.options.campaign,
        }
        return Order(
            sender=self._normal(message.sender or ""),
            to=self._normal(to.to),
            body=message.content.text,
            reference=message.webhooks.data,
            message_id=to.message_id,
            report_url=delivery.url,
            more={
                "bulk": bulk,
                "count": count,
                "destination": to.to,
                "sender": message.sender,
                "intermediate": delivery.intermediate,
                "echoed": {name: value for name, value in echoed.items() if value is not None},
            },
        )

    def _normal(self, address: str) -> str:
        """As phones show it: digits of an international number get their plus sign."""
        owned = address in self.numbers
        return f"+{address}" if not owned and _DIGITS.fullmatch(address) else address

    def objection(self, order: Order) -> Refusal | None:
        """Refuse one recipient, in a 200."""
        if not _DIGITS.fullmatch(order.more["destination"]):
            return Refusal(200, codes.BAD_DESTINATION)
        if order.message_id in self.sent:
            return Refusal(200, codes.DUPLICATE)
        if order.sender not in self.numbers:
            return Refusal(200, codes.BAD_SENDER)
        if order.sender in self.phones[order.to].stopped:
            return Refusal(200, codes.BLOCKED)
        if segments.count(order.body) > MAX_PARTS or len(order.body.encode()) > MAX_BYTES:
            return Refusal(200, codes.TOO_LONG)
        return None

    def message_id(self, order: Order) -> str:
        """The caller's own, or a number."""
        return order.message_id or self._number(18)

    def _number(self, digits: int) -> str:
        return str(self.dice.randrange(10 ** (digits - 1), 10**digits))

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """200, whatever became of each recipient; several of them have a `bulkId`."""
        answer: dict[str, Any] = {"messages": [_result(result) for result in results]}
        taken = next((result for result in results if isinstance(result, Sent)), None)
        if taken and len(results) > 1:
            answer = {"bulkId": taken.order.more["bulk"], **answer}
        return json_response(answer)

    def refused(self, refusal: Refusal) -> web.Response:
        """The error shape of version 3; `message` holds the violations."""
        description, action = _ERRORS.get(refusal.status, _ERRORS[500])
        problem = {
            "errorCode": refusal.code or f"E{refusal.status}",
            "description": description,
            "action": action,
            "violations": orjson.loads(refusal.message or "[]"),
            "resources": [],
        }
        wait = {} if refusal.retry_after is None else {"Retry-After": f"{refusal.retry_after:g}"}
        return json_response(problem, refusal.status, wait)

    async def give_reports(self, request: web.Request) -> web.StreamResponse:
        """Give each report once, by `messageId` and `bulkId`; at most `limit`."""
        return await self.query("reports", request, lambda: self._give_reports(request.query))

    def _give_reports(self, query: Mapping[str, str]) -> web.Response:
        found = [
            sent
            for sent in self._matching(query)
            if sent.news and (sent.id, sent.state) not in self._handed_out
        ][: int(query.get("limit", 50))]
        self._handed_out |= {(sent.id, sent.state) for sent in found}
        return json_response(
            {"results": [callbacks.report_item(sent, sent.news[-1]) for sent in found]}
        )

    async def show_logs(self, request: web.Request) -> web.StreamResponse:
        """Show what became of texts, as often as asked."""
        logs = [
            {
                **callbacks.report_item(sent, callbacks.latest(sent)),
                "destination": sent.order.more["destination"],
                "content": {"text": sent.order.body},
            }
            for sent in self._matching(request.query)
        ]
        for log in logs:
            log.pop("to")
        return await self.query("logs", request, lambda: json_response({"results": logs}))

    def _matching(self, query: Mapping[str, str]) -> list[Sent]:
        return [
            sent
            for sent in self.sent.values()
            if query.get("messageId", sent.id) == sent.id
            and query.get("bulkId", sent.order.more["bulk"]) == sent.order.more["bulk"]
        ]

    async def show_balance(self, request: web.Request) -> web.StreamResponse:
        """Show the money that is left."""
        left = 0.0 if self.faults.find(bad.NoCredit, ()) else 47.79134
        balance = {"balance": left, "currency": "EUR"}
        return await self.query("balance", request, lambda: json_response(balance))

    # --- Callbacks ------------------------------------------------------------------------------

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """One of `results`."""
        return Letter(TEXT, portal.url, text.message_id, callbacks.inbound_item(text))

    def report(self, sent: Sent, news: News) -> Letter | None:
        """One of `results`, if the send named a URL; what is not final only if it was asked for."""
        url = sent.order.report_url
        wanted = codes.code_of(news).is_final or sent.order.more["intermediate"]
        if url is None or not wanted:
            return None
        old = self.faults.take(OldReports, [sent.order.to]) is not None
        return Letter(REPORT, url, sent.id, callbacks.report_item(sent, news, old=old))

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """A batch; only what goes to the portal's URL has the Basic login."""
        del attempt
        body: dict[str, Any] = {"results": [letter.content for letter in letters]}
        head = {"Content-Type": "application/json;charset=UTF-8", "Accept": "*/*"}
        if letters[0].kind == TEXT:
            body |= {"messageCount": len(letters), "pendingMessageCount": 0}
            head |= self.where.authorization if self.where else {}
        return Post(orjson.dumps(body), head)

    def retries(self, letter: Letter) -> Retries:
        """The same for all."""
        del letter
        return callbacks.RETRIES

    def obey(self, text: Text) -> None:
        """Block and unblock, where the account has a rule for it; nobody answers."""
        word = text.body.strip().upper()
        if self.blocklist and word in {"STOP", "START"}:
            self.phones[text.from_].obey(Keyword(word == "STOP"), text.to)


def _result(result: Sent | Refusal) -> Mapping[str, Any]:
    """What became of one recipient."""
    if isinstance(result, Sent):
        more = result.order.more
        details = {"details": {"messageCount": result.parts}} if more["count"] else {}
        return {
            "messageId": result.id,
            "status": codes.status(codes.ACCEPTED),
            "destination": more["destination"],
            **details,
        }
    order = result.order or Order("", "", "")
    item = {"status": codes.status(result.code), "destination": order.more["destination"]}
    return {"messageId": order.message_id, **item} if order.message_id else item


def _bad_request(violations: Sequence[Mapping[str, str]]) -> Refusal:
    return Refusal(400, message=orjson.dumps(violations).decode())
