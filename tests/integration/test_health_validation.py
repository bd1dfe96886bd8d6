"""The validation against the real store and broker and a simulated provider."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from validation_world import (
    PATIENCE,
    TENANT,
    Listener,
    World,
    canary_key,
    ready,
    runtime,
    said,
    until,
)

from common.secrets import generate_master_key
from common.store.client import open_database
from common.store.mongo_connections import MongoLeases
from common.store.records import ConnectionStatus
from health.app import serve, validate_once
from local.simulator import Simulator

ACTIVE, ERROR, DISCONNECTED = ConnectionStatus


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str, vhost_url: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 10)
    async with Simulator(access_key=canary_key(), numbers=["+18005550100"]) as sim:
        yield World(sim, database, mongo_uri, mongo_database, vhost_url)
    database.close()


@pytest.fixture
async def listener(vhost_url: str) -> AsyncIterator[Listener]:
    hears = Listener(vhost_url)
    await hears.start()
    yield hears
    await hears.close()


async def test_a_revoked_key_becomes_an_error_and_a_restored_one_clears_it(
    world: World, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.connect("c1")
    settings = world.settings()

    world.sim.fault("key_revoked")
    assert await validate_once(settings) == 1
    event, record = await listener.next(), await world.record()
    assert (event.tenant_id, event.connection_id) == (TENANT, "c1")
    assert record.status is ERROR
    assert record.error
    assert record.error in capsys.readouterr().out

    assert await validate_once(settings) == 1
    assert await world.record() != record, "the instant of the check is recorded"

    world.sim.clear_faults()
    assert await validate_once(settings) == 0
    event, record = await listener.next(), await world.record()
    assert event.connection_id == "c1"
    assert (record.status, record.error) == (ACTIVE, None)
    assert listener.waiting == 0, "what did not change is not announced"


async def test_a_validation_sends_no_text(world: World) -> None:
    await world.connect("c1")
    assert await validate_once(world.settings()) == 0
    [call] = world.sim.sends
    assert call["recipients"] == []


async def test_a_provider_that_cannot_be_asked_changes_nothing_and_exits_with_2(
    world: World, listener: Listener
) -> None:
    await world.connect("c1")
    world.sim.fault("error_before_accept")
    assert await validate_once(world.settings()) == 2
    record = await world.record()
    assert (record.status, record.error) == (ACTIVE, None)
    assert record.checked_at
    assert len(world.sim.sends) == 2, "it is asked a second time"
    assert listener.waiting == 0


async def test_the_wrong_master_key_leaves_the_connection_active_without_a_call(
    world: World,
) -> None:
    await world.connect("c1")
    assert await validate_once(world.settings(master_key=generate_master_key())) == 2
    record = await world.record()
    assert (record.status, record.error) == (ACTIVE, None)
    assert world.sim.sends == []
    assert await validate_once(world.settings()) == 0
    assert (await world.record()).status is ACTIVE


async def test_a_connection_disconnected_during_its_check_stays_disconnected(
    world: World, listener: Listener
) -> None:
    await world.connect("c1")
    world.sim.fault("slow", seconds=1.0)
    running = asyncio.create_task(validate_once(world.settings()))
    await world.sim.wait_for("send", 1, timeout=PATIENCE)
    await world.disconnect("c1")
    before = await world.record()
    assert await running == 0
    assert await world.record() == before
    assert before.status is DISCONNECTED
    assert listener.waiting == 0


async def test_without_a_broker_the_result_is_recorded(world: World) -> None:
    await world.connect("c1")
    world.sim.fault("key_revoked")
    process = await world.start("--once", rabbitmq_url="amqp://127.0.0.1:1/")
    await process.communicate()
    assert process.returncode == 1
    assert (await world.record()).status is ERROR


async def test_without_a_store_nothing_could_be_checked(world: World) -> None:
    process = await world.start(
        "--once", mongodb_uri="mongodb://127.0.0.1:1/", mongodb_timeout="0.3"
    )
    out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert b"nothing could be checked" in err


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when a replica of this process asks for a lease and does not get it."""
    event, acquire = asyncio.Event(), MongoLeases.acquire

    async def noted(self: MongoLeases, name: str, *, owner: str, seconds: float) -> bool:
        got = await acquire(self, name, owner=owner, seconds=seconds)
        if not got:
            event.set()
        return got

    monkeypatch.setattr(MongoLeases, "acquire", noted)
    return event


async def test_two_replicas_at_the_same_time_check_each_connection_once(
    world: World, refused: asyncio.Event
) -> None:
    await world.connect(*(f"c{n}" for n in range(24)))
    replicas = [runtime("a"), runtime("b")]
    services = [asyncio.create_task(serve(world.settings(), replica)) for replica in replicas]
    async with asyncio.timeout(PATIENCE):
        await refused.wait()
    await until(world.all_checked)
    for replica in replicas:
        await until(ready(replica))
        replica.stopping.set()
    await asyncio.gather(*services)
    assert len(world.sim.sends) == 24


async def test_a_replica_that_starts_after_the_run_does_nothing(
    world: World, refused: asyncio.Event
) -> None:
    await world.connect("c1")
    first = await world.start()
    await said(first, "bus.up")
    await until(world.all_checked)
    first.send_signal(signal.SIGTERM)
    _, err = await first.communicate()
    assert first.returncode == 0, err.decode()

    await world.connect("c2")
    second = runtime("b")
    service = asyncio.create_task(serve(world.settings(), second))
    async with asyncio.timeout(PATIENCE):
        await refused.wait()
    await until(ready(second))
    second.stopping.set()
    await service
    assert (await world.record("c2")).checked_at is None
    assert len(world.sim.sends) == 1


async def test_a_replica_that_was_down_at_the_time_of_day_does_not_wait_for_tomorrow(
    world: World,
) -> None:
    await world.connect("c1")
    late = runtime("late")
    service = asyncio.create_task(serve(world.settings(health_validation_time="00:00"), late))
    await until(world.all_checked)
    await until(ready(late))
    late.stopping.set()
    await service
    assert late.metrics.registry.get_sample_value(
        "heliograph_connection_checks_total", {"provider": "acs", "result": "healthy"}
    )


async def test_when_the_holder_is_killed_the_other_finishes(world: World) -> None:
    await world.connect(*(f"c{n}" for n in range(6)))
    world.sim.fault("slow", seconds=0.3)
    holder = await world.start(health_validation_concurrency="1")
    await world.sim.wait_for("send", 3, timeout=PATIENCE)
    holder.kill()
    await holder.communicate()
    checked = [r.id for r in await world.connections.to_validate() if r.checked_at]
    assert 0 < len(checked) < 6

    other = runtime("other")
    service = asyncio.create_task(serve(world.settings(), other))
    await until(world.all_checked)
    await until(ready(other))
    other.stopping.set()
    await service
    assert len(world.sim.sends) in {6, 7}, "only the check in hand is repeated"


async def test_no_secret_is_printed_logged_or_stored(world: World) -> None:
    key = world.sim.access_key
    await world.connect("denied")
    await world.connect("odd", credentials={"connection_string": f"endpoint=x;accesskey={key}"})
    await world.connect("bare", credentials={"connection_string": key})
    await world.connect("other", credentials={"accesskey": key})
    world.sim.fault("key_revoked")
    process = await world.start("--once", log_format="console")
    out, err = (part.decode() for part in await process.communicate())
    assert process.returncode == 1
    assert err.count("connection.error") == 4
    assert out.count("error: ") == 4
    stored = str([await world.record(name) for name in ("denied", "odd", "bare", "other")])
    for sink in (out, err, stored):
        assert key not in sink
        assert key[:12] not in sink
        assert world.master_key not in sink


@pytest.mark.parametrize(("fault", "code"), [(None, 0), ("key_revoked", 1), ("throttle", 2)])
async def test_the_command_exits_with_what_it_found(
    world: World, fault: str | None, code: int
) -> None:
    await world.connect("c1")
    if fault:
        world.sim.fault(fault)
    process = await world.start("--once")
    out, _ = await process.communicate()
    assert process.returncode == code
    heading, line = out.decode().splitlines()
    assert heading.split() == ["CONNECTION", "PROVIDER", "RESULT"]
    assert line.startswith(f"{TENANT}/c1  ")


async def test_an_unusable_setting_stops_the_command_with_one_line(world: World) -> None:
    process = await world.start("--once", master_key="canary")
    _, err = await process.communicate()
    assert process.returncode == os.EX_CONFIG
    [line] = err.decode().splitlines()
    assert "HELIOGRAPH_MASTER_KEY" in line
    assert "canary" not in line
