"""Numbers are added, given to agents, moved and freed by the rules; the gate goes its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from connection_world import (
    ADMIN,
    FOREIGN,
    FOREIGN_NUMBER,
    NUMBER,
    OTHER_NUMBER,
    TENANT,
    World,
    new_number,
    open_world,
)

from common.store.control import ConnectionView, NumberType
from common.store.control_ports import (
    BadCursor,
    Disconnected,
    NotFound,
    Stale,
)
from common.store.records import conversation_id
from common.store.schema import NUMBERS
from health.web.problems import Problem, ProblemCode


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    async with open_world(mongo_uri, mongo_database) as it:
        yield it


@pytest.fixture
async def line(world: World) -> ConnectionView:
    """A connection with `NUMBER`."""
    return await world.connect(new_number())


def refused(code: ProblemCode) -> Any:
    return pytest.raises(Problem, check=lambda it: it.code is code)


async def test_a_number_is_added_with_its_gate_off(world: World, line: ConnectionView) -> None:
    added = await world.number_desk.add(
        TENANT, line.id, new_number("1 800 555 0101", "sales", region=""), by=ADMIN
    )
    assert (added.address, added.region, added.agent_id) == (OTHER_NUMBER, "US", "sales")
    assert (added.gate_on, added.connected, added.version) == (False, True, 1)
    assert await world.number_desk.get(TENANT, "18005550101") == added
    assert "agent.acme.sales" in world.bus.declared
    assert world.bus.told[-1] == "number.added"
    route = await world.route(OTHER_NUMBER)
    assert (route.agent_id, route.provider, route.connection_id) == ("sales", "acs", line.id)
    assert not any(call["accepted"] for call in world.sim.sends)


async def test_a_number_is_refused_by_each_rule_and_nothing_of_it_stays(
    world: World, line: ConnectionView
) -> None:
    before = await world.documents(NUMBERS)
    for number, expected in (
        (new_number(FOREIGN_NUMBER), refused(ProblemCode.NUMBER_NOT_ON_RESOURCE)),
        (new_number("12345"), refused(ProblemCode.INVALID_NUMBER)),
        (new_number(OTHER_NUMBER, region="ZZ"), refused(ProblemCode.INVALID)),
        (new_number(OTHER_NUMBER, "nobody"), refused(ProblemCode.UNKNOWN_AGENT)),
        (new_number(OTHER_NUMBER, "retired"), refused(ProblemCode.INACTIVE_AGENT)),
        (new_number(NUMBER), refused(ProblemCode.NUMBER_TAKEN)),
    ):
        with expected:
            await world.number_desk.add(TENANT, line.id, number, by=ADMIN)
    with pytest.raises(NotFound):
        await world.number_desk.add(FOREIGN, line.id, new_number(OTHER_NUMBER), by=ADMIN)
    world.bus.away = True
    with refused(ProblemCode.UNAVAILABLE):
        await world.number_desk.add(TENANT, line.id, new_number(OTHER_NUMBER), by=ADMIN)
    assert await world.documents(NUMBERS) == before


async def test_a_number_is_added_where_the_provider_does_not_tell_whose_it_is(
    world: World, line: ConnectionView
) -> None:
    world.sim.fault("error_before_accept", status=503)
    added = await world.number_desk.add(TENANT, line.id, new_number(FOREIGN_NUMBER), by=ADMIN)
    assert added.connected


async def test_a_number_that_is_connected_elsewhere_in_the_tenant_is_taken(
    world: World, line: ConnectionView
) -> None:
    second = await world.connect()
    with refused(ProblemCode.NUMBER_TAKEN):
        await world.number_desk.add(TENANT, second.id, new_number(), by=ADMIN)
    found = await world.number_desk.get(TENANT, NUMBER)
    assert found.connection_id == line.id


async def test_the_gate_needs_a_confirmation_and_counts_at_once(
    world: World, line: ConnectionView
) -> None:
    set_gate = world.number_desk.set_gate
    for on in (True, False):
        with refused(ProblemCode.NOT_CONFIRMED):
            await set_gate(TENANT, NUMBER, on=on, confirmed=False, by=ADMIN)
        assert (await world.route()).gate_on is not on
        number = await set_gate(TENANT, NUMBER, on=on, confirmed=True, by=ADMIN)
        assert (await world.route()).gate_on is number.gate_on is on
        assert (number.gate_changed_by, number.gate_changed_at is not None) == ("Ada", True)
        entry = (await world.trail())[0]
        assert entry.action == ("number.gate_on" if on else "number.gate_off")
        assert (entry.target, entry.before, entry.after) == (
            NUMBER,
            {"gate_on": not on},
            {"gate_on": on},
        )
        again = await set_gate(TENANT, NUMBER, on=on, confirmed=True, by=ADMIN)
        assert again == number
    with pytest.raises(NotFound):
        await set_gate(FOREIGN, NUMBER, on=True, confirmed=True, by=ADMIN)
    with pytest.raises(NotFound):
        await set_gate(TENANT, OTHER_NUMBER, on=True, confirmed=True, by=ADMIN)


async def test_no_other_change_touches_the_gate(world: World, line: ConnectionView) -> None:
    await world.numbers.update(
        TENANT, NUMBER, changes={"gate_on": True, "name": "x"}, version=None, by=ADMIN.actor
    )
    assert not (await world.route()).gate_on


async def test_a_number_is_edited_at_its_version_by_the_rules(
    world: World, line: ConnectionView
) -> None:
    changes = {
        "name": " New ",
        "type": NumberType.TOLL_FREE,
        "owners": ("a", "a"),
        "region": "ca",
    }
    changed = await world.number_desk.update(TENANT, NUMBER, changes=changes, version=1, by=ADMIN)
    assert (changed.name, changed.type, changed.owners, changed.region, changed.version) == (
        "New",
        NumberType.TOLL_FREE,
        ("a",),
        "CA",
        2,
    )
    assert (await world.route()).region == "CA"
    with pytest.raises(Stale):
        await world.number_desk.update(TENANT, NUMBER, changes={"name": "x"}, version=1, by=ADMIN)
    for wrong, code in (
        ({"type": NumberType.SHORT_CODE}, ProblemCode.INVALID_NUMBER),
        ({"type": NumberType.LOCAL}, ProblemCode.INVALID_NUMBER),
        ({"type": NumberType.PARTNER}, ProblemCode.INVALID_NUMBER),
        ({"region": "ZZ"}, ProblemCode.INVALID),
        ({"owners": ("",)}, ProblemCode.INVALID),
        ({"name": "x" * 101}, ProblemCode.INVALID),
    ):
        with refused(code):
            await world.number_desk.update(TENANT, NUMBER, changes=wrong, version=2, by=ADMIN)
    assert await world.number_desk.get(TENANT, NUMBER) == changed


async def test_another_agent_gets_the_number_with_its_gate_and_a_queue_first(
    world: World, line: ConnectionView
) -> None:
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    with refused(ProblemCode.UNKNOWN_AGENT):
        await world.number_desk.assign(TENANT, NUMBER, "nobody", version=2, by=ADMIN)
    with refused(ProblemCode.INACTIVE_AGENT):
        await world.number_desk.assign(TENANT, NUMBER, "retired", version=2, by=ADMIN)
    with pytest.raises(Stale):
        await world.number_desk.assign(TENANT, NUMBER, "sales", version=1, by=ADMIN)
    changed = await world.number_desk.assign(TENANT, NUMBER, "sales", version=2, by=ADMIN)
    assert (changed.agent_id, changed.gate_on) == ("sales", True)
    assert "agent.acme.sales" in world.bus.declared
    assert world.bus.told[-1] == "number.assigned"
    route = await world.route()
    assert (route.agent_id, route.agent_active, route.gate_on) == ("sales", True, True)


async def test_an_agent_without_a_queue_gets_no_number(world: World, line: ConnectionView) -> None:
    world.bus.away = True
    with refused(ProblemCode.UNAVAILABLE):
        await world.number_desk.assign(TENANT, NUMBER, "sales", version=None, by=ADMIN)
    assert (await world.route()).agent_id == "support"


async def test_a_number_moves_with_agent_gate_and_conversations(
    world: World, line: ConnectionView
) -> None:
    second = await world.connect()
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    before = await world.number_desk.get(TENANT, NUMBER)
    moved = await world.number_desk.move(
        TENANT, NUMBER, second.id, version=before.version, by=ADMIN
    )
    assert replace(moved, connection_id=line.id, version=before.version) == before
    assert moved.connection_id == second.id
    route = await world.route()
    assert (route.connection_id, route.gate_on, route.agent_id) == (second.id, True, "support")
    record = await world.connections.get(TENANT, second.id)
    assert record is not None
    assert route.credentials_version == record.credentials_version
    assert {change.connection_id for change in world.bus.changes[-2:]} == {line.id, second.id}
    # What texts are found by holds no connection.
    assert conversation_id(TENANT, NUMBER, "+15550200002")
    counts = [(await world.desk.get(TENANT, view.id)).numbers for view in (line, second)]
    assert counts == [0, 1]


async def test_a_number_moves_only_to_a_live_connection_that_has_it(
    world: World, line: ConnectionView
) -> None:
    second = await world.connect()
    foreign = await world.connect(tenant_id=FOREIGN)
    move = world.number_desk.move
    with pytest.raises(NotFound):
        await move(TENANT, NUMBER, foreign.id, version=None, by=ADMIN)
    with pytest.raises(NotFound):
        await move(TENANT, OTHER_NUMBER, second.id, version=None, by=ADMIN)
    with pytest.raises(Stale):
        await move(TENANT, NUMBER, second.id, version=7, by=ADMIN)
    del world.sim.numbers[NUMBER]
    with refused(ProblemCode.NUMBER_NOT_ON_RESOURCE):
        await move(TENANT, NUMBER, second.id, version=None, by=ADMIN)
    await world.desk.disconnect(TENANT, second.id, version=None, by=ADMIN)
    with pytest.raises(Disconnected):
        await move(TENANT, NUMBER, second.id, version=None, by=ADMIN)
    assert (await world.route()).connection_id == line.id


async def test_a_removed_number_is_free_and_comes_back_with_its_gate_off(
    world: World, line: ConnectionView
) -> None:
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    with pytest.raises(Stale):
        await world.number_desk.remove(TENANT, NUMBER, version=1, by=ADMIN)
    gone = await world.number_desk.remove(TENANT, NUMBER, version=2, by=ADMIN)
    assert (gone.connected, gone.gate_on) == (False, False)
    for call in (
        world.number_desk.remove(TENANT, NUMBER, version=None, by=ADMIN),
        world.number_desk.assign(TENANT, NUMBER, "sales", version=None, by=ADMIN),
        world.number_desk.update(TENANT, NUMBER, changes={"name": "x"}, version=None, by=ADMIN),
        world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN),
    ):
        with pytest.raises(NotFound):
            await call
    back = await world.number_desk.add(TENANT, line.id, new_number(), by=ADMIN)
    assert (back.connected, back.gate_on) == (True, False)
    assert back.version > gone.version


async def test_numbers_are_listed_by_address_and_owner(world: World, line: ConnectionView) -> None:
    await world.number_desk.add(TENANT, line.id, new_number(OTHER_NUMBER, "sales"), by=ADMIN)
    first = await world.number_desk.list(TENANT, limit=1)
    second = await world.number_desk.list(TENANT, limit=1, cursor=first.next)
    assert [first.items[0].address, second.items[0].address] == [NUMBER, OTHER_NUMBER]
    assert second.next is None
    sales = await world.number_desk.list(TENANT, agent_id="sales", limit=10)
    assert [it.address for it in sales.items] == [OTHER_NUMBER]
    elsewhere = await world.number_desk.list(TENANT, connection_id="con-x", limit=10)
    assert elsewhere.items == ()
    assert (await world.number_desk.list(FOREIGN, limit=10)).items == ()
    with pytest.raises(BadCursor):
        await world.number_desk.list(TENANT, limit=1, cursor="!")
    with pytest.raises(NotFound):
        await world.number_desk.list("nobody", limit=1)


async def test_of_two_changes_of_one_version_one_is_stale(
    world: World, line: ConnectionView
) -> None:
    second = await world.connect()
    results = await asyncio.gather(
        world.number_desk.assign(TENANT, NUMBER, "sales", version=1, by=ADMIN),
        world.number_desk.move(TENANT, NUMBER, second.id, version=1, by=ADMIN),
        return_exceptions=True,
    )
    assert sorted(type(it).__name__ for it in results) == ["NumberRecord", "Stale"]


async def test_a_change_to_what_is_there_already_changes_and_tells_nothing(
    world: World, line: ConnectionView
) -> None:
    before, trail = await world.number_desk.get(TENANT, NUMBER), await world.trail()
    desk, same = world.number_desk, {"name": before.name, "owners": before.owners}
    for answered in (
        await desk.update(TENANT, NUMBER, changes=same, version=before.version, by=ADMIN),
        await desk.update(TENANT, NUMBER, changes={}, version=None, by=ADMIN),
        await desk.assign(TENANT, NUMBER, before.agent_id, version=before.version, by=ADMIN),
        await desk.move(TENANT, NUMBER, line.id, version=before.version, by=ADMIN),
    ):
        assert answered == before
    named = await world.desk.update(
        TENANT, line.id, name=line.name, description=None, version=line.version, by=ADMIN
    )
    assert named == await world.desk.get(TENANT, line.id) == line
    assert await world.trail() == trail
    with pytest.raises(Stale):
        await desk.move(TENANT, NUMBER, line.id, version=before.version + 1, by=ADMIN)


async def test_a_refusal_names_the_field_of_one_number(world: World, line: ConnectionView) -> None:
    desk = world.number_desk
    with refused(ProblemCode.NUMBER_TAKEN) as caught:
        await desk.add(TENANT, line.id, new_number(), by=ADMIN)
    assert set(caught.value.fields) == {"address"}
    assert caught.value.extra == {"number": NUMBER, "connection_id": line.id}
    with refused(ProblemCode.UNKNOWN_AGENT) as caught:
        await desk.add(TENANT, line.id, new_number(OTHER_NUMBER, "nobody"), by=ADMIN)
    assert set(caught.value.fields) == {"agent_id"}
    assert caught.value.extra == {"agent_id": "nobody"}
    with refused(ProblemCode.INACTIVE_AGENT) as caught:
        await desk.assign(TENANT, NUMBER, "retired", version=None, by=ADMIN)
    assert set(caught.value.fields) == {"agent_id"}


async def test_an_agent_tells_how_many_numbers_reach_it(world: World, line: ConnectionView) -> None:
    await world.number_desk.add(TENANT, line.id, new_number(OTHER_NUMBER), by=ADMIN)
    told = await world.agents.update(
        TENANT, "support", changes={"active": False}, version=None, by=ADMIN.actor
    )
    assert (told.active, told.numbers) == (False, 2)
    await world.number_desk.remove(TENANT, OTHER_NUMBER, version=None, by=ADMIN)
    found = await world.agents.get(TENANT, "support")
    assert found is not None
    assert found.numbers == 1
    listed = (await world.agents.list(TENANT, limit=10)).items
    assert {agent.id: agent.numbers for agent in listed} == {"support": 1, "sales": 0, "retired": 0}
    assert [agent.numbers for agent in (await world.agents.list(FOREIGN, limit=10)).items] == [0]
