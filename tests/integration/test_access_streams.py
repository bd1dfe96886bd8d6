"""A stream ends soon after its viewer may see it no longer."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import pytest
from access_sessions import open_session
from console_world import TENANT, ConsoleWorld, make_key

from common.store.control import SYSTEM
from common.store.mongo_control_keys import MongoKeys
from health.access.door import CSRF_HEADER
from health.access.roles import Role
from health.api.table import ROUTES as API_ROUTES
from health.console.table import ROUTES as CONSOLE_ROUTES
from health.web.routes import Route, Surface

STREAMS: Final = [
    route for route in (*API_ROUTES, *CONSOLE_ROUTES) if route.surface is Surface.STREAM
]
SOON: Final = 15.0
"""Seconds, as docs/security.md says."""

of_each_stream = pytest.mark.parametrize("route", STREAMS, ids=lambda route: route.path)


def url_of(world: ConsoleWorld, route: Route) -> str:
    return world.url + route.path.format(tenant_id=TENANT)


async def end_of(answer: aiohttp.ClientResponse) -> None:
    async with asyncio.timeout(SOON):
        while await answer.content.read(1024):
            pass


@of_each_stream
async def test_a_revoked_key_sees_nothing_more(console: ConsoleWorld, route: Route) -> None:
    key = await make_key(console.database, Role.VIEWER, TENANT)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(url_of(console, route)) as answer,
    ):
        assert answer.status == 200
        assert await answer.content.readany()
        await MongoKeys(console.database).revoke(TENANT, key.split("_")[1], by=SYSTEM)
        await end_of(answer)


@of_each_stream
async def test_who_signed_out_sees_nothing_more(console: ConsoleWorld, route: Route) -> None:
    mine = await open_session(console, console.keys[Role.VIEWER])
    async with (
        aiohttp.ClientSession(headers=mine.headers) as http,
        http.get(url_of(console, route)) as answer,
    ):
        assert answer.status == 200
        assert await answer.content.readany()
        headers = {CSRF_HEADER: mine.csrf}
        async with http.post(
            f"{console.url}/sign-out", headers=headers, allow_redirects=False
        ) as out:
            assert out.status == 303
        await end_of(answer)


@of_each_stream
async def test_who_may_still_see_it_goes_on_seeing_it(console: ConsoleWorld, route: Route) -> None:
    async with (
        aiohttp.ClientSession(headers=console.headers(Role.VIEWER)) as http,
        http.get(url_of(console, route)) as answer,
    ):
        with pytest.raises(TimeoutError):
            await end_of(answer)
