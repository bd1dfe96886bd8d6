"""The API's reading half over the real store: what it answers, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from conformance.store_world import LEASE, NUMBER, REMOTE, new_outbound, new_text, outcome_of

from common.bus.messages import BusUnavailable
from common.metrics import Metrics
from common.store.client import Database, open_database
from common.store.control import SYSTEM, Actor, Page
from common.store.mongo_audit import MongoAudit
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.schema import ensure_schema
from health.access.roles import Principal, Role
from health.api import audit, conversations, dead_letters, events, executions, messages, overview
from health.desk.dead_letters import DeadLetterDesk
from health.desk.live import Live
from health.desks import Desks
from health.web.problems import Problem
from health.web.serve import Server
from heliograph.models import OutcomeStatus

PARTS = (audit, conversations, dead_letters, events, executions, messages, overview)
ACME = "/api/v1/tenants/acme"


class Door:
    """Lets in whoever says who they are: `Bearer <role>@<tenant>`."""

    async def identify(self, request: web.Request) -> Principal:
        role, _, tenant_id = request.headers["Authorization"].removeprefix("Bearer ").partition("@")
        return Principal(kind="key", id="k", name="n", role=Role(role), tenant_id=tenant_id or None)


class Nothing:
    """No tenants, no agents, no connections; and a broker that is away."""

    async def list(self, *_: object, **__: object) -> Page[Any]:
        return Page(())

    async def get(self, *_: object) -> None:
        return None

    async def count(self, _: object) -> dict[str, int]:
        raise BusUnavailable("away")

    async def look(self, _: str, *, limit: int) -> list[Any]:
        raise BusUnavailable("away")


async def plain(_: web.Request, problem: Problem, __: Principal | None) -> web.Response:
    return problem.response()


class Api:
    def __init__(self, session: aiohttp.ClientSession, url: str):
        self._session, self._url = session, url

    async def get(
        self, path: str, who: str = "viewer@acme", status: int = 200, **query: str | int
    ) -> Any:
        headers = {"Authorization": f"Bearer {who}"}
        parameters = {name: str(value) for name, value in query.items()}
        async with self._session.get(
            self._url + path, headers=headers, params=parameters
        ) as answer:
            body = await answer.json(content_type=None)
            assert answer.status == status, body
            return body


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    reading, nothing = MongoReading(database), Nothing()
    live = Live(reading)
    desks = SimpleNamespace(
        door=Door(),
        reading=reading,
        executions=MongoExecutions(database),
        audit=MongoAudit(database),
        connections=nothing,
        live=live,
        dead_letters=DeadLetterDesk(nothing, nothing, nothing),
    )
    app = web.Application()
    routes = [route for part in PARTS for route in part.ROUTES]
    Server(cast("Desks", desks), routes, Metrics(), plain).add_to(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running = asyncio.create_task(live.run())
    async with aiohttp.ClientSession() as session:
        yield Api(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await live.close()
    await running
    await runner.cleanup()


@pytest.fixture
async def talk(database: Database) -> tuple[str, str]:
    """An inbound text and its held answer, of acme; returns their IDs."""
    text, answer = new_text(), new_outbound(in_reply_to=new_text().id, body="canary answer")
    await MongoInbound(database).record(
        [text, new_text(tenant_id="other")], owner="one", lease=LEASE
    )
    outbound = MongoOutbound(database)
    await outbound.claim([answer], owner="one", lease=LEASE)
    outcome = outcome_of(answer, OutcomeStatus.HELD)
    await outbound.finish("acme", answer.id, owner="one", outcome=outcome)
    return text.id, answer.id


async def test_conversations_are_read_from_list_to_thread(api: Api, talk: tuple[str, str]) -> None:
    listed = await api.get(f"{ACME}/conversations", remote=REMOTE.removeprefix("+"), number=NUMBER)
    (found,) = (await api.get(f"{ACME}/conversations"))["items"]
    assert listed["items"] == [found]
    assert (found["number"], found["remote"], found["held"]) == (NUMBER, REMOTE, 1)
    path = f"{ACME}/conversations/{found['id']}"
    assert await api.get(path) == found
    first = await api.get(f"{path}/messages", limit=1)
    second = await api.get(f"{path}/messages", limit=1, cursor=first["next"])
    assert {item["id"] for item in (*first["items"], *second["items"])} == set(talk)
    assert second["next"] is None
    await api.get(f"{ACME}/conversations/{'0' * 32}", status=404)
    await api.get(f"{ACME}/conversations/{'0' * 32}/messages", status=404)


async def test_messages_are_searched_and_read(api: Api, talk: tuple[str, str]) -> None:
    _, answer = talk
    (held,) = (await api.get(f"{ACME}/messages", state="held"))["items"]
    assert (held["id"], held["body"], held["at"][-1]) == (answer, "canary answer", "Z")
    assert await api.get(f"{ACME}/messages/{answer}") == held
    for bad in (
        {"state": "Held"},
        {"since": "2026-01-01T00:00:00"},
        {"until": "0001-01-01T00:00:00+23:59"},
        {"limit": 0},
        {"colour": "red"},
    ):
        problem = await api.get(f"{ACME}/messages", status=422, **bad)  # type: ignore[arg-type]
        assert set(problem["fields"]) == set(bad)
    assert (await api.get(f"{ACME}/messages", status=400, cursor="x"))["code"] == "bad_cursor"


async def test_an_execution_tells_the_life_of_a_text_without_its_words(
    api: Api, talk: tuple[str, str]
) -> None:
    text, answer = talk
    execution = await api.get(f"{ACME}/messages/{text}/execution")
    assert [step["what"] for step in execution["steps"]][-1] == "held"
    assert (await api.get(f"{ACME}/executions"))["items"] == [execution]
    assert "canary" not in str(execution)
    assert "text 1" not in str(execution)
    await api.get(f"{ACME}/messages/{answer}/execution", status=404)


async def test_the_overview_counts_what_needs_a_person(api: Api, talk: tuple[str, str]) -> None:
    view = await api.get(f"{ACME}/overview", hours=48)
    assert (view["held"], view["errors"], view["connections"]) == (1, 0, [])


async def test_the_audit_trail_is_the_admins_and_that_of_all_the_operators(
    api: Api, database: Database
) -> None:
    trail = MongoAudit(database)
    for tenant_id in ("acme", "other", None):
        await trail.append(tenant_id=tenant_id, actor=SYSTEM, action="key.used", target="k")
    await api.get(f"{ACME}/audit", status=403)
    (entry,) = (await api.get(f"{ACME}/audit", who="admin@acme", action="key.used"))["items"]
    assert (entry["tenant_id"], entry["actor"]["kind"]) == ("acme", "system")
    await api.get("/api/v1/audit", who="admin@acme", status=403)
    everything = await api.get("/api/v1/audit", who="operator", limit=2)
    assert [item["tenant_id"] for item in everything["items"]] == [None, "other"]
    rest = await api.get("/api/v1/audit", who="operator", limit=2, cursor=everything["next"])
    assert [item["tenant_id"] for item in rest["items"]] == ["acme"]


async def test_dead_letters_are_the_operators_and_need_the_broker(api: Api) -> None:
    await api.get("/api/v1/dead-letters", who="admin@acme", status=403)
    await api.get("/api/v1/dead-letters", who="operator", status=503)
    await api.get("/api/v1/dead-letters/sender.commands", who="operator", status=404)
    await api.get("/api/v1/dead-letters/dead.sender.commands", who="operator", status=503)


async def test_a_foreign_tenant_does_not_exist(api: Api, talk: tuple[str, str]) -> None:
    text, _ = talk
    for part in PARTS:
        for route in part.ROUTES:
            if route.of_tenant:
                path = route.path.format(tenant_id="acme", message_id=text, conversation_id="c")
                await api.get(path, who="admin@other", status=404)
    await api.get(f"/api/v1/tenants/other/messages/{text}", who="admin@other", status=404)


async def test_what_is_listed_is_narrowed_by_person_time_and_state(
    api: Api, database: Database, talk: tuple[str, str]
) -> None:
    long_ago, ever = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
    person = REMOTE.removeprefix("+")
    for name in ("conversations", "executions"):
        path = f"{ACME}/{name}"
        for found in ({"since": long_ago, "until": ever}, {"remote": person, "number": NUMBER}):
            assert len((await api.get(path, **found))["items"]) == 1
        for nothing in ({"until": long_ago}, {"since": ever}, {"remote": "15550299999"}):
            assert (await api.get(path, **nothing))["items"] == []
        problem = await api.get(path, status=422, since="yesterday")
        assert set(problem["fields"]) == {"since"}
    conversations = f"{ACME}/conversations"
    assert len((await api.get(conversations, state="held"))["items"]) == 1
    assert (await api.get(conversations, state="opted_out"))["items"] == []
    await api.get(conversations, state="happy", status=422)

    trail = MongoAudit(database)
    ada = Actor(kind="key", id="k7", name="Ada", role="admin")
    for actor in (SYSTEM, ada):
        await trail.append(tenant_id="acme", actor=actor, action="key.used", target="k")
    audit_path = f"{ACME}/audit"
    for actor_name in ("Ada", "k7"):
        (entry,) = (await api.get(audit_path, who="admin@acme", actor=actor_name))["items"]
        assert entry["actor"]["name"] == "Ada"
    assert (await api.get(audit_path, who="admin@acme", actor="A"))["items"] == []
    both = await api.get(audit_path, who="admin@acme", since=long_ago, until=ever, limit=1)
    rest = await api.get(audit_path, who="admin@acme", since=long_ago, cursor=both["next"])
    assert [it["actor"]["name"] for it in (*both["items"], *rest["items"])] == ["Ada", "Heliograph"]
    for nothing in ({"until": long_ago}, {"since": ever}):
        assert (await api.get(audit_path, who="admin@acme", **nothing))["items"] == []
    exactly = {"since": entry["at"], "until": entry["at"]}
    found_at = (await api.get(audit_path, who="admin@acme", actor="Ada", **exactly))["items"]
    assert found_at == [entry]
