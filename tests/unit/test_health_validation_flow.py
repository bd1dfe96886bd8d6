"""A validation checks every connection, records what changed, and tells it once."""

import asyncio

import pytest
from health_world import TENANT, World
from structlog.testing import capture_logs

from common.bus.messages import BusUnavailable, Unroutable
from common.bus.topology import CHANGES_EXCHANGE
from common.events import ConnectionChanged
from common.providers.port import Healthy, Unhealthy, Unknown
from common.secrets import generate_master_key
from common.store.records import ConnectionStatus
from health.validation import Checked, NotRecorded, Superseded

ACTIVE, ERROR, DISCONNECTED = ConnectionStatus
DENIED = Unhealthy("The access key was refused.")
AWAY = Unknown("The provider is away.")
SILENT = Unknown("It may be right or wrong.", let_in=True)


@pytest.fixture
def world() -> World:
    return World()


async def validate(world: World, **options: float) -> list[Checked]:
    validation = world.validation(**options)  # type: ignore[arg-type] # numbers, all of them
    return await validation.run(await world.connections.to_validate())


async def test_a_refused_key_puts_the_connection_in_error_and_tells_it_once(world: World) -> None:
    await world.connect("good", "bad")
    world.provider.answers["bad"] = [DENIED]
    await validate(world)
    await validate(world)
    bad, good = await world.record("bad"), await world.record("good")
    assert (bad.status, bad.error) == (ERROR, "The access key was refused.")
    assert (good.status, good.error) == (ACTIVE, None)
    assert good.checked_at == bad.checked_at == world.time
    [message] = world.bus.published
    event = ConnectionChanged.decode(message.body)
    assert (message.exchange, message.type) == (CHANGES_EXCHANGE, "connection.changed")
    assert (event.tenant_id, event.connection_id, event.at) == (TENANT, "bad", world.time)


async def test_a_key_that_works_again_clears_the_error(world: World) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [DENIED, Healthy()]
    await validate(world)
    await validate(world)
    record = await world.record("c1")
    assert (record.status, record.error) == (ACTIVE, None)
    assert len(world.bus.published) == 2


async def test_another_error_is_a_change_too(world: World) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [DENIED, Unhealthy("The resource is suspended.")]
    await validate(world)
    await validate(world)
    assert (await world.record("c1")).error == "The resource is suspended."
    assert len(world.bus.published) == 2


@pytest.mark.parametrize("before", [Healthy(), DENIED])
async def test_a_provider_that_cannot_be_asked_leaves_the_status_as_it_is(
    world: World, before: Healthy | Unhealthy
) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [before, AWAY]
    await validate(world)
    was, told = await world.record("c1"), len(world.bus.published)
    world.time = world.time.replace(hour=5)
    await validate(world)
    now = await world.record("c1")
    assert (now.status, now.error, now.checked_at) == (was.status, was.error, world.time)
    assert len(world.bus.published) == told


async def test_a_provider_that_could_not_be_asked_is_asked_a_second_time(world: World) -> None:
    await world.connect("shaky", "dead", "denied")
    world.provider.answers |= {"shaky": [AWAY, Healthy()], "dead": [AWAY], "denied": [DENIED]}
    results = {one.record.id: one.result for one in await validate(world)}
    assert results == {"shaky": Healthy(), "dead": AWAY, "denied": DENIED}
    assert sorted(world.provider.calls) == ["dead", "dead", "denied", "shaky", "shaky"]


async def test_an_answer_that_says_nothing_is_not_asked_for_again_and_changes_no_status(
    world: World,
) -> None:
    """LINK, asked about its gate, forbids it to those who may send, too: such an answer neither
    ends an error nor makes one."""
    await world.connect("new", "broken")
    world.provider.answers |= {"new": [SILENT], "broken": [DENIED, SILENT]}
    await validate(world)
    await validate(world)
    assert world.provider.calls.count("new") == world.provider.calls.count("broken") == 2
    new, broken = await world.record("new"), await world.record("broken")
    assert (new.status, new.error) == (ACTIVE, None)
    assert (broken.status, broken.error) == (ERROR, DENIED.reason)


async def test_a_provider_that_is_silent_is_given_up(world: World) -> None:
    await world.connect("c1")
    world.provider.go.clear()
    [one] = await validate(world, timeout=0.01)
    assert one.result == Unknown("The provider did not answer within 0.01 seconds.")
    assert world.provider.closed == 1


@pytest.mark.parametrize("before", [ACTIVE, ERROR])
async def test_a_connection_disconnected_during_its_check_stays_untouched(
    world: World, before: ConnectionStatus
) -> None:
    await world.connect("c1")
    await world.connections.set_status(
        TENANT, "c1", status=before, error=None, checked_at=world.time
    )
    world.provider.answers["c1"] = [DENIED if before is ACTIVE else Healthy()]
    world.provider.go.clear()
    running = asyncio.create_task(validate(world))
    await world.provider.called.wait()
    await world.connections.set_status(
        TENANT, "c1", status=DISCONNECTED, error=None, checked_at=world.time
    )
    gone = await world.record("c1")
    world.time = world.time.replace(hour=5)
    world.provider.go.set()
    [one] = await running
    assert one.result == Superseded()
    assert await world.record("c1") == gone
    assert world.bus.published == []


async def test_a_disconnected_connection_is_not_even_asked_about(world: World) -> None:
    await world.connect("c1")
    await world.connections.set_status(
        TENANT, "c1", status=DISCONNECTED, error=None, checked_at=world.time
    )
    assert await validate(world) == []
    assert world.provider.calls == []


async def test_new_credentials_are_not_blamed_for_the_old_ones(world: World) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [DENIED]
    world.provider.go.clear()
    running = asyncio.create_task(validate(world))
    await world.provider.called.wait()
    await world.connect("c1", credentials={"account": "new"})
    world.provider.go.set()
    [one] = await running
    assert one.result == Superseded()
    assert (await world.record("c1")).status is ACTIVE


async def test_a_wrong_master_key_says_nothing_about_any_connection(world: World) -> None:
    await world.connect("c1", "c2")
    world.master_key = generate_master_key()
    checked = await validate(world)
    assert {(await world.record(name)).status for name in ("c1", "c2")} == {ACTIVE}
    for one in checked:
        assert isinstance(one.result, Unknown)
        assert "HELIOGRAPH_MASTER_KEY" in one.result.reason
    assert world.provider.calls == []
    assert world.count("unknown") == 2


async def test_a_master_key_that_is_not_configured_says_nothing_either(world: World) -> None:
    await world.connect("c1")
    world.master_key = f"k2:{generate_master_key()}"
    [one] = await validate(world)
    assert isinstance(one.result, Unknown)
    assert (await world.record("c1")).status is ACTIVE


async def test_credentials_of_another_connection_do_not_open(world: World) -> None:
    await world.connect("c1", "c2")
    documents = world.memory.connections
    documents[f"{TENANT}/c2"]["sealed"] = documents[f"{TENANT}/c1"]["sealed"]
    await validate(world)
    assert (await world.record("c2")).status is ERROR
    assert (await world.record("c1")).status is ACTIVE


async def test_credentials_that_no_client_can_be_built_from_are_an_error(world: World) -> None:
    await world.connect("c1", credentials={"wrong": "field"})
    await validate(world)
    assert (await world.record("c1")).error == "account is missing."


async def test_one_check_that_breaks_stops_no_other_and_its_text_is_not_told(world: World) -> None:
    await world.connect("a", "b", "c")
    world.provider.answers["b"] = [RuntimeError("canary-secret")]
    with capture_logs() as logs:
        results = {one.record.id: one.result for one in await validate(world, concurrency=1)}
    assert results["a"] == results["c"] == Healthy()
    assert results["b"] == Unknown("The check itself failed (RuntimeError).")
    assert [entry["event"] for entry in logs] == ["validation.check_broke"]
    assert "canary-secret" not in str(logs)


async def test_a_provider_that_this_release_does_not_know_is_no_error(world: World) -> None:
    await world.connect("c1", provider="pigeon")
    await validate(world)
    assert (await world.record("c1")).status is ACTIVE
    assert world.count("unknown", "pigeon") == 1


async def test_a_result_that_cannot_be_recorded_stops_no_other(world: World) -> None:
    await world.connect("a", "b")
    world.provider.go.clear()
    records = await world.connections.to_validate()
    running = asyncio.create_task(world.validation(concurrency=1).run(records))
    await world.provider.called.wait()
    world.memory.away = True
    world.provider.go.set()
    assert [one.result for one in await running] == [NotRecorded(), NotRecorded()]
    assert world.provider.calls == ["a", "b"]


@pytest.mark.parametrize("fault", [Unroutable("nobody"), BusUnavailable("away")])
async def test_a_change_that_cannot_be_announced_is_recorded_all_the_same(
    world: World, fault: BusUnavailable | Unroutable
) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [DENIED]
    world.bus.fault = fault
    [one] = await validate(world)
    assert one.result == DENIED
    assert (await world.record("c1")).status is ERROR


async def test_a_change_is_announced_after_it_is_written(world: World) -> None:
    await world.connect("c1")
    world.provider.answers["c1"] = [DENIED]
    seen = []
    world.bus.on_publish = lambda: seen.append(world.memory.connections[f"{TENANT}/c1"]["status"])
    await validate(world)
    assert seen == ["error"]


async def test_no_more_than_so_many_are_checked_at_once(world: World) -> None:
    await world.connect(*(f"c{n}" for n in range(20)))
    world.provider.go.clear()
    running = asyncio.create_task(validate(world, concurrency=3))
    await world.provider.called.wait()
    world.provider.go.set()
    assert len(await running) == 20
    assert world.provider.most_at_once == 3
    assert world.provider.closed == 20


async def test_checks_are_counted_by_provider_and_result(world: World) -> None:
    await world.connect("a", "b", "c", "d")
    world.provider.answers |= {"b": [DENIED], "c": [AWAY]}
    await validate(world)
    assert [world.count(result) for result in ("healthy", "unhealthy", "unknown")] == [2, 1, 1]


async def test_each_change_and_nothing_else_is_a_line_in_the_log(world: World) -> None:
    await world.connect("steady", "c1")
    world.provider.answers["c1"] = [DENIED, DENIED, Healthy()]
    with capture_logs() as logs:
        for _ in range(4):
            await validate(world)
    assert [(entry["event"], entry["connection_id"]) for entry in logs] == [
        ("connection.error", "c1"),
        ("connection.recovered", "c1"),
    ]
