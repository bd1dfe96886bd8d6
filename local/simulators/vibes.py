"""Vibes' aggregation Message API: MT messages, MO callbacks, delivery receipts, all in XML.

Sources: Vibes docs, "HTTP Message API" (send, message and carrier look-ups), "MO callbacks",
"Delivery receipts".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element

from aiohttp import web

from local.simulator import segments
from local.simulator.faults import Fault
from local.simulator.phones import Text
from local.simulators import vibes_xml
from local.simulators.base import ProviderSimulator
from local.simulators.courier import REPORT, TEXT, Letter, Post, Reply, Retries, is_2xx
from local.simulators.messages import News, Order, Portal, Refusal, Sent, State, basic

MAX_BODY: Final = 160
MAX_SPLIT_BODY: Final = 900
PATIENCE: Final = 2.0
"""Seconds that an endpoint may take."""

_TYPE: Final = "text/xml"
_WAITS: Final = (300.0,) * 5
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}")
_NORTH_AMERICAN: Final = re.compile(r"\+1\d{10}")
_URL: Final = re.compile(r"https?://[^/\s]+\S*")
_OPTIONS: Final[Mapping[str, frozenset[tuple[str, bool]]]] = {
    "NONE": frozenset(),
    "ERROR": frozenset({("System", True), ("Carrier", True), ("Handset", True)}),
    "SMSC_ERROR": frozenset({("System", True), ("Carrier", True)}),
    "SMSC_ALL": frozenset({("System", True), ("Carrier", True), ("Carrier", False)}),
}
"""Which receipts come, by type and whether it is an error; with ALL, every one."""


class Version1(Fault):
    """Inbound texts come in the form of version 1; `message_id`: with their ID as a parameter."""

    message_id: bool = True


class QueuedReports(Fault):
    """A receipt says first that the text is queued."""


class Vibes(ProviderSimulator):
    """One account with short codes: `username` and `password`.

    The portal's URL is that of inbound texts; receipts go to the URL named with the text, without
    any login.
    """

    name = "vibes"
    account = ("username", "password")
    per_part = True
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {
        "version_1": Version1,
        "queued_reports": QueuedReports,
    }

    NO_CREDIT = Refusal(403)

    def __init__(self, *, username: str, password: str, **options: Any) -> None:
        super().__init__(**options)
        self.username = username
        self.password = password

    def change_secret(self, secret: str) -> None:
        """Give the account another password."""
        self.password = secret

    # --- Calls ----------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        """Give the routes of the Message API."""
        messages = "/MessageApi/mt/messages"
        return [
            web.post(messages, self.send),
            web.get(f"{messages}/{{message_id}}", self.show_message),
            web.get(f"{messages}/{{message_id}}/responses", self.show_receipts),
            web.get("/MessageApi/mdns/{mdn}", self.show_carrier),
        ]

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Take the account's name and password."""
        del body
        good = basic(self.username, self.password)
        return None if request.headers.get("Authorization") == good else self.DENIED

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read one message."""
        if request.content_type != _TYPE:
            return Refusal(400, message="The content type must be text/xml")
        root = vibes_xml.read(body)
        if root is None or root.tag != "mtMessage":
            return Refusal(400, message="The body is no mtMessage")
        sender, to = root.find("source"), root.find("destination")
        if sender is None or to is None:
            return Refusal(400, message="Source and destination are required")
        return [_order(root, sender, to)]

    def objection(self, order: Order) -> Refusal | None:
        """Refuse what is unsound; in the real system such a refusal comes with HTTP 200."""
        more = order.more
        size = MAX_SPLIT_BODY if more["split"] else MAX_BODY
        parts = segments.count(order.body)
        checks = (
            (more["types"] == ("SC", "MDN"), "Unknown address type"),
            (order.sender in self.numbers, "Source is not provisioned for this account"),
            (_PHONE.fullmatch(order.to), "Destination is no phone number"),
            (order.body.strip(), "Text is required"),
            (len(order.body) <= size and (more["split"] or parts == 1), "Text is too long"),
            (len(order.reference or "") <= 40, "submitterMessageId is too long"),
            (more["receipts"] in _OPTIONS or more["receipts"] == "ALL", "Unknown receipt option"),
            (order.report_url is None or _URL.fullmatch(order.report_url), "Invalid callbackUrl"),
        )
        wrong = next((words for good, words in checks if not good), None)
        return Refusal(200, message=wrong) if wrong else None

    def blocked(self, order: Order) -> str | None:
        """Only North America can be reached."""
        reached = _NORTH_AMERICAN.fullmatch(order.to)
        return None if reached else vibes_xml.INVALID_DESTINATION

    def message_id(self, order: Order) -> str:
        """A GUID."""
        del order
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """200, with what says success or failure."""
        (result,) = results
        if isinstance(result, Sent):
            return _xml(vibes_xml.accepted(result, split=result.order.more["split"]))
        words = result.message or "Message was refused"
        return _xml(vibes_xml.refused(words, result.order, result.code))

    def refused(self, refusal: Refusal) -> web.Response:
        """Say no; what the body of such an answer is, no page says."""
        head = {}
        if refusal.status == 401:
            head["WWW-Authenticate"] = 'Basic realm="MessageApi"'
        if refusal.retry_after is not None:
            head["Retry-After"] = f"{refusal.retry_after:g}"
        words = refusal.message or "Refused"
        return _xml(vibes_xml.refused(words, code=refusal.code), refusal.status, head)

    async def show_message(self, request: web.Request) -> web.StreamResponse:
        """Show a message."""
        return await self.query("message", request, lambda: self._shown(request, _message))

    async def show_receipts(self, request: web.Request) -> web.StreamResponse:
        """Show all receipts of a message so far."""
        return await self.query(
            "receipts", request, lambda: self._shown(request, vibes_xml.receipts)
        )

    async def show_carrier(self, request: web.Request) -> web.StreamResponse:
        """Show a number's carrier."""
        mdn = request.match_info["mdn"]
        return await self.query("carrier", request, lambda: _xml(vibes_xml.carrier(mdn)))

    def _shown(self, request: web.Request, write: Callable[[Sent], bytes]) -> web.Response:
        sent = self.sent.get(request.match_info["message_id"])
        return _xml(write(sent)) if sent else self.refused(Refusal(404, message="Not found"))

    # --- Callbacks ------------------------------------------------------------------------------

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """Tell of a phone's text; its form is chosen at each try, which counts in it."""
        return Letter(TEXT, portal.url, text.message_id, text)

    def report(self, sent: Sent, news: News) -> Letter | None:
        """Tell the URL that the text named, if it asked for such receipts."""
        if news.state is State.SENT and self.faults.take(QueuedReports, [sent.order.to]):
            queued = self._receipt(sent, News(State.QUEUED, part=news.part))
            if queued:
                self.courier.post(queued)
        return self._receipt(sent, news)

    def _receipt(self, sent: Sent, news: News) -> Letter | None:
        said = vibes_xml.receipt_of(news)
        option, url = sent.order.more["receipts"], sent.order.report_url
        wanted = option == "ALL" or (said.type, said.is_error) in _OPTIONS[option]
        if url is None or not wanted:
            return None
        return Letter(REPORT, url, sent.id, vibes_xml.receipt(sent, news))

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """One letter a request; only inbound texts come with a login."""
        (letter,) = letters
        head = {"Content-Type": f"{_TYPE}; charset=UTF-8"}
        if letter.kind == REPORT:
            return Post(letter.content, head)
        if self.where and self.where.username:
            head["Authorization"] = basic(self.where.username, self.where.password)
        old = self.faults.take(Version1, [letter.content.from_])
        if old:
            return Post(vibes_xml.inbound_v1(letter.content, with_id=old.message_id), head)
        return Post(vibes_xml.inbound(letter.content, attempt), head)

    def retries(self, letter: Letter) -> Retries:
        """Every five minutes, five times; who takes longer than two seconds has failed."""
        taken = _is_200 if letter.kind == REPORT else is_2xx
        return Retries(_WAITS, PATIENCE, taken)


def _order(root: Element, sender: Element, to: Element) -> Order:
    option = root.find("receiptOption")
    url = None if option is None else option.get("callbackUrl")
    return Order(
        sender=sender.get("address", ""),
        to=to.get("address", ""),
        body=root.findtext("text", ""),
        reference=root.get("submitterMessageId"),
        report_url=url,
        more={
            "split": root.get("splitLongMessage") == "true",
            "types": (sender.get("type"), to.get("type")),
            "receipts": "NONE" if option is None else (option.text or "").strip(),
        },
    )


def _message(sent: Sent) -> bytes:
    return vibes_xml.accepted(sent, split=sent.order.more["split"])


def _is_200(reply: Reply) -> bool:
    return reply.status == 200


def _xml(body: bytes, status: int = 200, head: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, headers=head, content_type=_TYPE, charset="utf-8")
