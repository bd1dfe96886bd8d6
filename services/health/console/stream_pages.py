"""What keeps open pages fresh: a stream that says that something happened, never what.

The page then asks for its own parts anew, so one place decides what is shown. See the WHATWG HTML
standard, "Server-sent events", for the form of the stream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Final

from aiohttp import web
from pydantic import Field

from common.store.control import Happening
from health.access.roles import Role
from health.console.rendering import PAGE_HEADERS
from health.desk.live import Live
from health.web.admission import while_admitted
from health.web.routes import Body, Call, Route, Surface

_HEARTBEAT: Final = 15.0
"""Seconds; a comment keeps proxies from ending a silent stream, and notices who is gone."""

_LIFE: Final = 600.0
"""Seconds after which a browser has to ask again, so that no stream is kept that nobody reads."""

_EVENTS: Final[Mapping[str, bytes]] = {
    kind: f"event: {kind}\ndata: news\n\n".encode() for kind in ("text", "consent", "connection")
}
_RETRY: Final = b"retry: 2000\n\n"
_BEAT: Final = b": still here\n\n"


class StreamQuery(Body):
    """What a page wants to hear of, and how often at most (seconds). With a conversation, it is of
    its texts only."""

    conversation: str | None = None
    every: float = Field(default=1.0, ge=0.2, le=60, allow_inf_nan=False)


async def stream(call: Call) -> web.StreamResponse:
    """Tells a page when something happened to its texts or connections."""
    query: StreamQuery = call.query
    response = web.StreamResponse(headers={**PAGE_HEADERS, "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    live = call.desks.live
    async with (
        live.subscribe(call.tenant_id) as happenings,
        while_admitted(call.admit, live.closing) as over,
    ):
        await response.prepare(call.request)
        telling = asyncio.create_task(_tell(response, live, happenings, query), name="page stream")
        ending = asyncio.create_task(over.wait(), name="page stream ends")
        try:
            await asyncio.wait({telling, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            ending.cancel()
            await asyncio.gather(telling, ending, return_exceptions=True)
    return response


async def _tell(
    response: web.StreamResponse,
    live: Live,
    happenings: asyncio.Queue[Happening],
    query: StreamQuery,
) -> None:
    ends = time.monotonic() + _LIFE
    await response.write(_RETRY)
    await live.opened()
    # What happened between the making of the page and now.
    await _write(response, _EVENTS if query.conversation is None else ("text",))
    while time.monotonic() < ends:
        try:
            async with asyncio.timeout(_HEARTBEAT):
                kinds = await _next(happenings, query.conversation)
        except TimeoutError:
            await response.write(_BEAT)
            continue
        await _write(response, kinds)
        # What happens in the pause is told by one event after it.
        await asyncio.sleep(query.every)


async def _write(response: web.StreamResponse, kinds: Collection[str]) -> None:
    await response.write(b"".join(told for kind, told in _EVENTS.items() if kind in kinds))


async def _next(happenings: asyncio.Queue[Happening], conversation: str | None) -> set[str]:
    """Wait for something that the page shows; take all that is there already along with it.
    Returns the kinds of what happened."""
    while True:
        found = [await happenings.get()]
        while not happenings.empty():
            found.append(happenings.get_nowait())
        shown = [item for item in found if conversation in {None, item.conversation_id}]
        if shown:
            return {item.kind for item in shown}


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="live_page",
        method="GET",
        path="/t/{tenant_id}/events",
        needs=Role.VIEWER,
        handler=stream,
        summary="Tells a page when something happened to its texts or connections.",
        surface=Surface.STREAM,
        query=StreamQuery,
        tag="console",
    ),
)
