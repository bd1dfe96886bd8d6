"""The door lets in whom the store says, and nobody a moment longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from access_world import HERE, TENANT, AccessWorld, open_access, serving
from aiohttp import web

from common.store.control_ports import NotFound
from common.store.schema import KEYS, SESSIONS, TICKETS
from health.access.door import Door
from health.access.first_key import SYSTEM_PRINCIPAL
from health.access.roles import Role
from health.access.secrets import new_key, new_token
from health.web.problems import Problem, ProblemCode


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[AccessWorld]:
    async with open_access(mongo_uri, mongo_database) as world, serving(world, world.door()):
        yield world


def bearer(key: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {key}"}}


def cookie(value: str, **headers: str) -> dict[str, Any]:
    return {"headers": {"Cookie": f"{Door.COOKIE}={value}", **headers}}


async def everything(world: AccessWorld) -> str:
    names = (KEYS, SESSIONS, TICKETS, "audit", "throttles")
    found = [await world.database.collection(name).find().to_list(None) for name in names]
    return str(found)


@pytest.mark.parametrize("role", Role)
async def test_a_key_lets_its_holder_in_with_its_role_and_tenant(
    world: AccessWorld, role: Role
) -> None:
    record, key = await world.key(role)
    status, who = await world.ask(**bearer(key))
    tenant_id = None if role is Role.OPERATOR else TENANT
    assert (status, who) == (200, {"id": record.id, "role": role, "tenant_id": tenant_id})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer  "},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic aGc6aGc="},
        {"Cookie": "heliograph_session="},
        {"Cookie": "heliograph_session=nonsense"},
    ],
)
async def test_who_proves_nothing_is_nobody(world: AccessWorld, headers: dict[str, str]) -> None:
    status, problem = await world.ask(headers=headers)
    assert (status, problem["code"]) == (401, "unauthenticated")


async def test_a_header_counts_before_a_cookie(world: AccessWorld) -> None:
    _, key = await world.key()
    signed_in = await world.door().sign_in(key, source=HERE)
    session = cookie(signed_in.cookie)
    assert (await world.ask(**session))[0] == 200
    session["headers"]["Authorization"] = "Bearer wrong"
    assert (await world.ask(**session))[0] == 401


async def test_a_revoked_key_is_of_no_use_at_once_though_it_was_just_used(
    world: AccessWorld,
) -> None:
    record, key = await world.key()
    signed_in = await world.door().sign_in(key, source=HERE)
    ticket = await world.door().make_ticket(record.id)
    assert (await world.ask(**bearer(key)))[0] == 200
    await world.desk.revoke(TENANT, record.id, by=SYSTEM_PRINCIPAL)
    assert (await world.ask(**bearer(key)))[0] == 401
    assert (await world.ask(**cookie(signed_in.cookie)))[0] == 401
    assert await world.database.collection(SESSIONS).count_documents({}) == 0
    for attempt in (
        world.door().sign_in(key, source=HERE),
        world.door().sign_in_with_ticket(ticket, source=HERE),
    ):
        with pytest.raises(Problem) as caught:
            await attempt
        assert caught.value.code is ProblemCode.UNAUTHENTICATED


async def test_a_session_outlives_no_revocation_even_if_it_began_meanwhile(
    world: AccessWorld,
) -> None:
    record, key = await world.key()
    signed_in = await world.door().sign_in(key, source=HERE)
    now = datetime.now(UTC)
    await world.database.collection(KEYS).update_one(
        {"_id": record.id}, {"$set": {"revoked_at": now}}
    )
    assert (await world.ask(**cookie(signed_in.cookie)))[0] == 401


async def test_a_key_ends_when_it_expires_and_its_sessions_with_it(world: AccessWorld) -> None:
    _, key = await world.key(expires_at=datetime.now(UTC) + timedelta(hours=1))
    signed_in = await world.door().sign_in(key, source=HERE)
    assert (await world.ask(**bearer(key)))[0] == 200
    world.clock.ahead = timedelta(hours=1)
    assert (await world.ask(**bearer(key)))[0] == 401
    assert (await world.ask(**cookie(signed_in.cookie)))[0] == 401


async def test_a_session_ends_after_its_lifetime_however_much_it_is_used(
    world: AccessWorld,
) -> None:
    _, key = await world.key()
    signed_in = await world.door(health_session_hours=2).sign_in(key, source=HERE)
    for minutes in (1, 60, 119):
        world.clock.ahead = timedelta(minutes=minutes)
        assert (await world.ask(**cookie(signed_in.cookie)))[0] == 200
    world.clock.ahead = timedelta(minutes=121)
    assert (await world.ask(**cookie(signed_in.cookie)))[0] == 401


async def test_signing_out_ends_the_session_and_no_other(world: AccessWorld) -> None:
    _, key = await world.key()
    door = world.door()
    one, other = [await door.sign_in(key, source=HERE) for _ in range(2)]
    await door.sign_out(one.principal)
    assert (await world.ask(**cookie(one.cookie)))[0] == 401
    assert (await world.ask(**cookie(other.cookie)))[0] == 200
    assert (await world.ask(**bearer(key)))[0] == 200


async def test_an_api_call_pays_for_the_hash_once(world: AccessWorld) -> None:
    _, key = await world.key()
    first = await asyncio.gather(*(world.ask(**bearer(key)) for _ in range(30)))
    assert {status for status, _ in first} == {200}
    for _ in range(3):
        assert (await world.ask(**bearer(key)))[0] == 200
    assert world.hashing.computed == 1


async def test_a_wrong_secret_of_an_unknown_key_is_hashed_too(world: AccessWorld) -> None:
    record, _ = await world.key()
    for key_id in (record.id, new_key().id):
        before = world.hashing.computed
        wrong = f"hg_{key_id}_{new_key().text[-43:]}"
        status, problem = await world.ask(**bearer(wrong))
        assert (status, problem["detail"]) == (401, "The key is wrong, was revoked or has expired.")
        assert world.hashing.computed == before + 1


async def test_the_store_holds_nothing_that_lets_its_reader_in(world: AccessWorld) -> None:
    record, key = await world.key()
    door = world.door()
    signed_in = await door.sign_in(key, source=HERE)
    ticket = await door.make_ticket(record.id)
    stored = await everything(world)
    for secret in (key, key.split("_", 2)[2], signed_in.cookie, ticket):
        assert secret not in stored


async def test_a_ticket_opens_one_session(world: AccessWorld) -> None:
    record, _ = await world.key(Role.OPERATOR)
    door = world.door()
    ticket = await door.make_ticket(record.id)
    tries = [door.sign_in_with_ticket(ticket, source=HERE) for _ in range(5)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    opened = [result for result in results if not isinstance(result, BaseException)]
    assert len(opened) == 1
    assert opened[0].principal.id == record.id
    assert (await world.ask(**cookie(opened[0].cookie)))[0] == 200


async def test_a_ticket_is_of_no_use_after_its_time_nor_is_one_made_up(
    world: AccessWorld,
) -> None:
    record, _ = await world.key()
    door = world.door()
    late = await door.make_ticket(record.id, seconds=60)
    world.clock.ahead = timedelta(seconds=61)
    for ticket in (late, new_token(), "", "\udc80"):
        with pytest.raises(Problem) as caught:
            await door.sign_in_with_ticket(ticket, source=HERE)
        assert caught.value.code is ProblemCode.UNAUTHENTICATED


async def test_a_change_needs_the_token_of_its_own_session(world: AccessWorld) -> None:
    _, key = await world.key()
    door = world.door()
    mine, other = [await door.sign_in(key, source=HERE) for _ in range(2)]
    sent = [
        (cookie(mine.cookie), 403),
        (cookie(mine.cookie, **{"X-CSRF-Token": other.csrf}), 403),
        (cookie(mine.cookie, **{"X-CSRF-Token": mine.csrf + "x"}), 403),
        (cookie(mine.cookie) | {"data": {"csrf": other.csrf}}, 403),
        (cookie(mine.cookie) | {"json": {"csrf": mine.csrf}}, 403),
        (cookie(mine.cookie, **{"X-CSRF-Token": mine.csrf}), 200),
        (cookie(mine.cookie) | {"data": {"csrf": mine.csrf}}, 200),
    ]
    assert [(await world.ask("POST", **one))[0] for one, _ in sent] == [code for _, code in sent]


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_for_the_browser_alone(world: AccessWorld, secure: bool) -> None:
    _, key = await world.key()
    door = world.door(health_secure_cookies=secure)
    signed_in = await door.sign_in(key, source=HERE)
    response = web.Response()
    door.keep(response, signed_in)
    made = response.cookies[Door.COOKIE]
    assert (made.value, made["path"], made["domain"]) == (signed_in.cookie, "/", "")
    assert (made["httponly"], made["samesite"], bool(made["secure"])) == (True, "Lax", secure)
    assert int(made["max-age"]) == 12 * 3600
    door.forget(response)
    assert response.cookies[Door.COOKIE].value == ""


async def test_every_sign_in_is_on_record_refused_ones_too(world: AccessWorld) -> None:
    record, key = await world.key()
    door = world.door()
    signed_in = await door.sign_in(key, source=HERE)
    await door.sign_out(signed_in.principal)
    wrong = key[:-4] + ("AAAA" if not key.endswith("AAAA") else "BBBB")
    for text in (wrong, "nonsense"):
        with pytest.raises(Problem):
            await door.sign_in(text, source=HERE)
    [entry] = await world.trail("key.signed_in")
    assert (entry.tenant_id, entry.target, entry.actor.id) == (TENANT, record.id, record.id)
    [entry] = await world.trail("key.signed_out")
    assert (entry.tenant_id, entry.target) == (TENANT, record.id)
    unknown, known = await world.trail("key.refused")
    assert (known.tenant_id, known.target) == (TENANT, record.id)
    assert (unknown.tenant_id, unknown.target) == (None, "")
    assert HERE in (known.note or "")
    stored = await everything(world)
    assert wrong not in stored
    assert "nonsense" not in stored


async def test_the_use_of_a_key_is_noted_once_a_minute(world: AccessWorld) -> None:
    record, key = await world.key()
    seen = []
    for seconds in (0, 30, 59, 61, 90):
        world.clock.ahead = timedelta(seconds=seconds)
        assert (await world.ask(**bearer(key)))[0] == 200
        found = await world.keys.get(record.id)
        assert found is not None
        seen.append(found.last_used_at)
    assert seen[0] is not None
    assert seen[0] == seen[1] == seen[2] < seen[3] == seen[4]


async def test_keys_are_listed_by_page_newest_first_and_only_the_tenants_own(
    world: AccessWorld,
) -> None:
    made = []
    for number in range(5):
        world.clock.ahead = timedelta(seconds=number // 2)
        made.append((await world.key(Role.VIEWER))[0])
    await world.key(Role.OPERATOR)
    listed, cursor = [], None
    while True:
        page = await world.desk.list(TENANT, limit=2, cursor=cursor)
        listed += page.items
        cursor = page.next
        if cursor is None:
            break
    assert len(listed) == 5
    assert {key.id for key in listed} == {key.id for key in made}
    instants = [key.created_at for key in listed]
    assert instants == sorted(instants, reverse=True)
    assert [key.role for key in (await world.desk.list(None, limit=9)).items] == ["operator"]


async def test_a_foreign_key_cannot_be_revoked_and_is_not_there(world: AccessWorld) -> None:
    record, key = await world.key()
    for tenant_id in ("globex", None):
        with pytest.raises(NotFound):
            await world.desk.revoke(tenant_id, record.id, by=SYSTEM_PRINCIPAL)
    assert (await world.ask(**bearer(key)))[0] == 200


async def test_a_key_of_no_tenant_is_not_made(world: AccessWorld) -> None:
    with pytest.raises(NotFound):
        await world.desk.make(
            "nowhere", name="x", role=Role.VIEWER, expires_at=None, by=SYSTEM_PRINCIPAL
        )
    assert await world.database.collection(KEYS).count_documents({}) == 0


async def test_making_and_revoking_a_key_is_on_record_once_and_without_its_hash(
    world: AccessWorld,
) -> None:
    record, _ = await world.key()
    for _ in range(2):
        revoked = await world.desk.revoke(TENANT, record.id, by=SYSTEM_PRINCIPAL)
        assert revoked.revoked_at is not None
    [made] = await world.trail("key.created")
    [ended] = await world.trail("key.revoked")
    assert made.after == {"name": "the admin", "role": "admin", "expires_at": None}
    assert (ended.tenant_id, ended.target) == (TENANT, record.id)
    assert "argon2" not in f"{made}{ended}"
