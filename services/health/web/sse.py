"""Server-sent events: what happens to a tenant's texts and connections, as a response that goes on
(WHATWG HTML, "Server-sent events")."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Final, TypeVar

import orjson
from aiohttp import web

from common.store.control import Happening
from health.desk.live import Live
from health.web.admission import Admit, while_admitted

T = TypeVar("T")

HEARTBEAT: Final = 15.0
"""Seconds after which a comment is sent, so that proxies keep the connection and a viewer who has
gone is noticed."""

LONGEST: Final = 600.0
"""Seconds after which the stream ends, so that none is kept that nobody reads. The browser comes
again at once."""

EVENT_STREAM: Final = "text/event-stream"

_HEADERS: Final = {
    "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
"""Nothing in between may keep events back (nginx documentation, "X-Accel-Buffering")."""

_BEGIN: Final = b"retry: 2000\n\n"
_READY: Final = b"event: ready\ndata: {}\n\n"
_HEART: Final = b": still here\n\n"


async def stream_happenings(
    request: web.Request,
    live: Live,
    tenant_id: str,
    *,
    admit: Admit,
    heartbeat: float = HEARTBEAT,
) -> web.StreamResponse:
    """Tell of every happening as `event: text` or `event: connection`, until the viewer goes or
    may see it no longer, or the service stops.

    `event: ready` comes once nothing that happens is missed any more: whoever reads the present
    after it has seen all.
    """
    response = web.StreamResponse(headers=_HEADERS)
    async with live.subscribe(tenant_id) as queue, while_admitted(admit, live.closing) as over:
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            async with asyncio.timeout(LONGEST):
                await _tell(response, live, queue, over, heartbeat)
    return response


async def _tell(
    response: web.StreamResponse,
    live: Live,
    queue: asyncio.Queue[Happening],
    over: asyncio.Event,
    heartbeat: float,
) -> None:
    await response.write(_BEGIN)
    ready = False
    while not over.is_set():
        if ready:
            happening = await _unless_over(over, queue.get(), heartbeat)
            await response.write(_event(happening) if happening is not None else _HEART)
        else:
            ready = await _unless_over(over, live.opened(), heartbeat) is not None
            await response.write(_READY if ready else _HEART)


async def _unless_over(over: asyncio.Event, wanted: Awaitable[T], seconds: float) -> T | None:
    """What is awaited, or None where it does not come in time or the stream has to end first."""
    coming = asyncio.ensure_future(wanted)
    ending = asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait({coming, ending}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        for task in (coming, ending):
            task.cancel()
        await asyncio.gather(coming, ending, return_exceptions=True)


def _event(happening: Happening) -> bytes:
    if happening.kind == "connection":
        ids = {"connection_id": happening.connection_id}
    elif happening.kind == "consent":
        ids = {"conversation_id": happening.conversation_id}
    else:
        ids = {"conversation_id": happening.conversation_id, "message_id": happening.message_id}
    return b"event: %b\ndata: %b\n\n" % (happening.kind.encode(), orjson.dumps(ids))
