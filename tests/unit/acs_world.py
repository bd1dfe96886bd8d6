"""A service that answers as told, in place of ACS, for the adapter's unit tests."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.providers.acs import Acs, AcsClient
from common.providers.acs_versions import DEFAULT_VERSION, ApiVersion
from common.providers.port import Text

KEY = base64.b64encode(b"0123456789abcdef").decode()
SECOND_KEY = base64.b64encode(b"fedcba9876543210").decode()
SENDER, PHONE = "+18005550100", "+15551230001"
TEXT = Text(
    sender=SENDER,
    recipient=PHONE,
    body="Grüße – 5 €",
    reference="0123456789abcdef0123456789abcdef",
    request_id=UUID("8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21"),
    first_sent=datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC),
)
JSON = {"Content-Type": "application/json"}

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[..., AcsClient]


class Fake:
    """Remembers what it was sent."""

    def __init__(self) -> None:
        self.respond: Respond = answer(202, accepted())
        self.bodies: list[Any] = []
        self.requests: list[web.Request] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    @property
    def versions(self) -> list[str]:
        """The API versions that were called."""
        return [request.query["api-version"] for request in self.requests]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.requests.append(request)
        self.bodies.append(orjson.loads(raw) if raw else None)
        assert request.headers.get("Content-Length", "0") == str(len(raw))
        return await self.respond(request)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Fake]:
    service = Fake()
    await service.server.start_server()
    yield service
    await service.server.close()


@contextlib.asynccontextmanager
async def connecting(fake: Fake) -> AsyncIterator[Connect]:
    """Makes clients of the service, and closes them."""
    made: list[AcsClient] = []

    def make(
        *,
        timeout: float = 10.0,
        url: str = "",
        second: str | None = None,
        version: ApiVersion = DEFAULT_VERSION,
        **more: str,
    ) -> AcsClient:
        credentials = {"connection_string": f"endpoint={url or fake.url}/;accesskey={KEY}"} | more
        if second is not None:
            string = f"endpoint={url or fake.url};accesskey={second}"
            credentials["secondary_connection_string"] = string
        made.append(Acs(api_version=version).connect(credentials, timeout=timeout))
        return made[-1]

    yield make
    for client in made:
        await client.close()


def answer(status: int, body: Any = b"", **headers: str) -> Respond:
    async def respond(_: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, body=raw, headers=JSON | headers)

    return respond


def accepted(to: str = PHONE, **item: Any) -> dict[str, Any]:
    usual = {"to": to, "messageId": "Outgoing_1", "httpStatusCode": 202, "successful": True}
    return {"value": [usual | item]}


def failed(status: int, text: str) -> dict[str, Any]:
    return accepted(httpStatusCode=status, successful=False, errorMessage=text)


def error(code: str, message: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def problem(**errors: list[str]) -> dict[str, Any]:
    return {"title": "One or more validation errors occurred.", "status": 400, "errors": errors}


def texts(count: int) -> list[Text]:
    """One body to so many phones."""
    return [
        replace(
            TEXT,
            recipient=f"+1555123{number:04}",
            reference=f"{number:032x}",
            request_id=UUID(int=number),
        )
        for number in range(count)
    ]


def phones(count: int) -> Iterator[str]:
    return (text.recipient for text in texts(count))


def assert_signed(request: web.Request, body: bytes, key: str) -> None:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    host, date = request.headers["Host"], request.headers["x-ms-date"]
    text = f"{request.method}\n{request.raw_path}\n{date};{host};{digest}"
    made = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()
    assert request.headers["Authorization"].endswith(f"&Signature={made}")
