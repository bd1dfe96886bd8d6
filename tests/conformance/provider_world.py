"""What the provider suite works with: callbacks as they are told, texts as they are sent, and a
service on this machine that answers as told in place of the provider."""

from __future__ import annotations

import base64
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    DeliveryReport,
    Door,
    Ignored,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from common.providers.meanings import Meaning
from common.providers.port import SendResult, Text

PORTAL_URL = "https://sms.example.com/api/webhooks/provider/con-1/portal-token-4x7q"
REPORT_URL = "https://sms.example.com/api/webhooks/provider/con-1/report-token-9z2k"
REFERENCE = "0123456789abcdef0123456789abcdef"
INSTANT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""When every callback of the suite arrives, and when every text of it was first sent."""

LOGIN = ("con-1", "basic-password-7h3v")
"""User name and password that we gave out for HTTP Basic."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}

Expected = ReceivedText | DeliveryReport | type[Ignored] | type[Unreadable] | type[UnreadableEvent]
"""A content is compared whole. The last one stands for the whole callback, which cannot be read."""


class Part(StrEnum):
    """What of a callback a proof can cover."""

    BODY = "body"
    HOST = "host"
    PATH = "path"
    QUERY = "query"
    KEY = "key"
    """The connection's own secret, or the password that we gave out: another one is refused."""
    HEADER = "header"
    """The proof itself: without it, or with a garbled one, the callback is refused."""
    INSTANT = "instant"
    """The signed time: an old callback is refused."""


EVERYTHING = frozenset(Part) - {Part.INSTANT}
"""What a signature over address and body covers."""
BASIC = frozenset({Part.KEY, Part.HEADER})
"""What HTTP Basic covers."""
NOTHING: frozenset[Part] = frozenset()
"""The token in the path, which is compared before, is all there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A callback, and what it is to be read as."""

    body: bytes = b""
    """Stays empty for a file of the reference."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Without those that prove it."""
    readings: Sequence[Expected] = ()
    door: Door = Door.PORTAL
    query: str = ""
    """What stands behind our address, with the question mark."""
    answer: CallbackAnswer = field(default_factory=CallbackAnswer)

    @property
    def request(self) -> CallbackRequest:
        """The callback as it comes, not proven yet."""
        address = PORTAL_URL if self.door is Door.PORTAL else REPORT_URL
        return CallbackRequest(
            url=address + self.query,
            headers=CIMultiDict(self.headers),
            body=self.body,
            door=self.door,
            received_at=INSTANT,
        )


def keys(credentials: Mapping[str, str], login: tuple[str, str] = LOGIN) -> CallbackKeys:
    """What a callback is proven with."""
    return CallbackKeys(credentials=credentials, username=login[0], password=login[1])


def with_headers(request: CallbackRequest, **headers: str) -> CallbackRequest:
    """The request with more headers; `_` stands for a hyphen."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers=CIMultiDict(dict(request.headers) | more))


def basic(user: str, password: str) -> str:
    """The value of the header Authorization."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def text(
    sender: str, recipient: str, body: str = "Grüße vom Leuchtturm – 5 €", **more: Any
) -> Text:
    """A text that is ready to leave."""
    usual: dict[str, Any] = {
        "reference": REFERENCE,
        "request_id": UUID("8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21"),
        "first_sent": INSTANT,
    }
    return Text(sender=sender, recipient=recipient, body=body, **(usual | more))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request as the provider is to get it.

    `target` is path and query as they stand in the request line. `content` is the body: a JSON
    value; for a form, a mapping of names to lists of values; for XML, a text that is compared in
    canonical form.
    """

    target: str
    content: Any
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those that this request has beyond the suite's `headers_sent`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A text, and the request that it is to become."""

    text: Text
    wire: Wire
    report_url: str | None = REPORT_URL


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the provider: octets and strings as they are, anything else as JSON."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def octets(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)

    def with_headers(self, **headers: str) -> Said:
        """The answer with more headers; `_` stands for a hyphen."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers=dict(self.headers) | more)

    async def __call__(self, _: web.Request) -> web.StreamResponse:
        kind = XML if isinstance(self.body, str) and self.body.startswith("<") else JSON
        return web.Response(status=self.status, body=self.octets, headers=kind | dict(self.headers))


@dataclass(frozen=True, slots=True)
class Row:
    """An answer, and what it means: a word of `common.providers.meanings`, or the result itself.
    Details are not compared (write `ANY`)."""

    said: Said
    means: Meaning | SendResult


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as the provider got it."""

    method: str
    target: str
    headers: CIMultiDictProxy[str]
    body: bytes
    peer: object
    """Tells connections apart."""

    @property
    def content(self) -> Any:
        """The body in the form that `Wire.content` has."""
        return content_of(self.body, self.headers.get("Content-Type", ""))


def content_of(body: bytes, content_type: str) -> Any:
    """A body as a value that can be compared; None where there is none."""
    if not body:
        return None
    if "urlencoded" in content_type:
        return parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True)
    if "xml" in content_type:
        return canonical(body.decode())
    return orjson.loads(body)


def canonical(xml: str) -> str:
    """XML with its attributes in order and without blanks between elements."""
    return ET.canonicalize(xml, strip_text=True)


Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Fake:
    """Stands for the provider: remembers what it was sent, and answers as it is told."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.sent: list[Sent] = []
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        return str(self.server.make_url("")).rstrip("/")

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self.server.handler.connections) if self.server.handler else 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.sent.append(Sent(request.method, request.raw_path, request.headers, body, peer))
        return await self.respond(request)


@contextlib.asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[Fake]:
    """A provider on a port of this machine."""
    fake = Fake(respond)
    await fake.server.start_server()
    try:
        yield fake
    finally:
        await fake.server.close()
