"""Another tenant's things are not there below one's own tenant either: their real IDs, in a path or
in a body, find nothing and change nothing. Built from the table, so that no route can be
forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import pymongo
import pytest
from conformance.store_world import new_outbound, outcome_of
from console_world import (
    FOREIGN,
    FREE_NUMBERS,
    NUMBER,
    TENANT,
    ConsoleWorld,
    make_key,
    open_console,
)

from common.secrets import MasterKeys
from common.store.mongo_conversation_holds import MongoConversationFacts
from common.store.mongo_outbound import MongoOutbound
from common.store.records import NewOutbound
from health.access.roles import Role
from health.api.table import ROUTES as API_ROUTES
from health.console.table import ROUTES as CONSOLE_ROUTES
from health.web.routes import Route, Surface
from heliograph.models import OutcomeStatus
from local.nodes import MongoNode, RabbitNode
from local.seed import Seed, plant

ROUTES: Final = [
    route
    for route in (*API_ROUTES, *CONSOLE_ROUTES)
    if route.of_tenant and route.surface is not Surface.STREAM
]
PATIENCE: Final = 60.0
_PART: Final = re.compile(r"\{(\w+)[^{}]*\}")
REFERENCES: Final = ("connection_id", "agent_id")
"""Fields of a body that name a thing of the tenant."""

IN_PATHS: Final = [
    (route, name)
    for route in ROUTES
    for name in _PART.findall(route.path)
    # A remote is nobody's: what a tenant knows of it, the tenant's number beside it tells.
    if name not in {"tenant_id", "remote"}
]
KEPT: Final = (
    "tenants",
    "agents",
    "connections",
    "numbers",
    "messages",
    "conversations",
    "consents",
    "consent_ledger",
    "conversation_holds",
    "switches",
    "audit",
)


@dataclass(frozen=True)
class Houses:
    """A running console, and the IDs of what two tenants have in it."""

    world: ConsoleWorld
    mongo_uri: str
    own: dict[str, str]
    foreign: dict[str, str]

    def fingerprint(self) -> dict[str, Any]:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(self.mongo_uri)
        try:
            database = client[self.world.mongo_database]
            return {name: list(database[name].find().sort("_id", 1)) for name in KEPT}
        finally:
            client.close()


async def held(world: ConsoleWorld, seed: Seed) -> NewOutbound:
    text = new_outbound(
        "held",
        tenant_id=seed.tenant_id,
        agent_id=seed.agent_id,
        connection_id=seed.connection_id,
        number=seed.number,
    )
    store = MongoOutbound(world.database)
    await store.claim([text], owner="test", lease=5)
    outcome = outcome_of(text, OutcomeStatus.HELD)
    await store.finish(seed.tenant_id, text.id, owner="test", outcome=outcome)
    return text


async def things_of(world: ConsoleWorld, seed: Seed) -> dict[str, str]:
    text = await held(world, seed)
    key = await make_key(world.database, Role.VIEWER, seed.tenant_id)
    holds = MongoConversationFacts(world.database)
    await holds.hold(
        seed.tenant_id, seed.number, text.remote, reason="loop_suspected", at=datetime.now(UTC)
    )
    return {
        "tenant_id": TENANT,
        "connection_id": seed.connection_id,
        "agent_id": seed.agent_id,
        "address": seed.number,
        "remote": text.remote,
        "message_id": text.id,
        "conversation_id": text.conversation_id,
        "key_id": key.split("_")[1],
    }


@pytest.fixture(scope="module")
async def houses(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Houses]:
    logs: Path = tmp_path_factory.mktemp("foreign")
    async with open_console(rabbit, mongo, logs) as world:
        seed = Seed(
            tenant_id=FOREIGN,
            agent_id="night-desk",
            connection_id="globex-acs",
            bus_user="globex.night",
            number="+18005550150",
            endpoint=world.simulator.url,
        )
        keys = MasterKeys.parse(world.master_key)
        await plant(seed, database=world.database, bus=world.bus, keys=keys)
        own, foreign = await things_of(world, world.seed), await things_of(world, seed)
        yield Houses(world, mongo.uri, own, foreign)


def body_of(route: Route, houses: Houses) -> dict[str, Any]:
    """What the route would carry out for a thing of one's own."""
    credentials = {"connection_string": houses.world.seed.connection_string}
    number = {
        "address": FREE_NUMBERS[0],
        "type": "toll_free",
        "agent_id": houses.own["agent_id"],
    }
    bodies: dict[str, dict[str, Any]] = {
        "NumberToAdd": number,
        "ConnectionToMake": {
            "name": "A second one",
            "provider": "acs",
            "parameters": credentials,
            "accept_opt_out": True,
            "numbers": [number],
        },
        "Credentials": {"parameters": credentials},
        "Rotation": {
            "parameter": "secondary_connection_string",
            "value": credentials["connection_string"],
        },
        "Confirmation": {"confirm": True},
        "Gate": {"on": True, "confirm": True},
        "Assignment": {"agent_id": houses.own["agent_id"]},
        "RuleChanges": {"daily_texts": 5},
        "FailoverToSet": {"connection_ids": []},
        "Move": {"connection_id": houses.own["connection_id"]},
        "Reject": {"reason": "No."},
        "Approve": {},
        "Word": {},
        "Agreement": {"note": "Agreed."},
    }
    named = route.body.__name__ if route.body is not None else ""
    return bodies.get(named, {"name": "Renamed"})


def form_of(houses: Houses) -> dict[str, str]:
    """Every field of the console's forms, so that none is missing."""
    number = {"type": "toll_free", "agent_id": houses.own["agent_id"]}
    return {
        "address": FREE_NUMBERS[0],
        **number,
        "connection_id": houses.own["connection_id"],
        "connection_string": houses.world.seed.connection_string,
        "parameter": "secondary_connection_string",
        "value": houses.world.seed.connection_string,
        "name": "Renamed",
        "version": "1",
        "on": "true",
        "active": "true",
        "confirm": "true",
        "body": "Other words.",
        "reason": "No.",
        "number": houses.own["address"],
        "remote": houses.own["remote"],
        "note": "Agreed.",
    }


def made_foreign(value: Any, foreign: dict[str, str]) -> Any:
    """The body with the foreign tenant's IDs where it names something."""
    if isinstance(value, dict):
        return {
            name: foreign[name] if name in REFERENCES else made_foreign(item, foreign)
            for name, item in value.items()
        }
    return [made_foreign(item, foreign) for item in value] if isinstance(value, list) else value


async def ask(houses: Houses, route: Route, parts: dict[str, str], **sent: Any) -> tuple[int, str]:
    path = _PART.sub(lambda part: parts[part[1]].replace("+", "%2B"), route.path)
    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession(headers=houses.world.headers(Role.ADMIN)) as http,
        http.request(
            route.method,
            f"{houses.world.url}{path}",
            headers={"If-Match": "*"},
            allow_redirects=False,
            **sent,
        ) as answer,
    ):
        return answer.status, await answer.text()


def content_of(houses: Houses, route: Route) -> dict[str, Any]:
    if not route.changes:
        return {}
    if route.surface is Surface.PAGE:
        return {"data": form_of(houses)}
    return {"json": body_of(route, houses)} if route.body is not None else {}


def told(item: Any) -> str:
    return f"{item.method} {item.path}" if isinstance(item, Route) else str(item)


@pytest.mark.parametrize(("route", "name"), IN_PATHS, ids=told)
async def test_a_foreign_id_in_a_path_is_not_there(houses: Houses, route: Route, name: str) -> None:
    parts = houses.own | {name: houses.foreign[name]}
    before = houses.fingerprint()
    status, text = await ask(houses, route, parts, **content_of(houses, route))
    assert status == 404, text
    assert houses.fingerprint() == before
    assert not [
        thing for thing in ("night-desk", "globex") if thing in text.replace(parts[name], "")
    ]


NAMING: Final = [
    route
    for route in ROUTES
    if route.body is not None and ({*route.body.model_fields} & {*REFERENCES, "numbers"})
]


def test_bodies_that_name_things_are_found() -> None:
    names = {route.body.__name__ for route in NAMING if route.body is not None}
    assert {"Assignment", "Move", "NumberToAdd", "ConnectionToMake"} <= names


@pytest.mark.parametrize("route", NAMING, ids=told)
async def test_a_foreign_id_in_a_body_is_not_there(houses: Houses, route: Route) -> None:
    before = houses.fingerprint()
    body = made_foreign(body_of(route, houses), houses.foreign)
    status, text = await ask(houses, route, houses.own, json=body)
    assert status in {404, 422}, text
    assert '"unknown_agent"' in text or '"not_found"' in text
    assert houses.fingerprint() == before


FORMS: Final = [
    route
    for route in CONSOLE_ROUTES
    if route.path.endswith(("/agent", "/move", "/connect", "/connections/{connection_id}/numbers"))
    and route.method == "POST"
]


def test_forms_that_name_things_are_found() -> None:
    assert len(FORMS) == 4, [told(route) for route in FORMS]


@pytest.mark.parametrize("route", FORMS, ids=told)
async def test_a_foreign_id_in_a_form_is_not_there(houses: Houses, route: Route) -> None:
    before = houses.fingerprint()
    form = form_of(houses) | {name: houses.foreign[name] for name in REFERENCES}
    status, text = await ask(houses, route, houses.own, data=form)
    assert status in {404, 422}, text[:300]
    assert houses.fingerprint() == before


async def test_what_is_asked_for_one_of_ones_own_is_carried_out(houses: Houses) -> None:
    """Or nothing above would tell anything."""
    (assign,) = [route for route in NAMING if route.body and route.body.__name__ == "Assignment"]
    status, _ = await ask(houses, assign, houses.own, json=body_of(assign, houses))
    assert status == 200
    assert houses.own["address"] == NUMBER
