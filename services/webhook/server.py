"""The HTTP side: one request from its first byte to its answer.

Every request is answered within the deadline, whatever becomes of the parts behind it, and with
nothing of what happened inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Final

import orjson
import structlog
from aiohttp import web

from common import callback_addresses, trace
from common.bus.messages import BusError
from common.connection import Runner
from common.errors import Unavailable
from common.metrics import Children, Metrics
from common.place import place_of
from common.providers.specs import SPECS
from heliograph import wire
from webhook import callbacks
from webhook.auth import Doorkeeper
from webhook.body import read_body
from webhook.callbacks import Address, CallbackDoor
from webhook.connection import refuse
from webhook.eventgrid import consent, read_delivery, validation_code
from webhook.intake import Intake
from webhook.messages import Party
from webhook.problems import (
    BASIC,
    DEADLINE,
    OVERLOADED,
    UNEXPECTED,
    Problem,
    Refusal,
    answer,
    bare,
    unavailable,
)
from webhook.refusals import Refusals

log = structlog.get_logger(__name__)

ACS_PATH: Final = "/api/webhooks/acs/sms"

_LONGEST_LINE: Final = 32 * 1024
"""Octets of a request line or a header: above Event Grid's 4,096 for a delivery property and any
token, because a request that is too long for the parser is refused for good."""

_LONGEST_ANSWER: Final = 25.0
"""Seconds. Event Grid waits 30 for an answer."""

_IDLE: Final = 75.0
"""Seconds; longer than load balancers keep an idle connection to reuse it (60 is usual), because a
delivery into a connection that is being closed fails and comes only later."""

_LINGER: Final = 2.0
"""Seconds in which a refused body may still arrive, so that its sender gets to read the refusal."""

Work = Callable[[web.Request, float], Awaitable[web.Response]]
Say = Callable[[Problem], web.Response]


class Server:
    """Takes deliveries over HTTP.

    Args:
        deadline: seconds within which a request is answered.
        body_limit: octets of the largest body.
        concurrency: requests in hand at once; further ones are refused at once.
        subscriptions, origins: who may subscribe, in lower case; empty means anybody.
        idle: seconds after which a connection is closed whose next request has not arrived, or not
            with all its headers.
    """

    def __init__(
        self,
        intake: Intake,
        doorkeeper: Doorkeeper,
        callback_door: CallbackDoor,
        metrics: Metrics,
        *,
        deadline: float,
        body_limit: int,
        concurrency: int,
        subscriptions: frozenset[str] = frozenset(),
        origins: frozenset[str] = frozenset(),
        idle: float = _IDLE,
    ):
        self._intake = intake
        self._doorkeeper = doorkeeper
        self._callback_door = callback_door
        self._metrics = metrics
        self._deadline = deadline
        self._body_limit = body_limit
        self._concurrency = concurrency
        self._subscriptions = subscriptions
        self._origins = origins
        self._idle = idle
        self._in_hand = 0
        self._answers = Children(metrics.webhook_requests)
        self._refusals = Refusals()
        metrics.webhook_in_flight.set_function(lambda: self._in_hand)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is in use.
        """
        app = web.Application(client_max_size=self._body_limit)
        app.router.add_post(ACS_PATH, self._post)
        app.router.add_route("OPTIONS", ACS_PATH, self._options)
        app.router.add_post(callback_addresses.PATH, self._post_callback)
        self._runner = Runner(
            app,
            refuse=refuse,
            auto_decompress=False,
            keepalive_timeout=self._idle,
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
        return await self._answer(request, self._deliver, self._refuse)

    async def _options(self, request: web.Request) -> web.Response:
        return await self._answer(request, self._handshake, self._refuse)

    async def _post_callback(self, request: web.Request) -> web.Response:
        refuse = partial(bare, challenge=_challenge(request.match_info["provider"]))
        return await self._answer(request, self._call_back, refuse)

    async def _answer(self, request: web.Request, work: Work, refuse: Say) -> web.Response:
        began = perf_counter()
        if self._in_hand >= self._concurrency:
            response = refuse(OVERLOADED)
        else:
            self._in_hand += 1
            try:
                response = await self._work(request, work, refuse)
            finally:
                self._in_hand -= 1
        self._answers[(str(response.status),)].inc()
        self._metrics.webhook_seconds.observe(perf_counter() - began)
        return response

    async def _work(self, request: web.Request, work: Work, refuse: Say) -> web.Response:
        # For log lines; requests of one connection have one context, so each sets it anew.
        trace.current.set(trace.valid(request.headers.get(wire.HEADER_TRACEPARENT)))
        try:
            return await work(request, asyncio.get_running_loop().time() + self._deadline)
        except Refusal as refusal:
            problem = refusal.problem
        except TimeoutError:
            problem = DEADLINE
        except (BusError, Unavailable) as fault:
            problem = unavailable(fault.code)
        except Exception as error:  # noqa: BLE001 - every fault of our own is a 503
            log.error("delivery.failed", error=type(error).__name__, place=place_of(error))
            problem = UNEXPECTED
        self._refusals.say(problem)
        return refuse(problem)

    async def _handshake(self, request: web.Request, _: float) -> web.Response:
        self._doorkeeper.admit_handshake(request)
        return web.Response(headers=consent(request.headers, self._origins))

    async def _deliver(self, request: web.Request, deadline: float) -> web.Response:
        async with asyncio.timeout_at(deadline):
            await self._doorkeeper.admit_delivery(request)
        body = await read_body(request, limit=self._body_limit, deadline=deadline)
        items = read_delivery(body)
        code = validation_code(items, request.headers, self._subscriptions)
        if code is not None:
            log.info("subscription.validated")
            body = orjson.dumps({"validationResponse": code})
            return web.Response(body=body, content_type="application/json")
        last = deadline - self._deadline + max(_LONGEST_ANSWER, self._deadline)
        async with asyncio.timeout_at(deadline) as patience:
            await self._intake.take(
                items,
                traceparent=trace.current.get(),
                confirmed=lambda: self._prolong(patience, last),
            )
        return web.Response()

    async def _call_back(self, request: web.Request, deadline: float) -> web.Response:
        """A provider's callback at a connection's own address."""
        door = self._callback_door
        async with asyncio.timeout_at(deadline):
            caller = await door.find(Address(**request.match_info))
        body = await read_body(request, limit=caller.callbacks.body_limit, deadline=deadline)
        async with asyncio.timeout_at(deadline):
            told = door.request(
                caller, raw_path=request.raw_path, headers=request.headers, body=body
            )
            caller = await door.admit(caller, told)
            readings = callbacks.read(caller, told)
            await self._intake.take_callback(
                readings,
                provider=caller.provider,
                caller=Party(caller.tenant_id, caller.connection_id),
                traceparent=trace.current.get(),
            )
        said = callbacks.answer(caller, readings)
        if not said.body:
            return web.Response(status=said.status)
        return web.Response(status=said.status, body=said.body, content_type=said.content_type)

    def _prolong(self, patience: asyncio.Timeout, last: float) -> None:
        """A large delivery takes longer than the deadline and that is no fault: refusing it would
        bring it back just as large. Each part of it has the deadline for itself, so that a fault in
        the middle is answered as soon as one at the beginning."""
        now = asyncio.get_running_loop().time()
        patience.reschedule(min(now + self._deadline, last))

    def _refuse(self, problem: Problem) -> web.Response:
        response = answer(problem)
        if problem.status == 401 and self._doorkeeper.challenge:
            response.headers["WWW-Authenticate"] = self._doorkeeper.challenge
        return response


def _challenge(provider: str) -> str | None:
    """What a provider's callbacks are to log in with, where they do."""
    spec = SPECS.get(provider)
    return BASIC if spec is not None and spec.basic else None
