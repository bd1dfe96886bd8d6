"""No change is made for a browser that does not bring its own session's token, whatever the route.
Built from the table, so that no route can be forgotten."""

from __future__ import annotations

import asyncio
import re
from typing import Final

import aiohttp
import pytest
from access_sessions import Session, operators_session
from console_world import TENANT, ConsoleWorld

from health.api.table import ROUTES as API_ROUTES
from health.console.table import ROUTES as CONSOLE_ROUTES
from health.web.routes import Route, Surface

ROUTES: Final = (*API_ROUTES, *CONSOLE_ROUTES)
CHANGING: Final = [route for route in ROUTES if route.needs is not None and route.changes]
HEADER: Final = "X-CSRF-Token"
PATIENCE: Final = 60.0
CSRF_WORDS: Final = "The request does not come from the console"
PARTS: Final = {"tenant_id": TENANT, "connection_id": "0" * 32, "address": "+19995550199"}


def told(route: Route) -> str:
    return f"{route.method} {route.path}"


async def refused(
    world: ConsoleWorld,
    route: Route,
    session: Session,
    *,
    header: str | None = None,
    field: str | None = None,
) -> bool:
    """Whether it is refused for its token, and for nothing else."""
    path = re.sub(r"\{(\w+)[^{}]*\}", lambda part: PARTS.get(part[1], "nothing-here"), route.path)
    headers = session.headers | ({HEADER: header} if header is not None else {})
    data = {"csrf": field} if field is not None else None
    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession() as http,
        http.request(
            route.method, f"{world.url}{path}", headers=headers, data=data, allow_redirects=False
        ) as answer,
    ):
        text = await answer.text()
        assert answer.status < 500, text
        assert answer.status != 401, text
        return answer.status == 403 and CSRF_WORDS in text


def test_there_are_routes_that_change_something() -> None:
    assert {route.surface for route in CHANGING} == {Surface.API, Surface.PAGE}


@pytest.mark.parametrize("route", CHANGING, ids=told)
async def test_a_change_by_a_session_needs_the_sessions_own_token(
    console: ConsoleWorld, route: Route
) -> None:
    mine, other = await operators_session(console), await operators_session(console)
    assert await refused(console, route, mine)
    for wrong in ("", "wrong", other.csrf, mine.csrf[:-1], mine.csrf + "x", mine.cookie):
        assert await refused(console, route, mine, header=wrong), wrong
        assert await refused(console, route, mine, field=wrong), wrong
    assert not await refused(console, route, mine, header=mine.csrf)
    if route.surface is Surface.PAGE:
        again = await operators_session(console)  # The one before may have signed out.
        assert not await refused(console, route, again, field=again.csrf)
