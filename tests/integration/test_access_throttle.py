"""The throttle allows exactly its limit, over any number of replicas, and never who is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from access_world import AccessWorld, open_access, serving

from common.store.client import Database, open_database
from common.store.mongo_control_sessions import MongoSessions
from common.store.schema import THROTTLES
from health.access.door import Door
from health.access.secrets import new_key
from health.web.problems import Problem, ProblemCode


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[AccessWorld]:
    async with open_access(mongo_uri, mongo_database) as world:
        yield world


@pytest.fixture
async def other(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    """Another replica's client."""
    database = open_database(mongo_uri, mongo_database, 20)
    yield database
    database.close()


async def outcome(door: Door, key: str, source: str) -> ProblemCode | None:
    """Why a sign-in is refused; None where it is not."""
    try:
        await door.sign_in(key, source=source)
    except Problem as problem:
        return problem.code
    return None


async def test_two_replicas_together_allow_exactly_the_limit(
    world: AccessWorld, other: Database
) -> None:
    replicas = [MongoSessions(world.database), MongoSessions(other)]
    answers = await asyncio.gather(
        *(replicas[number % 2].hit("one", limit=7, window=60) for number in range(100))
    )
    assert answers.count(None) == 7
    assert all(0 < wait <= 60 for wait in answers if wait is not None)
    document = await world.database.collection(THROTTLES).find_one({"_id": "one"})
    assert document is not None
    assert len(document["tries"]) == 7, "a refused try is not kept"


async def test_the_window_slides(world: AccessWorld) -> None:
    sessions = world.sessions
    assert await sessions.hit("one", limit=2, window=2.0) is None
    await asyncio.sleep(1.0)
    assert await sessions.hit("one", limit=2, window=2.0) is None
    wait = await sessions.hit("one", limit=2, window=2.0)
    assert wait is not None
    assert wait < 1.1, "until the first has left the window, not until all have"
    await asyncio.sleep(wait + 0.01)
    assert await sessions.hit("one", limit=2, window=2.0) is None
    assert await sessions.hit("one", limit=2, window=2.0) is not None


async def test_a_replica_whose_clock_is_wrong_counts_as_exactly(
    world: AccessWorld, other: Database
) -> None:
    world.clock.ahead += world.clock.ahead.resolution * 10**12
    replicas = [world.sessions, MongoSessions(other)]
    answers = [await replicas[n % 2].hit("one", limit=3, window=60) for n in range(8)]
    assert answers.count(None) == 3


async def test_a_try_that_is_taken_back_was_none(world: AccessWorld) -> None:
    sessions = world.sessions
    for _ in range(10):
        assert await sessions.hit("one", limit=2, window=60) is None
        await sessions.forgive("one")
    await sessions.forgive("never-heard-of")
    assert await sessions.hit("one", limit=2, window=60) is None
    assert await sessions.hit("two", limit=1, window=60) is None, "names do not share a count"


async def test_one_address_tries_as_many_keys_as_it_may_and_no_more(
    world: AccessWorld,
) -> None:
    doors = [world.door(health_wrong_tries_per_address=5) for _ in range(2)]
    tries = [outcome(doors[n % 2], new_key().text, "10.0.0.1") for n in range(30)]
    results = await asyncio.gather(*tries)
    assert results.count(ProblemCode.UNAUTHENTICATED) == 5
    assert results.count(ProblemCode.THROTTLED) == 25
    elsewhere = await outcome(doors[0], new_key().text, "10.0.0.2")
    assert elsewhere is ProblemCode.UNAUTHENTICATED
    assert len(await world.trail("key.refused")) == 6, "throttled tries fill no trail"


async def test_what_is_no_key_at_all_counts_as_a_try(world: AccessWorld) -> None:
    door = world.door(health_wrong_tries_per_address=3)
    results = [await outcome(door, "password", "10.0.0.1") for _ in range(4)]
    assert results == [ProblemCode.UNAUTHENTICATED] * 3 + [ProblemCode.THROTTLED]
    with pytest.raises(Problem) as caught:
        await door.sign_in_with_ticket("made up", source="10.0.0.1")
    assert caught.value.code is ProblemCode.THROTTLED


async def test_one_key_is_guessed_at_as_often_as_it_may_from_all_addresses_together(
    world: AccessWorld,
) -> None:
    record, _ = await world.key()
    doors = [world.door(health_wrong_tries_per_key=4) for _ in range(2)]
    wrong = [f"hg_{record.id}_{new_key().text[-43:]}" for _ in range(20)]
    results = await asyncio.gather(
        *(outcome(doors[n % 2], key, f"10.0.1.{n}") for n, key in enumerate(wrong))
    )
    assert results.count(ProblemCode.UNAUTHENTICATED) == 4
    assert results.count(ProblemCode.THROTTLED) == 16


async def test_who_is_right_is_never_throttled_by_that(world: AccessWorld) -> None:
    _, key = await world.key()
    for _ in range(8):
        world.hashing._right.clear()
        door = world.door(health_wrong_tries_per_address=2, health_wrong_tries_per_key=2)
        assert await outcome(door, key, "10.0.0.1") is None


async def test_a_key_that_is_at_work_is_not_shut_out_by_others_guesses(
    world: AccessWorld,
) -> None:
    record, key = await world.key()
    door = world.door(health_wrong_tries_per_key=2)
    assert await outcome(door, key, "10.0.0.1") is None
    for _ in range(4):
        await outcome(door, f"hg_{record.id}_{new_key().text[-43:]}", "6.6.6.6")
    assert await outcome(door, key, "10.0.0.1") is None


async def test_a_forgotten_program_with_a_revoked_key_does_not_lock_out_its_neighbours(
    world: AccessWorld,
) -> None:
    _, good = await world.key()
    forgotten = new_key().text
    async with serving(world, world.door()):
        tried = [
            (await world.ask(headers={"Authorization": f"Bearer {forgotten}"}))[0]
            for _ in range(30)
        ]
        assert tried == [401] * 10 + [429] * 20
        assert (await world.ask(headers={"Authorization": f"Bearer {good}"}))[0] == 200


async def test_a_throttled_call_is_told_when_to_come_again(world: AccessWorld) -> None:
    door = world.door(health_wrong_tries_per_key=1, health_wrong_tries_window=30)
    async with serving(world, door):
        call = {"headers": {"Authorization": f"Bearer {new_key().text}"}}
        assert (await world.ask(**call))[0] == 401
        async with world.http.get(f"{world.url}/who", **call) as answer:
            assert answer.status == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= 30
