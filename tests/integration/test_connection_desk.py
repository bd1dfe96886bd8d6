"""Connections are made, repaired, rotated and ended by the rules, against the simulated ACS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from connection_world import (
    ADMIN,
    FIRST_KEY,
    FOREIGN,
    FOREIGN_NUMBER,
    NOW,
    NUMBER,
    OTHER_NUMBER,
    SECOND_KEY,
    TENANT,
    THIRD_KEY,
    World,
    new_number,
    open_world,
)

from common.providers.acs import Acs
from common.providers.port import Accepted, Text
from common.secrets import SecretUnreadable
from common.store.control import CLEARED, ConnectionView, NumberType
from common.store.control_ports import (
    Disconnected,
    NotDisconnected,
    NotFound,
    Stale,
)
from common.store.records import ConnectionStatus
from common.store.schema import AUDIT, CONNECTIONS, NUMBERS
from health.web.problems import Problem, ProblemCode


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    async with open_world(mongo_uri, mongo_database) as it:
        yield it


def refused(code: ProblemCode, **more: Any) -> Any:
    return pytest.raises(Problem, check=lambda it: it.code is code, **more)


def shown_keys(view: object) -> bool:
    return any(key in repr(view) for key in (FIRST_KEY, SECOND_KEY, THIRD_KEY))


async def nothing_is_stored(world: World) -> bool:
    kept = [await world.documents(name) for name in (CONNECTIONS, NUMBERS)]
    actions = {entry.action for entry in await world.trail()}
    return kept == [[], []] and not actions & {"connection.connected", "number.added"}


async def test_a_connection_is_stored_sealed_after_a_call_that_sent_nothing(world: World) -> None:
    view = await world.connect(new_number())
    assert view.id.startswith("con-")
    assert (view.status, view.error, view.numbers) == (ConnectionStatus.ACTIVE, None, 1)
    assert view.public == {"endpoint": world.sim.url.removeprefix("http://")}
    assert view.secrets == ("connection_string",)
    assert world.sim.sends
    assert not any(call["accepted"] for call in world.sim.sends)
    for name in (CONNECTIONS, NUMBERS, AUDIT):
        assert not shown_keys(await world.documents(name))
    record = await world.connections.get(TENANT, view.id)
    assert record is not None
    assert world.vault.open(record) == world.parameters
    assert await world.desk.get(TENANT, view.id) == view


async def test_a_number_is_routable_only_once_its_agents_queue_is_there(world: World) -> None:
    await world.connect(new_number())
    assert "agent.acme.support" in world.bus.declared
    assert world.bus.told == ["connection.connected"]
    route = await world.route()
    assert (route.agent_id, route.gate_on, route.agent_active) == ("support", False, True)


async def test_nothing_is_stored_while_the_broker_is_away(world: World) -> None:
    world.bus.away = True
    with refused(ProblemCode.UNAVAILABLE):
        await world.connect(new_number())
    assert await nothing_is_stored(world)


async def test_a_provider_that_nobody_knows_is_refused(world: World) -> None:
    with refused(ProblemCode.PROVIDER_UNAVAILABLE):
        await world.connect(provider="nonsense")


async def test_a_missing_feature_is_refused_by_its_name(world: World) -> None:
    await world.tenants.update(TENANT, features=(), version=None, by=ADMIN.actor)
    with refused(ProblemCode.FEATURE_MISSING, match=r"custom\.acs_sms"):
        await world.connect()


async def test_opt_out_is_accepted_once_for_the_tenant(world: World) -> None:
    with refused(ProblemCode.OPT_OUT_NOT_ACCEPTED):
        await world.connect(accept_opt_out=False)
    assert await nothing_is_stored(world)
    await world.connect(accept_opt_out=True)
    await world.connect(accept_opt_out=False)
    tenant = await world.tenants.get(TENANT)
    assert tenant is not None
    assert tenant.opt_out_accepted_at is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "x" * 101}, ProblemCode.INVALID),
        ({"name": " "}, ProblemCode.INVALID),
        ({"description": "x" * 1_001}, ProblemCode.INVALID),
        ({"parameters": {}}, ProblemCode.INVALID),
        ({"parameters": {"connection_string": "nonsense"}}, ProblemCode.INVALID_CREDENTIALS),
        ({"numbers": [new_number("12345")]}, ProblemCode.INVALID_NUMBER),
    ],
)
async def test_what_is_not_usable_reaches_neither_provider_nor_store(
    world: World, changes: dict[str, Any], code: ProblemCode
) -> None:
    with refused(code):
        await world.connect(**changes)
    assert not world.sim.sends
    assert await nothing_is_stored(world)


async def test_a_key_that_the_provider_refuses_is_not_stored(world: World) -> None:
    wrong = {"connection_string": world.connection_string(THIRD_KEY)}
    with refused(ProblemCode.CREDENTIALS_REJECTED) as caught:
        await world.connect(new_number(), parameters=wrong)
    assert THIRD_KEY not in str(caught.value.document())
    assert await nothing_is_stored(world)


async def test_a_provider_that_cannot_be_asked_is_not_believed_in(world: World) -> None:
    world.sim.fault("error_before_accept", status=503)
    with refused(ProblemCode.UNAVAILABLE, match="nothing was stored"):
        await world.connect()
    assert await nothing_is_stored(world)


async def test_a_number_that_is_not_on_the_resource_is_refused_by_name(world: World) -> None:
    with refused(ProblemCode.NUMBER_NOT_ON_RESOURCE) as caught:
        await world.connect(new_number(), new_number(FOREIGN_NUMBER))
    assert FOREIGN_NUMBER in str(caught.value)
    assert NUMBER not in str(caught.value)
    assert not any(call["accepted"] for call in world.sim.sends)
    assert await nothing_is_stored(world)


async def test_an_agent_must_exist_and_be_active(world: World) -> None:
    with refused(ProblemCode.UNKNOWN_AGENT):
        await world.connect(new_number(agent_id="nobody"))
    with refused(ProblemCode.INACTIVE_AGENT):
        await world.connect(new_number(agent_id="retired"))
    assert not world.sim.sends
    assert await nothing_is_stored(world)


async def test_one_number_that_is_taken_leaves_nothing_of_the_connection(world: World) -> None:
    await world.connect(new_number(OTHER_NUMBER), tenant_id=FOREIGN)
    before = [await world.documents(name) for name in (CONNECTIONS, NUMBERS)]
    told = list(world.bus.told)
    with refused(ProblemCode.NUMBER_TAKEN):
        await world.connect(new_number(), new_number(OTHER_NUMBER))
    assert [await world.documents(name) for name in (CONNECTIONS, NUMBERS)] == before
    assert "connection.connected" not in {entry.action for entry in await world.trail()}
    assert world.bus.told == told


async def test_an_unknown_tenant_has_no_connections(world: World) -> None:
    with pytest.raises(NotFound):
        await world.connect(tenant_id="nobody")
    with pytest.raises(NotFound):
        await world.desk.list("nobody", limit=10)
    view = await world.connect()
    with pytest.raises(NotFound):
        await world.desk.get(FOREIGN, view.id)
    assert (await world.desk.list(FOREIGN, limit=10)).items == ()


async def test_new_credentials_repair_a_connection(world: World) -> None:
    view = await world.connect(new_number())
    version = (await world.route()).credentials_version
    await world.connections.set_status(
        TENANT, view.id, status=ConnectionStatus.ERROR, error="The key is wrong.", checked_at=NOW
    )
    second = {"connection_string": world.connection_string(SECOND_KEY)}
    repaired = await world.desk.set_credentials(
        TENANT, view.id, parameters=second, partner=None, version=view.version, by=ADMIN
    )
    assert (repaired.status, repaired.error) == (ConnectionStatus.ACTIVE, None)
    assert repaired.version == view.version + 1
    assert (await world.route()).credentials_version != version
    assert world.bus.told[-1] == "connection.credentials"
    assert not shown_keys(await world.trail())


async def test_credentials_that_do_not_work_or_lack_a_number_change_nothing(world: World) -> None:
    view = await world.connect(new_number())
    before = await world.documents(CONNECTIONS)

    async def replace(key: str) -> None:
        await world.desk.set_credentials(
            TENANT,
            view.id,
            parameters={"connection_string": world.connection_string(key)},
            partner=None,
            version=None,
            by=ADMIN,
        )

    with refused(ProblemCode.CREDENTIALS_REJECTED):
        await replace(THIRD_KEY)
    del world.sim.numbers[NUMBER]
    with refused(ProblemCode.NUMBER_NOT_ON_RESOURCE, match=r"\+18005550100"):
        await replace(SECOND_KEY)
    assert await world.documents(CONNECTIONS) == before


async def test_a_change_of_what_was_changed_meanwhile_is_stale(world: World) -> None:
    view = await world.connect()
    renamed = await world.desk.update(
        TENANT, view.id, name="Other", description=None, version=view.version, by=ADMIN
    )
    assert (renamed.name, renamed.description, renamed.version) == ("Other", "", view.version + 1)
    calls = len(world.sim.sends)
    with pytest.raises(Stale):
        await world.desk.update(
            TENANT, view.id, name="Lost", description=None, version=view.version, by=ADMIN
        )
    with pytest.raises(Stale):
        await world.desk.set_credentials(
            TENANT,
            view.id,
            parameters=world.parameters,
            partner=None,
            version=view.version,
            by=ADMIN,
        )
    with pytest.raises(Stale):
        await world.desk.disconnect(TENANT, view.id, version=view.version, by=ADMIN)
    assert await world.desk.get(TENANT, view.id) == renamed
    assert len(world.sim.sends) == calls


async def rotate(world: World, view: ConnectionView, parameter: str, key: str) -> ConnectionView:
    return await world.desk.rotate(
        TENANT,
        view.id,
        parameter=parameter,
        value=world.connection_string(key),
        version=view.version,
        by=ADMIN,
    )


async def works(world: World, view: ConnectionView) -> bool:
    """Whether a client of what is stored gets through, as the sender builds it."""
    record = await world.connections.get(TENANT, view.id)
    assert record is not None
    client = Acs().connect(world.vault.open(record), timeout=5)
    try:
        return await client.owns(NUMBER) is True
    finally:
        await client.close()


async def test_keys_are_rotated_one_after_the_other_without_a_pause(world: World) -> None:
    both = world.parameters | {"secondary_connection_string": world.connection_string(SECOND_KEY)}
    view = await world.connect(new_number(), parameters=both)
    # The primary is regenerated at the provider: the secondary carries on.
    world.provider_accepts(SECOND_KEY)
    assert await works(world, view)
    with refused(ProblemCode.CREDENTIALS_REJECTED):
        await rotate(world, view, "connection_string", THIRD_KEY)
    assert await works(world, view)
    world.provider_accepts(SECOND_KEY, THIRD_KEY)
    view = await rotate(world, view, "connection_string", THIRD_KEY)
    assert view.secrets == ("connection_string", "secondary_connection_string")
    record = await world.connections.get(TENANT, view.id)
    assert record is not None
    assert world.vault.open(record) == {
        "connection_string": world.connection_string(THIRD_KEY),
        "secondary_connection_string": world.connection_string(SECOND_KEY),
    }
    world.provider_accepts(THIRD_KEY)
    assert await works(world, view)
    assert world.bus.told[-1] == "connection.rotated"


async def test_a_secondary_key_is_added_by_rotation_and_only_pairs_rotate(world: World) -> None:
    view = await world.connect()
    rotated = await rotate(world, view, "secondary_connection_string", SECOND_KEY)
    assert rotated.secrets == ("connection_string", "secondary_connection_string")
    with refused(ProblemCode.INVALID):
        await rotate(world, rotated, "partner_key", SECOND_KEY)
    with pytest.raises(Stale):
        await rotate(world, view, "secondary_connection_string", SECOND_KEY)


async def test_two_rotations_at_once_lose_neither_silently(world: World) -> None:
    view = await world.connect()
    results = await asyncio.gather(
        rotate(world, view, "connection_string", SECOND_KEY),
        rotate(world, view, "secondary_connection_string", SECOND_KEY),
        return_exceptions=True,
    )
    assert sorted(type(it).__name__ for it in results) == ["ConnectionView", "Stale"]


async def test_disconnecting_overwrites_the_credentials_and_frees_the_numbers(world: World) -> None:
    view = await world.connect(new_number(), new_number(OTHER_NUMBER))
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    gone = await world.desk.disconnect(TENANT, view.id, version=view.version, by=ADMIN)
    assert (gone.status, gone.numbers) == (ConnectionStatus.DISCONNECTED, 0)
    [document] = await world.documents(CONNECTIONS)
    assert document["sealed"] == CLEARED
    assert document["public"] == {"endpoint": CLEARED}
    record = await world.connections.get(TENANT, view.id)
    assert record is not None
    with pytest.raises(SecretUnreadable):
        world.vault.open(record)
    route = await world.route()
    assert (route.connection_status, route.gate_on) == (ConnectionStatus.DISCONNECTED, False)
    assert await world.connections.to_validate() == []
    assert world.sim.url.removeprefix("http://") not in repr(await world.documents(AUDIT))
    entry = (await world.trail())[0]
    assert (entry.action, entry.actor.name) == ("connection.disconnected", "Ada")
    assert NUMBER in (entry.note or "")


async def test_disconnecting_again_changes_nothing_and_nothing_else_can_be_done(
    world: World,
) -> None:
    view = await world.connect()
    gone = await world.desk.disconnect(TENANT, view.id, version=view.version, by=ADMIN)
    entries = len(await world.trail())
    assert await world.desk.disconnect(TENANT, view.id, version=view.version, by=ADMIN) == gone
    assert len(await world.trail()) == entries
    with pytest.raises(Disconnected):
        await world.desk.update(TENANT, view.id, name="x", description=None, version=None, by=ADMIN)
    with pytest.raises(Disconnected):
        await world.desk.set_credentials(
            TENANT, view.id, parameters=world.parameters, partner=None, version=None, by=ADMIN
        )
    with pytest.raises(Disconnected):
        await rotate(world, gone, "connection_string", FIRST_KEY)
    with pytest.raises(Disconnected):
        await world.desk.check(TENANT, view.id, by=ADMIN)
    with pytest.raises(Disconnected):
        await world.number_desk.add(TENANT, view.id, new_number(), by=ADMIN)


async def test_a_freed_number_is_free_for_another_tenant_and_a_connection_comes_back(
    world: World,
) -> None:
    view = await world.connect(new_number())
    gone = await world.desk.disconnect(TENANT, view.id, version=None, by=ADMIN)
    await world.connect(new_number(), tenant_id=FOREIGN)
    with refused(ProblemCode.CREDENTIALS_REJECTED):
        await world.desk.reconnect(
            TENANT,
            view.id,
            parameters={"connection_string": world.connection_string(THIRD_KEY)},
            partner=None,
            version=gone.version,
            by=ADMIN,
        )
    back = await world.desk.reconnect(
        TENANT,
        view.id,
        parameters=world.parameters,
        partner=None,
        version=gone.version,
        by=ADMIN,
    )
    assert (back.status, back.numbers, back.disconnected_at) == (ConnectionStatus.ACTIVE, 0, None)
    with refused(ProblemCode.NUMBER_TAKEN):
        await world.number_desk.add(TENANT, view.id, new_number(), by=ADMIN)
    await world.number_desk.add(TENANT, view.id, new_number(OTHER_NUMBER), by=ADMIN)
    assert (await world.desk.get(TENANT, view.id)).numbers == 1


async def test_a_check_now_is_recorded_as_the_daily_one_is(world: World) -> None:
    view = await world.connect(new_number())
    world.sim.fault("key_revoked")
    broken = await world.desk.check(TENANT, view.id, by=ADMIN)
    assert (broken.status, broken.checked_at) == (ConnectionStatus.ERROR, NOW)
    assert broken.error == "The service does not accept the access key."
    world.sim.clear_faults()
    assert (await world.desk.check(TENANT, view.id, by=ADMIN)).status is ConnectionStatus.ACTIVE
    world.sim.fault("error_before_accept", status=503)
    with refused(ProblemCode.UNAVAILABLE):
        await world.desk.check(TENANT, view.id, by=ADMIN)
    assert (await world.desk.get(TENANT, view.id)).status is ConnectionStatus.ACTIVE
    notes = [entry.note for entry in await world.trail() if entry.action == "connection.checked"]
    assert notes == ["unknown", "healthy", "unhealthy"]
    with pytest.raises(NotFound):
        await world.desk.check(FOREIGN, view.id, by=ADMIN)


async def test_an_address_beyond_the_provider_is_refused_unless_simulators_are_allowed(
    world: World,
) -> None:
    world.desk._loopback = False  # As in production.
    with refused(ProblemCode.INVALID_CREDENTIALS):
        await world.connect()
    assert not world.sim.sends


async def test_of_many_numbers_the_one_that_is_taken_is_named(world: World) -> None:
    mine = await world.connect(new_number())
    with refused(ProblemCode.NUMBER_TAKEN) as caught:
        await world.connect(new_number(OTHER_NUMBER), new_number())
    problem = caught.value
    assert set(problem.fields) == {"numbers.1.address"}
    assert NUMBER in problem.what
    assert (problem.extra["number"], problem.extra["connection_id"]) == (NUMBER, mine.id)
    assert "Move it" in problem.remedy


async def test_whose_a_taken_number_is_stays_hidden_and_so_does_how_to_move_it(
    world: World,
) -> None:
    theirs = await world.connect(new_number(), tenant_id=FOREIGN)
    with refused(ProblemCode.NUMBER_TAKEN) as caught:
        await world.connect(new_number())
    told = str(caught.value.document())
    assert NUMBER in told
    assert "numbers.0.address" in told
    assert "ask your operator" in told
    for hidden in (FOREIGN, theirs.id, "ove it"):
        assert hidden not in told


async def test_of_many_numbers_those_with_an_unusable_agent_are_named(world: World) -> None:
    numbers = [new_number(), new_number(OTHER_NUMBER, "nobody")]
    with refused(ProblemCode.UNKNOWN_AGENT, match="nobody") as caught:
        await world.connect(*numbers)
    assert set(caught.value.fields) == {"numbers.1.agent_id"}
    with refused(ProblemCode.INACTIVE_AGENT, match="retired") as caught:
        await world.connect(new_number(agent_id="retired"), new_number(OTHER_NUMBER, "retired"))
    assert set(caught.value.fields) == {"numbers.0.agent_id", "numbers.1.agent_id"}
    with refused(ProblemCode.NUMBER_NOT_ON_RESOURCE) as caught:
        await world.connect(new_number(), new_number(FOREIGN_NUMBER))
    assert set(caught.value.fields) == {"numbers.1.address"}


async def test_what_is_connected_is_not_reconnected(world: World) -> None:
    view = await world.connect(new_number())
    asked = len(world.sim.sends)
    with pytest.raises(NotDisconnected):
        await world.desk.reconnect(
            TENANT, view.id, parameters=world.parameters, partner=None, version=None, by=ADMIN
        )
    assert len(world.sim.sends) == asked
    assert await world.desk.get(TENANT, view.id) == view
    assert "connection.reconnected" not in {entry.action for entry in await world.trail()}


async def test_a_partners_number_is_connected_only_through_the_partner(world: World) -> None:
    number = new_number("+447700900123", type=NumberType.PARTNER, region="GB")
    world.sim.own("+447700900123", partner="infobip")
    with refused(ProblemCode.INVALID_NUMBER) as caught:
        await world.connect(number)
    assert set(caught.value.fields) == {"numbers.0.type"}
    plain = await world.connect()
    with refused(ProblemCode.INVALID_NUMBER):
        await world.number_desk.add(TENANT, plain.id, number, by=ADMIN)
    leased = await world.connect(
        partner="infobip", parameters=world.parameters | {"partner_key": "k"}
    )
    added = await world.number_desk.add(TENANT, leased.id, number, by=ADMIN)
    kept = await world.number_desk.update(
        TENANT, added.address, changes={"type": NumberType.PARTNER}, version=None, by=ADMIN
    )
    assert kept == added
    with refused(ProblemCode.INVALID_NUMBER):
        await world.number_desk.move(TENANT, added.address, plain.id, version=None, by=ADMIN)


async def test_what_is_sealed_of_a_connection_names_its_partner_to_the_provider(
    world: World,
) -> None:
    world.sim.own("+447700900123", partner="infobip")
    view = await world.connect(
        partner="infobip", parameters=world.parameters | {"partner_key": "k"}
    )
    record = await world.connections.get(TENANT, view.id)
    assert record is not None
    client = Acs().connect(world.vault.open(record), timeout=5)
    text = Text(
        sender="+447700900123",
        recipient="+447700900999",
        body="Hello",
        reference="r",
        request_id=UUID(int=1),
        first_sent=NOW,
        partner_number=True,
    )
    assert isinstance(await client.send(text), Accepted)
    await client.close()
    assert world.sim.sends[-1]["partner"] == "infobip"
