"""LINK Mobility's Common platform: REST send, delivery gates, inbound texts, the Gate API.

Sources: LINK Mobility docs, "Common SMS REST API" (MT and delivery reports 1.18, MO 1.7) and
"Partner Gate API" 1.2.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import orjson
from aiohttp import web
from pydantic import Field

from local.simulator.faults import Fault
from local.simulator.phones import Text
from local.simulators import link_gate, link_requests
from local.simulators.base import ProviderSimulator
from local.simulators.courier import REPORT, TEXT, Letter, Post, Reply, Retries, is_2xx
from local.simulators.messages import News, Order, Portal, Refusal, Sent, State, basic

_TEXTS: Final[Mapping[str, str]] = {
    "106000": "Unknown error",
    "106100": "Invalid authentication",
    "106101": "Access denied",
    "106200": "Invalid or missing platformId",
    "106201": "Invalid or missing platformPartnerId",
    "106300": "No gates available",
    "106301": "Specified gate unavailable",
    "103201": "Invalid platform id",
    "103202": "Invalid partner id",
    "103304": "Gate not found",
}
_USUAL: Final[Mapping[int, str]] = {401: "106100", 403: "106101"}
"""The code of a status where nobody names one; 106000 of any other."""

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"

_WAITS: Final = (10.0, 60.0, 300.0, 900.0, *[3600.0] * 47)
"""A gate insists for its time to live; how it spreads its tries is not published."""


class SubNumber(Fault):
    """An inbound text comes by a sub-number of its short number, and not by a keyword."""

    sub_number: int = Field(default=7_700_000_012, ge=0)


class FormReports(Fault):
    """Reports are forms, as of a gate whose content type is that of forms."""


class AcknowledgedGate(Fault):
    """The gate's `acknowledge` is true: an answer without a body is no acknowledgement."""


class QueuedReports(Fault):
    """A report says first that the text is queued."""


class Link(ProviderSimulator):
    """One partner of a platform, with one gate.

    The gate's destination is what `portal` was told; inbound texts come through it too. Short
    numbers are named with their country, `NO-2333`, as inbound texts do; sends and phones name them
    without it, `2333`.
    """

    name = "link"
    account = ("platform_id", "platform_partner_id", "gate_id", "username", "password")
    per_part = True
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {
        "sub_number": SubNumber,
        "form_reports": FormReports,
        "acknowledged_gate": AcknowledgedGate,
        "queued_reports": QueuedReports,
    }

    DENIED = Refusal(401, "106100")
    THROTTLED = Refusal(429, "106000", "Too many requests")
    NO_CREDIT = Refusal(403, "106101")
    SUSPENDED = Refusal(403, "106101")

    def __init__(
        self,
        *,
        platform_id: str,
        platform_partner_id: str,
        gate_id: str,
        username: str,
        password: str,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.place = {"platformId": platform_id, "platformPartnerId": platform_partner_id}
        self.gate_id = gate_id
        self.username = username
        self.password = password

    def change_secret(self, secret: str) -> None:
        """Give the user another password."""
        self.password = secret

    async def text(self, from_: str, to: str, body: str, **options: Any) -> str:
        """As at every provider; a short number may be named as phones show it."""
        if to not in self.numbers:
            to = next((number for number in self.numbers if _shown(number) == to), to)
        return await super().text(from_, to, body, **options)

    # --- Calls ----------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Give the send route, and the one that shows a gate."""
        gate = "/gate/partnergate/platform/{platform}/partner/{partner}/id/{gate}"
        return [web.post("/sms/send", self.send), web.get(gate, self.show_gate)]

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Take the user's name and password."""
        del body
        good = basic(self.username, self.password)
        return None if request.headers.get("Authorization") == good else self.DENIED

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read one message."""
        if request.content_type != "application/json":
            return Refusal(400, "106000", "The body is no JSON")
        asked = link_requests.read(body, self.place, self.gate_id)
        return asked if isinstance(asked, Refusal) else [asked]

    def objection(self, order: Order) -> Refusal | None:
        """Take everything: what is wrong with numbers and content comes by report."""
        del order
        return None

    def blocked(self, order: Order) -> str | None:
        """The result code of an order that can be taken but not carried out."""
        return link_requests.failure_of(order, {_shown(number) for number in self.numbers})

    def message_id(self, order: Order) -> str:
        """24 characters of base64, `+` and `/` among them as in LINK's samples."""
        del order
        letters = base64.b64encode(self.dice.randbytes(18)).decode()
        return f"{letters[:15]}+/{letters[17:]}"

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """200, or 204 without a body where the response was to be ignored."""
        (result,) = results
        if isinstance(result, Refusal):
            code = int(result.code or "0")
            return _json({"messageId": None, "resultCode": code, "description": "Not sent"})
        if result.order.more["silent"]:
            return web.Response(status=204)
        answer = {"messageId": result.id, "resultCode": 1005, "description": "Queued"}
        return _json(answer | ({"smsCount": result.parts} if result.order.more["counts"] else {}))

    def refused(self, refusal: Refusal) -> web.Response:
        """Say what is wrong, twice."""
        code = refusal.code or _USUAL.get(refusal.status, "106000")
        words = refusal.message or _TEXTS.get(code, "Unknown error")
        problem = {"status": int(code), "description": words, "translatedDescription": words}
        wait = refusal.retry_after
        return _json(problem, refusal.status, {} if wait is None else {"Retry-After": f"{wait:g}"})

    async def show_gate(self, request: web.Request) -> web.StreamResponse:
        """Show the gate, its destination's login included."""
        return await self.query("gate", request, lambda: self._gate(request.match_info))

    def _gate(self, path: Mapping[str, str]) -> web.Response:
        """Give the gate, or say which part of its path is not ours."""
        refusals = (
            (path["platform"] == self.place["platformId"], Refusal(400, "103201")),
            (path["partner"] == self.place["platformPartnerId"], Refusal(400, "103202")),
            (path["gate"] == self.gate_id, Refusal(404, "103304")),
        )
        for good, refusal in refusals:
            if not good:
                return self.refused(refusal)
        destinations = [self.where] if self.where else []
        gate = link_gate.gate(self.gate_id, self.place, destinations, self._acknowledges())
        return _json(gate)

    # --- Callbacks ------------------------------------------------------------------------------

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """Tell the gate of a phone's text."""
        sub = self.faults.take(SubNumber, [text.from_])
        sub_number = sub.sub_number if sub else None
        content = link_gate.inbound(text, self.gate_id, self.place, sub_number)
        return Letter(TEXT, portal.url, text.message_id, (_JSON, orjson.dumps(content)))

    def report(self, sent: Sent, news: News) -> Letter | None:
        """Tell the gate, if the text asked for that and the gate has a destination."""
        if self.where is None or not sent.order.more["reports"]:
            return None
        if news.state is State.SENT and self.faults.take(QueuedReports, [sent.order.to]):
            self.courier.post(self._report(sent, News(State.QUEUED, part=news.part), self.where))
        return self._report(sent, news, self.where)

    def _report(self, sent: Sent, news: News, where: Portal) -> Letter:
        """A report in the gate's content type."""
        content = link_gate.report(sent, news)
        if not self.faults.take(FormReports, [sent.order.to]):
            return Letter(REPORT, where.url, sent.id, (_JSON, orjson.dumps(content)))
        flat = {name: value for name, value in content.items() if isinstance(value, str | int)}
        return Letter(REPORT, where.url, sent.id, (_FORM, urlencode(flat).encode()))

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """One letter a request, with the destination's login."""
        del attempt
        (letter,) = letters
        content_type, body = letter.content
        head = {"Content-Type": content_type}
        if self.where and self.where.username:
            head["Authorization"] = basic(self.where.username, self.where.password)
        return Post(body, head)

    def retries(self, letter: Letter) -> Retries:
        """Insist for the gate's time to live."""
        del letter
        return Retries(_WAITS, taken=_is_2xx_with_body if self._acknowledges() else is_2xx)

    def _acknowledges(self) -> bool:
        return self.faults.find(AcknowledgedGate, ()) is not None


def _shown(number: str) -> str:
    """A number as phones show it: without the country of a short number."""
    return re.sub(r"^[A-Z]{2}-", "", number)


def _is_2xx_with_body(reply: Reply) -> bool:
    return is_2xx(reply) and bool(reply.body)


def _json(value: Any, status: int = 200, head: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), headers=head, content_type=_JSON)
