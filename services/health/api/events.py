"""What happens, as it happens."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from health.access.roles import Role
from health.api.paths import TENANT
from health.web.routes import Call, Route, Surface
from health.web.sse import stream_happenings


async def stream_events(call: Call) -> web.StreamResponse:
    """Server-sent events of the tenant's texts and connections."""
    live = call.desks.live
    return await stream_happenings(call.request, live, call.tenant_id, admit=call.admit)


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="stream_events",
        method="GET",
        path=f"{TENANT}/events",
        needs=Role.VIEWER,
        handler=stream_events,
        summary="Be told of each change to a text or connection, by server-sent events of its IDs",
        surface=Surface.STREAM,
        tag="Conversations",
    ),
)
