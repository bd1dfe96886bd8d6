"""The other side of the simulator in its tests: made-up keys and numbers, and an endpoint."""

import base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.simulator.journal import Bell

KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
SECOND_KEY = base64.b64encode(b"fedcba9876543210fedcba9876543210").decode()
NUMBER = "+18005550100"
PHONE = "+15551230001"


@dataclass(frozen=True)
class Request:
    """One request that the endpoint received."""

    headers: Any
    query: dict[str, str]
    json: Any

    @property
    def events(self) -> list[Any]:
        return self.json if isinstance(self.json, list) else [self.json]


class Endpoint:
    """A webhook that records deliveries and answers as told: `statuses` first, then 200."""

    def __init__(self) -> None:
        self.deliveries: list[Request] = []
        self.validations: list[Request] = []
        self.statuses: deque[int] = deque()
        self.headers: dict[str, str] = {}
        self.consent = {
            "WebHook-Allowed-Origin": "eventgrid.azure.net",
            "WebHook-Allowed-Rate": "*",
        }
        self.validate: Callable[[str], web.Response] = lambda code: web.json_response(
            {"validationResponse": code}
        )
        self.on_delivery: Callable[[Request], Any] | None = None
        self.bell = Bell()
        app = web.Application()
        app.router.add_route("*", "/hook", self._handle)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/hook"))

    @property
    def events(self) -> list[Any]:
        return [event for delivery in self.deliveries for event in delivery.events]

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    async def wait_for(self, total: int, timeout: float = 5.0) -> list[Any]:  # noqa: ASYNC109 -- a test's own limit
        """Wait until so many events were received."""
        await self.bell.wait(lambda: len(self.events) >= total, timeout)
        return self.events

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        seen = Request(request.headers, dict(request.query), orjson.loads(body) if body else None)
        if request.method == "OPTIONS":
            self.validations.append(seen)
            return web.Response(headers=self.consent)
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            self.validations.append(seen)
            return self.validate(seen.json[0]["data"]["validationCode"])
        self.deliveries.append(seen)
        self.bell.ring()
        if self.on_delivery:
            await self.on_delivery(seen)
        return web.Response(status=self.statuses.popleft() if self.statuses else 200)
