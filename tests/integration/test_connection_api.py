"""The API of connections, numbers and providers, over the desks on a real MongoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from connection_world import (
    ADMIN,
    FIRST_KEY,
    FOREIGN_NUMBER,
    NUMBER,
    OTHER_NUMBER,
    SECOND_KEY,
    TENANT,
    THIRD_KEY,
    World,
    open_world,
)

from common.metrics import Metrics
from common.providers.specs import SPECS
from health.access.roles import Principal
from health.api import connections, numbers, providers
from health.desks import Desks
from health.web.problems import Problem
from health.web.serve import Server

BASE = f"/api/v1/tenants/{TENANT}"
AT_NUMBER = f"{BASE}/numbers/%2B18005550100"


class OpenDoor:
    """Lets everybody in as an administrator; who may do what is tested elsewhere."""

    async def identify(self, request: web.Request) -> Principal:
        return ADMIN


async def no_pages(request: web.Request, problem: Problem, who: Principal | None) -> Any:
    raise AssertionError("only the API is asked here")


@dataclass
class Api:
    """A client, and all that it was ever answered."""

    world: World
    client: TestClient[web.Request, web.Application]
    heard: str = ""

    async def ask(
        self, method: str, path: str, body: Any = None, *, version: int | None = None
    ) -> tuple[int, Any]:
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        async with self.client.request(method, path, json=body, headers=headers) as answer:
            self.heard += await answer.text() + repr(answer.headers)
            parsed = await answer.json(content_type=None) if await answer.read() else None
            if isinstance(parsed, dict) and "version" in parsed:
                assert answer.headers["ETag"] == f'"{parsed["version"]}"'
            return answer.status, parsed

    async def connect(self, **changes: Any) -> tuple[int, Any]:
        body = {
            "name": "Main line",
            "provider": "acs",
            "parameters": self.world.parameters,
            "accept_opt_out": True,
            "numbers": [{"address": NUMBER, "type": "toll_free", "agent_id": "support"}],
        }
        return await self.ask("POST", f"{BASE}/connections", body | changes)


@pytest.fixture
async def api(mongo_uri: str, mongo_database: str) -> AsyncIterator[Api]:
    async with open_world(mongo_uri, mongo_database) as world:
        desks = SimpleNamespace(door=OpenDoor(), connections=world.desk, numbers=world.number_desk)
        routes = (*connections.ROUTES, *numbers.ROUTES, *providers.ROUTES)
        app = web.Application()
        Server(cast("Desks", desks), routes, Metrics(), no_pages).add_to(app)
        async with TestClient(TestServer(app)) as client:
            api = Api(world, client)
            yield api
            for key in (FIRST_KEY, SECOND_KEY, THIRD_KEY):
                assert key not in api.heard, "an answer held a secret"


async def test_a_connection_lives_from_its_making_to_its_reconnection(api: Api) -> None:
    status, made = await api.connect()
    assert (status, made["status"], made["numbers"]) == (201, "active", 1)
    assert made["secrets"] == ["connection_string"]
    at = f"{BASE}/connections/{made['id']}"
    assert await api.ask("GET", at) == (200, made)
    assert (await api.ask("GET", f"{BASE}/connections?status=active"))[1]["items"] == [made]

    assert (await api.ask("PATCH", at, {"name": "New"}))[0] == 428
    _, renamed = await api.ask("PATCH", at, {"name": "New"}, version=1)
    assert (await api.ask("PATCH", at, {"name": "Lost"}, version=1))[0] == 412
    assert (renamed["name"], renamed["version"]) == ("New", 2)

    second = {"parameters": {"connection_string": api.world.connection_string(SECOND_KEY)}}
    _, replaced = await api.ask("PUT", f"{at}/credentials", second, version=2)
    value = api.world.connection_string(FIRST_KEY)
    rotation = {"parameter": "secondary_connection_string", "value": value}
    _, rotated = await api.ask("POST", f"{at}/rotate", rotation, version=replaced["version"])
    assert rotated["secrets"] == ["connection_string", "secondary_connection_string"]
    assert (await api.ask("POST", f"{at}/check"))[1]["status"] == "active"

    version = rotated["version"]
    assert (await api.ask("POST", f"{at}/disconnect", {}, version=version))[1]["code"] == (
        "not_confirmed"
    )
    _, gone = await api.ask("POST", f"{at}/disconnect", {"confirm": True}, version=version)
    assert (gone["status"], gone["public"]) == ("disconnected", {"endpoint": "[CLEARED]"})
    _, back = await api.ask("POST", f"{at}/reconnect", second, version=gone["version"])
    assert (back["status"], back["numbers"]) == ("active", 0)


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"provider": "nonsense"}, 422, "provider_unavailable", "provider"),
        ({"parameters": {}}, 422, "invalid", "parameters.connection_string"),
        (
            {"parameters": {"connection_string": "x"}},
            422,
            "invalid_credentials",
            "parameters.connection_string",
        ),
        ({"accept_opt_out": False}, 422, "opt_out_not_accepted", "accept_opt_out"),
        ({"name": " "}, 422, "invalid", "name"),
        ({"unknown": 1}, 422, "invalid", "unknown"),
        (
            {"numbers": [{"address": "1", "type": "local", "agent_id": "support"}]},
            422,
            "invalid_number",
            "numbers.0.address",
        ),
    ],
)
async def test_a_refusal_names_the_field(
    api: Api, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    answered, problem = await api.connect(**changes)
    assert (answered, problem["code"]) == (status, code)
    assert field in problem["fields"]


async def test_a_number_lives_from_its_adding_to_its_removal(api: Api) -> None:
    _, line = await api.connect(numbers=[])
    to_add = {"address": NUMBER, "type": "toll_free", "agent_id": "support", "owners": ["sales"]}
    at_line = f"{BASE}/connections/{line['id']}/numbers"
    status, added = await api.ask("POST", at_line, to_add)
    assert (status, added["gate_on"], added["region"]) == (201, False, "US")
    assert (await api.ask("POST", at_line, to_add))[1]["code"] == "number_taken"
    foreign = to_add | {"address": FOREIGN_NUMBER}
    status, problem = await api.ask("POST", at_line, foreign)
    assert (status, problem["code"], problem["numbers"]) == (
        422,
        "number_not_on_resource",
        [FOREIGN_NUMBER],
    )
    for path in (AT_NUMBER, f"{BASE}/numbers/18005550100"):
        assert await api.ask("GET", path) == (200, added)
    assert (await api.ask("GET", f"{BASE}/numbers?agent_id=support"))[1]["items"] == [added]
    assert (await api.ask("GET", f"{BASE}/numbers/{OTHER_NUMBER}"))[0] == 404

    assert (await api.ask("PATCH", AT_NUMBER, {"gate_on": True}, version=1))[0] == 422
    _, edited = await api.ask("PATCH", AT_NUMBER, {"name": "Desk"}, version=1)
    assert edited["name"] == "Desk"
    _, given = await api.ask("PUT", f"{AT_NUMBER}/agent", {"agent_id": "sales"}, version=2)
    assert given["agent_id"] == "sales"
    for agent_id, code in (("nobody", "unknown_agent"), ("retired", "inactive_agent")):
        _, problem = await api.ask("PUT", f"{AT_NUMBER}/agent", {"agent_id": agent_id}, version=3)
        assert problem["code"] == code

    assert (await api.ask("PUT", f"{AT_NUMBER}/gate", {"on": True}))[1]["code"] == "not_confirmed"
    _, opened = await api.ask("PUT", f"{AT_NUMBER}/gate", {"on": True, "confirm": True})
    assert opened["gate_on"]
    _, second = await api.connect(numbers=[])
    _, moved = await api.ask(
        "POST", f"{AT_NUMBER}/move", {"connection_id": second["id"]}, version=opened["version"]
    )
    assert (moved["connection_id"], moved["gate_on"]) == (second["id"], True)
    assert await api.ask("DELETE", AT_NUMBER, version=moved["version"]) == (204, None)
    assert (await api.ask("GET", f"{BASE}/numbers"))[1]["items"] == []


async def test_providers_are_listed_with_what_each_needs(api: Api) -> None:
    status, listed = await api.ask("GET", "/api/v1/providers")
    assert status == 200
    assert [(it["name"], it["available"]) for it in listed["items"]] == [
        (name, True) for name in SPECS
    ]
    acs = listed["items"][0]
    assert acs["rotating"] == ["connection_string", "secondary_connection_string"]
    assert acs["partner_parameter"]["name"] == "partner_key"


async def test_what_describes_something_can_be_taken_away(api: Api) -> None:
    _, line = await api.connect(description="Repairs")
    at = f"{BASE}/connections/{line['id']}"
    for empty in ("", None):
        _, number = await api.ask("GET", AT_NUMBER)
        version = number["version"]
        _, named = await api.ask("PATCH", AT_NUMBER, {"name": "Desk"}, version=version)
        _, bare = await api.ask("PATCH", AT_NUMBER, {"name": empty}, version=named["version"])
        assert (named["name"], bare["name"]) == ("Desk", "")
        _, kept = await api.ask("PATCH", AT_NUMBER, {"type": None}, version=bare["version"])
        assert kept == bare
        _, told = await api.ask("PATCH", at, {"description": "x"}, version=line["version"])
        _, line = await api.ask("PATCH", at, {"description": empty}, version=told["version"])
        assert (told["description"], line["description"]) == ("x", "")
        _, same = await api.ask("PATCH", at, {"name": None}, version=line["version"])
        assert same == line


async def test_a_live_connection_is_not_reconnected(api: Api) -> None:
    _, line = await api.connect()
    again = {"parameters": api.world.parameters}
    at = f"{BASE}/connections/{line['id']}/reconnect"
    status, problem = await api.ask("POST", at, again, version=line["version"])
    assert (status, problem["code"]) == (409, "not_disconnected")


async def test_a_refused_number_is_named_with_its_field(api: Api) -> None:
    numbers = [{"address": OTHER_NUMBER, "type": "toll_free", "agent_id": "support"}]
    await api.connect()
    numbers.append({"address": NUMBER, "type": "toll_free", "agent_id": "support"})
    status, problem = await api.connect(numbers=numbers)
    assert (status, problem["code"]) == (409, "number_taken")
    assert problem["fields"] == {"numbers.1.address": "it is connected already"}
    assert problem["number"] == NUMBER
