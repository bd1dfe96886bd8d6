"""Server-sent events: what happens to a tenant's texts, as a response that goes on (WHATWG HTML,
"Server-sent events")."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Final, TypeVar

import orjson
from aiohttp import web

from common.store.control import Happening
from health.desk.live import Live

T = TypeVar("T")

HEARTBEAT: Final = 15.0
"""Seconds after which a comment is sent, so that proxies keep the connection and a viewer who has
gone is noticed."""

LONGEST: Final = 600.0
"""Seconds after which the stream ends. The browser comes again at once and has to prove anew who
it is, so that a revoked key sees no more than this."""

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
"""Nothing in between may keep events back (nginx documentation, "X-Accel-Buffering")."""

_BEGIN: Final = b"retry: 2000\n\n"
_READY: Final = b"event: ready\ndata: {}\n\n"
_HEART: Final = b": still here\n\n"


async def stream_happenings(
    request: web.Request, live: Live, tenant_id: str, *, heartbeat: float = HEARTBEAT
) -> web.StreamResponse:
    """Tell of every happening as `event: text`, until the viewer goes or the service stops.

    `event: ready` comes once nothing that happens is missed any more: whoever reads the present
    after it has seen all.
    """
    response = web.StreamResponse(headers=_HEADERS)
    async with live.subscribe(tenant_id) as queue:
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            async with asyncio.timeout(LONGEST):
                await _tell(request, response, live, queue, heartbeat)
    return response


async def _tell(
    request: web.Request,
    response: web.StreamResponse,
    live: Live,
    queue: asyncio.Queue[Happening],
    heartbeat: float,
) -> None:
    await response.write(_BEGIN)
    ready = False
    while not live.closing.is_set() and request.transport is not None:
        if ready:
            happening = await _unless_closing(live, queue.get(), heartbeat)
            await response.write(_event(happening) if happening is not None else _HEART)
        else:
            ready = await _unless_closing(live, live.opened(), heartbeat) is not None
            await response.write(_READY if ready else _HEART)


async def _unless_closing(live: Live, wanted: Awaitable[T], seconds: float) -> T | None:
    """What is awaited, or None where it does not come in time or the service stops first."""
    coming = asyncio.ensure_future(wanted)
    closing = asyncio.ensure_future(live.closing.wait())
    try:
        await asyncio.wait({coming, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        for task in (coming, closing):
            task.cancel()
        await asyncio.gather(coming, closing, return_exceptions=True)


def _event(happening: Happening) -> bytes:
    data = orjson.dumps(
        {"conversation_id": happening.conversation_id, "message_id": happening.message_id}
    )
    return b"event: text\ndata: " + data + b"\n\n"
