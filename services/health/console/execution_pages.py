"""Executions: the life of each inbound text and of its answers, as a timeline."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from health.console.page_routes import page
from health.console.rendering import render
from health.web.routes import Call, Route

_SHOWN: Final = 40
_REFRESH: Final = 5
"""Seconds between two refreshes of the page at least."""


async def executions(call: Call) -> web.Response:
    """What happened to the latest inbound texts, step by step."""
    latest = await call.desks.executions.latest(call.tenant_id, limit=_SHOWN)
    live = f"/t/{call.tenant_id}/events?every={_REFRESH}"
    return render(call, "executions.html", executions=latest, live=live)


ROUTES: Final[tuple[Route, ...]] = (
    page("executions_page", "/t/{tenant_id}/executions", executions),
)
