"""What a number falls back on is chosen by the rules, and stays sensible; what a person mends, lets
texts go at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from connection_world import (
    ADMIN,
    FOREIGN,
    NUMBER,
    SECOND_KEY,
    TENANT,
    World,
    new_number,
)
from moving_world import TWILIO, VIBES, StandIn, open_lines, refused

from common.circuit import CLOSED, CircuitKind
from common.circuit_words import AccountRefused
from common.store.control import ConnectionView, NumberRecord, NumberType
from common.store.control_ports import NotFound, Stale
from common.store.mongo_circuits import MongoCircuits
from common.store.records import ConnectionStatus
from common.store.schema import CONNECTIONS
from health.web.problems import Problem, ProblemCode
from heliograph.codes import OutcomeCode


@pytest.fixture
def twilio() -> StandIn:
    return StandIn()


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str, twilio: StandIn) -> AsyncIterator[World]:
    async with open_lines(mongo_uri, mongo_database, twilio) as it:
        yield it


@pytest.fixture
async def line(world: World) -> ConnectionView:
    """A connection with `NUMBER`."""
    return await world.connect(new_number())


async def choose(
    world: World, *connections: ConnectionView | str, version: int | None = None
) -> NumberRecord:
    names = [it if isinstance(it, str) else it.id for it in connections]
    return await world.number_desk.set_failover(TENANT, NUMBER, names, version=version, by=ADMIN)


async def listed(world: World) -> tuple[str, ...]:
    return (await world.number_desk.get(TENANT, NUMBER)).failover


async def test_the_order_that_is_chosen_is_the_order_in_which_the_sender_finds_it(
    world: World, line: ConnectionView
) -> None:
    second, third = await world.connect(**TWILIO), await world.connect(name="Spare")
    before = await world.number_desk.get(TENANT, NUMBER)
    changed = await choose(world, third, second)
    assert changed.failover == (third.id, second.id)
    assert changed.version == before.version + 1
    assert [way.connection_id for way in (await world.route()).ways] == [
        line.id,
        third.id,
        second.id,
    ]
    ways = await world.number_desk.ways(changed)
    assert [way.id for way in ways] == [line.id, third.id, second.id]
    entry = (await world.trail())[0]
    assert (entry.action, entry.target) == ("number.failover_changed", NUMBER)
    assert (entry.before or {})["failover"] == []
    assert (entry.after or {})["failover"] == [third.id, second.id]
    assert world.bus.told[-1] == "number.failover_changed"


async def test_a_choice_and_a_move_say_since_when_the_numbers_ways_are_what_they_are(
    world: World, line: ConnectionView
) -> None:
    spare = await world.connect(name="Spare")
    assert (await world.route()).ways_since is None
    await choose(world, spare)
    chosen = (await world.route()).ways_since
    assert chosen is not None
    await choose(world, spare)
    assert (await world.route()).ways_since == chosen
    await asyncio.sleep(0.002)  # The database keeps milliseconds.
    await world.number_desk.move(TENANT, NUMBER, spare.id, version=None, by=ADMIN)
    moved = (await world.route()).ways_since
    assert moved is not None
    assert moved > chosen


async def test_choosing_the_same_again_changes_nothing(world: World, line: ConnectionView) -> None:
    spare = await world.connect(name="Spare")
    first = await choose(world, spare)
    entries = len(await world.trail())
    assert await choose(world, spare) == first
    assert len(await world.trail()) == entries


async def test_what_was_changed_meanwhile_is_not_overwritten(
    world: World, line: ConnectionView
) -> None:
    spare = await world.connect(name="Spare")
    version = (await choose(world, spare)).version
    with pytest.raises(Stale):
        await choose(world, version=version - 1)
    assert await listed(world) == (spare.id,)


async def test_what_cannot_carry_the_number_is_refused_by_its_place(
    world: World, line: ConnectionView, twilio: StandIn
) -> None:
    spare, other = await world.connect(name="Spare"), await world.connect(**TWILIO)
    gone = await world.connect(name="Gone")
    await world.desk.disconnect(TENANT, gone.id, version=None, by=ADMIN)
    twilio.foreign.add(NUMBER)
    for wrong, code, said in (
        (line, ProblemCode.INVALID, "own"),
        (spare, ProblemCode.INVALID, "twice"),
        ("con-nowhere", ProblemCode.INVALID, "no such"),
        (gone, ProblemCode.INVALID, "disconnected"),
        (other, ProblemCode.NUMBER_NOT_ON_RESOURCE, "belong"),
    ):
        with pytest.raises(Problem) as raised:
            await choose(world, spare, wrong)
        assert raised.value.code is code
        (field,) = raised.value.fields.items()
        assert field[0] == "connection_ids.1"
        assert said in field[1]
    assert await listed(world) == ()


async def test_another_tenants_connection_is_not_there(world: World, line: ConnectionView) -> None:
    foreign = await world.connect(tenant_id=FOREIGN)
    with refused(ProblemCode.INVALID, match="no such connection"):
        await choose(world, foreign)


async def test_more_than_five_are_too_many(world: World, line: ConnectionView) -> None:
    with refused(ProblemCode.INVALID, match="at most 5"):
        await choose(world, *(f"con-{place}" for place in range(6)))


async def test_a_freed_number_falls_back_on_nothing(world: World, line: ConnectionView) -> None:
    spare = await world.connect(name="Spare")
    await choose(world, spare)
    await world.number_desk.remove(TENANT, NUMBER, version=None, by=ADMIN)
    assert await listed(world) == ()
    with pytest.raises(NotFound):
        await choose(world, spare)
    await world.number_desk.add(TENANT, line.id, new_number(), by=ADMIN)
    await choose(world, spare)
    await world.desk.disconnect(TENANT, line.id, version=None, by=ADMIN)
    assert await listed(world) == ()


async def test_a_connection_that_the_number_moves_to_is_taken_off_its_list(
    world: World, line: ConnectionView
) -> None:
    spare, third = await world.connect(name="Spare"), await world.connect(name="Third")
    await choose(world, spare, third)
    moved = await world.number_desk.move(TENANT, NUMBER, spare.id, version=None, by=ADMIN)
    assert (moved.connection_id, moved.failover) == (spare.id, (third.id,))


async def test_a_disconnected_connection_stays_on_the_list_and_is_passed_over(
    world: World, line: ConnectionView
) -> None:
    spare = await world.connect(name="Spare")
    await choose(world, spare)
    await world.desk.disconnect(TENANT, spare.id, version=None, by=ADMIN)
    assert await listed(world) == (spare.id,)
    (_, way) = (await world.route()).ways
    assert way.status is ConnectionStatus.DISCONNECTED


async def test_a_number_takes_no_type_that_what_it_falls_back_on_does_not_have(
    world: World,
) -> None:
    world.sim.numbers["86753"] = world.sim.numbers[NUMBER]
    line = await world.connect(new_number("86753", type=NumberType.SHORT_CODE))
    there = await world.connect(**VIBES)
    await world.number_desk.set_failover(TENANT, "86753", [there.id], version=None, by=ADMIN)
    assert (await world.number_desk.get(TENANT, "86753")).connection_id == line.id
    with refused(ProblemCode.INVALID_NUMBER):
        await world.number_desk.update(
            TENANT, "86753", changes={"type": NumberType.TOLL_FREE}, version=None, by=ADMIN
        )


async def refuse(world: World, line: ConnectionView) -> None:
    """As when the provider has just refused the account."""
    route = await world.route()
    await MongoCircuits(world.database).note(
        TENANT,
        line.id,
        AccountRefused(OutcomeCode.CREDENTIALS_REJECTED),
        credentials_version=route.credentials_version,
        number=NUMBER,
        began=route.circuit.opened_at or line.created_at + timedelta(seconds=1),
    )


async def test_the_circuit_is_seen_with_the_connection(world: World, line: ConnectionView) -> None:
    await refuse(world, line)
    view = await world.desk.get(TENANT, line.id)
    assert (view.status, view.circuit.kind) == (ConnectionStatus.ERROR, CircuitKind.ACCOUNT)
    assert view.version == line.version


async def test_new_credentials_close_the_circuit(world: World, line: ConnectionView) -> None:
    await refuse(world, line)
    world.provider_accepts(SECOND_KEY)
    view = await world.desk.set_credentials(
        TENANT,
        line.id,
        parameters={"connection_string": world.connection_string(SECOND_KEY)},
        partner=None,
        version=None,
        by=ADMIN,
    )
    assert (view.status, view.circuit) == (ConnectionStatus.ACTIVE, CLOSED)


async def test_a_new_key_is_the_same_account_and_another_resource_is_not(
    world: World, line: ConnectionView
) -> None:
    before = await world.route()
    await test_new_credentials_close_the_circuit(world, line)
    after = await world.route()
    assert after.credentials_version != before.credentials_version
    assert after.account == before.account
    await world.database.collection(CONNECTIONS).update_one(
        {"connection_id": line.id}, {"$set": {"public.endpoint": "another.example.com"}}
    )
    assert (await world.route()).account != before.account


async def test_a_check_that_finds_all_in_order_closes_the_circuit(
    world: World, line: ConnectionView
) -> None:
    await refuse(world, line)
    view = await world.desk.check(TENANT, line.id, by=ADMIN)
    assert (view.status, view.circuit) == (ConnectionStatus.ACTIVE, CLOSED)
