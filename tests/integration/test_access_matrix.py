"""Every route lets in exactly whom its entry in the table says: each role, one's own tenant and a
foreign one, and nobody. Built from the table, so that no route can be forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from console_world import FOREIGN, TENANT, ConsoleWorld, open_console

from common.metrics import Metrics
from health.access.roles import Role
from health.api.table import ROUTES as API_ROUTES
from health.building import web_application
from health.console.table import ROUTES as CONSOLE_ROUTES
from health.web.routes import Route, Surface
from local.nodes import MongoNode, RabbitNode

ROUTES: Final = (*API_ROUTES, *CONSOLE_ROUTES)
RANKS: Final = list(Role)
PATIENCE: Final = 60.0

NOWHERE: Final = {
    "tenant_id": TENANT,
    "connection_id": "0" * 32,
    "number": "+19995550199",
    "address": "+19995550199",
    "remote": "+12125550147",
}
"""What the parts of a path are filled with: things that do not exist, in a tenant that does."""


@pytest.fixture(scope="module")
async def world(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleWorld]:
    logs: Path = tmp_path_factory.mktemp("matrix")
    async with open_console(rabbit, mongo, logs) as world:
        yield world


def path_of(route: Route) -> str:
    return re.sub(
        r"\{(\w+)(:[^{}]*)?\}", lambda part: NOWHERE.get(part[1], "nothing-here"), route.path
    )


async def ask(world: ConsoleWorld, route: Route, key: str | None) -> tuple[int, str]:
    """The status and the code of the problem, if it is one; of a stream, only the beginning."""
    headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
    url = f"{world.url}{path_of(route)}"
    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession() as http,
        http.request(route.method, url, headers=headers, allow_redirects=False) as answer,
    ):
        problem = answer.content_type == "application/problem+json"
        return answer.status, (await answer.json(content_type=None))["code"] if problem else ""


def told(route: Route) -> str:
    return f"{route.method} {route.path}"


needing_somebody = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.needs is not None], ids=told
)
of_a_tenant = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.of_tenant], ids=told
)


@needing_somebody
@pytest.mark.parametrize("key", [None, "hg_0123456789abcdef_" + "A" * 43, "a.b.c"])
async def test_nobody_gets_past_the_door(
    world: ConsoleWorld, route: Route, key: str | None
) -> None:
    # Of one wrong key no more than a few are looked at; whether or not, nobody is let in.
    status, _ = await ask(world, route, key)
    signed_out = {401, 303} if route.surface is Surface.PAGE else {401}
    assert status in (signed_out | {429} if key else signed_out)


@needing_somebody
@pytest.mark.parametrize("role", Role)
async def test_a_role_may_what_the_table_says(
    world: ConsoleWorld, route: Route, role: Role
) -> None:
    assert route.needs is not None
    status, code = await ask(world, route, world.keys[role])
    if RANKS.index(role) < RANKS.index(route.needs):
        assert (status, code) in {(403, "forbidden"), (403, "")}
    else:
        assert status not in {401, 403, 429}
        assert status < 500


@of_a_tenant
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
async def test_a_foreign_tenant_is_not_there_whatever_the_role(
    world: ConsoleWorld, route: Route, role: Role
) -> None:
    status, code = await ask(world, route, world.foreign_key[role])
    assert (status, code) in {(404, "not_found"), (404, "")}


def test_every_path_below_a_tenant_is_checked_for_it() -> None:
    for route in ROUTES:
        below = "/tenants/{" in route.path or route.path.startswith("/t/")
        assert route.of_tenant is below, told(route)
        assert route.needs is not None or not below, told(route)


def test_only_a_few_routes_are_for_everybody() -> None:
    public = {told(route) for route in ROUTES if route.needs is None}
    beyond = {it for it in public if "/static/" not in it}
    assert beyond == {"GET /api/v1/openapi.json", "GET /sign-in", "POST /sign-in"}


def test_names_and_paths_are_there_once() -> None:
    names = [route.name for route in ROUTES]
    paths = [(route.method, re.sub(r"\{\w+", "{", route.path)) for route in ROUTES]
    assert len(set(names)) == len(names)
    assert len(set(paths)) == len(paths)


def test_the_application_registers_the_table_and_nothing_else() -> None:
    app = web_application(None, Metrics())  # type: ignore[arg-type] # nothing is asked of it
    registered = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    }
    expected = {(route.method, re.sub(r":[^{}]*\}", "}", route.path)) for route in ROUTES}
    expected |= {("HEAD", path) for method, path in expected if method == "GET"}
    assert registered == expected


async def test_what_is_in_no_table_is_not_there(world: ConsoleWorld) -> None:
    key = world.keys[Role.OPERATOR]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        for path in ("/api/v1/nothing", f"/api/v1/tenants/{FOREIGN}/nothing", "/metrics", "/livez"):
            async with http.get(f"{world.url}{path}") as answer:
                assert answer.status == 404, path
