"""The other side of the provider simulators in their tests: an endpoint for their callbacks, and
the providers' own descriptions of what travels."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from local.simulator.journal import Bell

NUMBER = "+18005550100"
PHONE = "+12125550123"
REFERENCE = os.environ.get("HELIOGRAPH_REFERENCE")


@dataclass(frozen=True)
class Request:
    """One callback as it came."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Hook:
    """An endpoint that records callbacks on every path, and answers as told: `answers` first, then
    an empty 200."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: deque[web.Response] = deque()
        self.bell = Bell()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._server = TestServer(app)

    def url(self, path: str = "/portal") -> str:
        return f"http://127.0.0.1:{self._server.port}{path}"

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    async def wait_for(self, total: int, timeout: float = 5.0) -> list[Request]:  # noqa: ASYNC109 -- a test's own limit
        """Wait until so many callbacks came."""
        await self.bell.wait(lambda: len(self.requests) >= total, timeout)
        return self.requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        url = f"{request.scheme}://{request.host}{request.raw_path}"
        self.requests.append(Request(url, request.headers, await request.read()))
        self.bell.ring()
        return self.answers.popleft() if self.answers else web.Response()


def described(file: str, name: str) -> dict[str, Any] | None:
    """A schema of a provider's OpenAPI document with all that it refers to; None without the
    documents."""
    if REFERENCE is None:
        return None
    document = json.loads((Path(REFERENCE) / "specs" / file).read_text())
    return {
        "$ref": f"#/components/schemas/{name}",
        "components": {"schemas": document["components"]["schemas"]},
    }
