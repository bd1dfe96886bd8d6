"""The HTTP side: one request from its first byte to its answer.

Every request is answered within the deadline, whatever becomes of the parts behind it, and with
nothing of what happened inside.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

import orjson
import structlog
from aiohttp import web

from common import trace
from common.bus.messages import BusError
from common.errors import Unavailable
from common.metrics import Metrics
from webhook.auth import Doorkeeper
from webhook.eventgrid import consent, read_delivery, read_event, validation_code
from webhook.intake import TOGETHER, Intake
from webhook.problems import (
    DEADLINE,
    OVERLOADED,
    SLOW_BODY,
    TOO_LARGE,
    UNEXPECTED,
    Problem,
    Refusal,
    answer,
    unavailable,
)

log = structlog.get_logger(__name__)

ACS_PATH: Final = "/api/webhooks/acs/sms"

_LONGEST_LINE: Final = 32 * 1024
"""Octets of a request line or a header: above Event Grid's 4,096 for a delivery property and any
token, because a request that is too long for the parser is refused for good."""

_LONGEST_ANSWER: Final = 25.0
"""Seconds. Event Grid waits 30 for an answer."""

_LINGER: Final = 2.0
"""Seconds in which a refused body may still arrive, so that its sender gets to read the refusal."""

Work = Callable[[web.Request, float], Awaitable[web.Response]]


class Server:
    """Takes deliveries over HTTP.

    Args:
        deadline: seconds within which a request is answered.
        body_limit: octets of the largest body.
        concurrency: requests in hand at once; further ones are refused at once.
        subscriptions, origins: who may subscribe, in lower case; empty means anybody.
    """

    def __init__(
        self,
        intake: Intake,
        doorkeeper: Doorkeeper,
        metrics: Metrics,
        *,
        deadline: float,
        body_limit: int,
        concurrency: int,
        subscriptions: frozenset[str] = frozenset(),
        origins: frozenset[str] = frozenset(),
    ):
        self._intake = intake
        self._doorkeeper = doorkeeper
        self._metrics = metrics
        self._deadline = deadline
        self._body_limit = body_limit
        self._concurrency = concurrency
        self._subscriptions = subscriptions
        self._origins = origins
        self._in_hand = 0
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is in use.
        """
        app = web.Application(client_max_size=self._body_limit)
        app.router.add_post(ACS_PATH, self._post)
        app.router.add_route("OPTIONS", ACS_PATH, self._options)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_quiet_logger(),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            lingering_time=_LINGER,
            shutdown_timeout=30.0,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024).start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        addresses = self._runner.addresses if self._runner else []
        return int(addresses[0][1])

    async def stop(self) -> None:
        """Accept nothing more, and answer what is in hand."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._deliver)

    async def _options(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._handshake)

    async def _answer(self, request: web.Request, work: Work) -> web.Response:
        began = perf_counter()
        if self._in_hand >= self._concurrency:
            response = answer(OVERLOADED)
        else:
            self._in_hand += 1
            try:
                response = await self._work(request, work)
            finally:
                self._in_hand -= 1
        self._metrics.webhook_requests.labels(status=response.status).inc()
        self._metrics.webhook_seconds.observe(perf_counter() - began)
        return response

    async def _work(self, request: web.Request, work: Work) -> web.Response:
        try:
            return await work(request, asyncio.get_running_loop().time() + self._deadline)
        except Refusal as refusal:
            problem = refusal.problem
        except TimeoutError:
            problem = DEADLINE
        except (BusError, Unavailable) as fault:
            problem = unavailable(fault.code)
        except Exception as error:  # noqa: BLE001 - every fault of our own is a 503
            _report(error)
            problem = UNEXPECTED
        return _refuse(problem)

    async def _handshake(self, request: web.Request, _: float) -> web.Response:
        self._doorkeeper.admit_handshake(request)
        return web.Response(headers=consent(request.headers, self._origins))

    async def _deliver(self, request: web.Request, deadline: float) -> web.Response:
        async with asyncio.timeout_at(deadline):
            await self._doorkeeper.admit_delivery(request)
        items = read_delivery(await self._body(request, deadline))
        events = [read_event(item) for item in items]
        code = validation_code(events, request.headers, self._subscriptions)
        if code is not None:
            log.info("subscription.validated")
            body = orjson.dumps({"validationResponse": code})
            return web.Response(body=body, content_type="application/json")
        async with asyncio.timeout_at(deadline + self._extra(len(items))):
            await self._intake.take(
                items, events, traceparent=trace.valid(request.headers.get("traceparent"))
            )
        return web.Response()

    def _extra(self, events: int) -> float:
        """What a large batch may take longer. It is no fault, and refusing it would bring it back
        just as large; a broker that stops in the middle is noticed by each publish's deadline."""
        extra = self._deadline * (max(0, events - 1) // TOGETHER)
        return min(extra, max(0.0, _LONGEST_ANSWER - self._deadline))

    async def _body(self, request: web.Request, deadline: float) -> bytes:
        if (request.content_length or 0) > self._body_limit:
            raise Refusal(TOO_LARGE)
        try:
            async with asyncio.timeout_at(deadline):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Refusal(TOO_LARGE) from None
        except (TimeoutError, ConnectionError, web.RequestPayloadError):
            raise Refusal(SLOW_BODY) from None


def _refuse(problem: Problem) -> web.Response:
    log.debug("delivery.refused", status=problem.status, code=problem.code)
    return answer(problem)


def _report(error: Exception) -> None:
    """Say where it happened, and not what the exception says: it may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else "?"
    log.error("delivery.failed", error=type(error).__name__, place=place)


def _quiet_logger() -> logging.Logger:
    """aiohttp's log without the text of exceptions: of a request that it cannot parse it quotes the
    first line, which holds the secret in its query."""

    def drop_text(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            record.msg = f"{record.msg} ({record.exc_info[0].__name__})"
            record.exc_info = None
        return True

    logger = logging.Logger("aiohttp.server")
    logger.parent = logging.getLogger()
    logger.addFilter(drop_text)
    return logger
