"""The management endpoints that every service has on a port of its own.

`/livez` asks only whether the process still answers. `/readyz` says whether the service can keep
its promise, and why not. `/metrics` is for Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.exposition import choose_encoder

from common.connection import Runner
from common.metrics import Metrics

Check = Callable[[], str | None]
"""Returns what is wrong in one sentence, or None."""

_JSON: Final = "application/json"
_OPEN_METRICS: Final = "application/openmetrics-text"


class Management:
    """The endpoints and the readiness checks behind them."""

    def __init__(self, metrics: Metrics, *, host: str, port: int):
        self._metrics = metrics
        self._host = host
        self._port = port
        self._checks: dict[str, Check] = {}
        self._runner: web.AppRunner | None = None

    def add_check(self, name: str, check: Check) -> None:
        """Make readiness depend on a check."""
        self._checks[name] = check

    def problems(self) -> dict[str, str]:
        """What stands against readiness, by check."""
        found = {name: check() for name, check in self._checks.items()}
        return {name: problem for name, problem in found.items() if problem is not None}

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is in use.
        """
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = Runner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        problems = self.problems()
        body = orjson.dumps({"ready": not problems, "problems": problems})
        return web.Response(body=body, status=503 if problems else 200, content_type=_JSON)

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        """In OpenMetrics for whoever asks for it: only that form has exemplars."""
        self._metrics.ready.set(0 if self.problems() else 1)
        asked = request.headers.get("Accept", "")
        if _OPEN_METRICS in asked:
            write, content_type = choose_encoder(asked)
            body = write(self._metrics.registry)
        else:
            body, content_type = generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST
        return web.Response(body=body, headers={"Content-Type": content_type})
