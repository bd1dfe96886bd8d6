"""The day's run is done once, by one replica, whatever happens to the others."""

import asyncio
from datetime import datetime, timedelta

import pytest
from health_world import World

from common.providers.port import Unhealthy

STILL = asyncio.Event  # a service that is not told to stop


@pytest.fixture
def world() -> World:
    return World()


async def test_two_replicas_check_each_connection_once(world: World) -> None:
    await world.connect(*(f"c{n}" for n in range(10)))
    due = world.time
    done = await asyncio.gather(
        world.daily(replica="a").attempt(due, STILL()),
        world.daily(replica="b").attempt(due, STILL()),
    )
    assert sorted(done) == [False, True]
    assert sorted(world.provider.calls) == [f"c{n}" for n in range(10)]


async def test_a_day_that_is_done_is_not_done_again_not_even_by_the_same_name(
    world: World,
) -> None:
    await world.connect("c1")
    due = world.time
    assert await world.daily().attempt(due, STILL())
    world.time += timedelta(hours=20) - timedelta(minutes=1)
    await world.connect("new")
    assert not await world.daily().attempt(due, STILL())
    assert world.provider.calls == ["c1"]


async def test_the_next_day_is_another_run(world: World) -> None:
    await world.connect("c1")
    assert await world.daily().attempt(world.time, STILL())
    world.time += timedelta(days=1)
    assert await world.daily().attempt(world.time, STILL())
    assert world.provider.calls == ["c1", "c1"]


async def test_another_replica_finishes_what_a_dead_one_began(world: World) -> None:
    await world.connect("a", "b", "c")
    due = world.time
    world.provider.go.clear()
    world.provider.waiting = frozenset({"b"})
    killed = asyncio.create_task(world.daily(concurrency=1).attempt(due, STILL()))
    await world.provider.called.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    world.provider.go.set()

    other = world.daily(replica="other", lease=60)
    assert not await other.attempt(due, STILL()), "the lease of the dead one still runs"
    world.time += timedelta(seconds=61)
    assert await other.attempt(due, STILL())
    assert world.provider.calls == ["a", "b", "b", "c"]


async def test_a_replica_that_stops_gives_the_rest_to_another_at_once(world: World) -> None:
    await world.connect("a", "b")
    due, stopping = world.time, asyncio.Event()
    world.provider.go.clear()
    running = asyncio.create_task(world.daily(concurrency=1).attempt(due, stopping))
    await world.provider.called.wait()
    stopping.set()
    world.provider.go.set()
    assert not await running
    assert world.provider.calls == ["a"]
    assert await world.daily(replica="other").attempt(due, STILL())
    assert world.provider.calls == ["a", "b"]


async def test_a_run_with_a_lost_result_is_not_done(world: World) -> None:
    await world.connect("a")
    due = world.time
    world.provider.answers["a"] = [Unhealthy("Refused.")]
    refusing = world.connections.set_status

    async def broken(*_: object, **__: object) -> bool:
        raise RuntimeError("the document was refused")

    world.connections.set_status = broken  # type: ignore[method-assign] # breaks one call
    assert not await world.daily().attempt(due, STILL())
    world.connections.set_status = refusing  # type: ignore[method-assign] # mends it
    assert await world.daily().attempt(due, STILL())
    assert (await world.record("a")).error == "Refused."


async def test_a_replica_that_lost_its_lease_begins_no_further_check(world: World) -> None:
    await world.connect("a", "b")
    due = world.time
    world.provider.go.clear()
    running = asyncio.create_task(world.daily(concurrency=1, lease=0.003).attempt(due, STILL()))
    await world.provider.called.wait()
    [name] = world.memory.leases
    world.memory.leases[name] |= {"owner": "other", "until": due + timedelta(hours=1)}
    refused = asyncio.Event()
    acquire = world.leases.acquire

    async def noted(name: str, *, owner: str, seconds: float) -> bool:
        got = await acquire(name, owner=owner, seconds=seconds)
        if not got:
            refused.set()
        return got

    world.leases.acquire = noted  # type: ignore[method-assign] # listens in
    await refused.wait()
    world.provider.go.set()
    assert not await running
    assert world.provider.calls == ["a"]
    assert world.memory.leases[name]["owner"] == "other"


@pytest.fixture
def no_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, float]]:
    """Pauses take no time: they move the clock and are noted, with the instant they begin."""
    pauses: list[tuple[datetime, float]] = []

    async def pause(stopping: asyncio.Event, seconds: float) -> None:
        pauses.append((world.time, seconds))
        world.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)
        if world.time > datetime.fromisoformat("2025-03-12T00:00:00Z"):
            stopping.set()

    monkeypatch.setattr("health.daily._sleep", pause)
    return pauses


def checks_noted(world: World) -> list[str]:
    """The instants of the checks to come."""
    instants: list[str] = []
    world.provider.on_call = lambda _: instants.append(world.time.isoformat(timespec="minutes"))
    return instants


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("started", "checked"),
    [
        ("2025-03-10T03:00Z", ["2025-03-10T04:00+00:00", "2025-03-11T04:00+00:00"]),
        ("2025-03-10T04:00Z", ["2025-03-10T04:00+00:00", "2025-03-11T04:00+00:00"]),
        ("2025-03-10T23:59Z", ["2025-03-10T23:59+00:00", "2025-03-11T04:00+00:00"]),
    ],
)
async def test_the_run_comes_at_its_time_or_at_the_next_start_of_the_day(
    world: World, started: str, checked: list[str]
) -> None:
    world.time = datetime.fromisoformat(started)
    await world.connect("c1")
    instants = checks_noted(world)
    await world.daily().run(asyncio.Event())
    assert instants == checked


@pytest.mark.usefixtures("no_waiting")
async def test_a_run_that_found_the_store_away_is_tried_again(world: World) -> None:
    await world.connect("c1")
    world.memory.away = True
    instants = checks_noted(world)
    daily = world.daily(lease=60)
    running = asyncio.create_task(daily.run(asyncio.Event()))
    for _ in range(3):
        await asyncio.sleep(0)
    world.memory.away = False
    await running
    assert len(instants) == 2
    assert instants[0] > "2025-03-10T04:00"
    assert instants[1] == "2025-03-11T04:00+00:00"


async def test_a_stop_ends_the_wait_for_the_next_run(world: World) -> None:
    world.time = world.time.replace(hour=3)
    stopping = asyncio.Event()
    running = asyncio.create_task(world.daily().run(stopping))
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(running, 5)
    assert world.provider.calls == []
