"""Promises: nothing leaves without permission, and nobody sends in another's name."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sender_world import AGENT, NUMBER, PHONE, TENANT, World, command, with_user

from common.bus.client import Bus
from common.bus.messages import Outgoing
from common.bus.topology import HEADER_REASON, HEADER_USER
from heliograph import wire
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus, SendCommand
from local.nodes import RabbitNode


async def test_with_the_gate_off_nothing_leaves_and_the_agent_is_told_to_escalate(
    world: World,
) -> None:
    await world.gate(on=False)
    async with world.sender():
        outcome = await world.send(command())
    assert (outcome.status, outcome.code) == (OutcomeStatus.HELD, OutcomeCode.GATE_OFF)
    assert "Escalate to a person" in outcome.message
    assert world.sim.sends == []
    assert world.calls("accepted") == 0


async def test_the_gate_takes_effect_with_the_next_command_both_ways(world: World) -> None:
    async with world.sender():
        assert (await world.send(command("c-1"))).status is OutcomeStatus.SENT
        await world.gate(on=False)
        assert (await world.send(command("c-2"))).status is OutcomeStatus.HELD
        await world.gate(on=True)
        assert (await world.send(command("c-3"))).status is OutcomeStatus.SENT
        # What was held stays held: opening the gate is no approval.
        assert (await world.send(command("c-2"))).status is OutcomeStatus.HELD
    assert len(world.sim.sends) == 2


async def test_a_recipient_who_opted_out_is_never_texted(world: World) -> None:
    await world.opt_out()
    async with world.sender():
        blocked = await world.send(command("c-1"))
        other = await world.send(command("c-2", to="+15551230002"))
    assert (blocked.status, blocked.code) == (
        OutcomeStatus.BLOCKED,
        OutcomeCode.RECIPIENT_OPTED_OUT,
    )
    assert other.status is OutcomeStatus.SENT
    assert len(world.sim.sends) == 1


async def test_a_stop_cancels_what_waits_for_its_next_try(world: World) -> None:
    world.sim.fault("throttle", count=1, retry_after=2.5)
    async with world.sender():
        await world.publish(command().encode())
        await world.sim.wait_for("send", 1, 10)
        await world.opt_out()
        outcome = await world.outcome()
    assert outcome.code is OutcomeCode.RECIPIENT_OPTED_OUT
    assert len(world.sim.sends) == 1


async def test_a_text_that_may_have_gone_out_is_not_called_held_when_the_gate_closes(
    world: World,
) -> None:
    world.sim.fault("error_after_accept", count=1)
    async with world.sender(sender_retry_in_place_max=0):
        await world.publish(command().encode())
        await world.sim.wait_for("send", 1, 10)
        await world.gate(on=False)
        outcome = await world.outcome()
    assert (outcome.status, outcome.code) == (OutcomeStatus.UNCERTAIN, OutcomeCode.AMBIGUOUS)
    assert len(world.sim.sends) == 1


MakeAgent = Callable[[str], Awaitable[Bus]]


@pytest.fixture
async def agent_bus(rabbit: RabbitNode, vhost: str, vhost_url: str) -> AsyncIterator[MakeAgent]:
    """Connections of broker users, each with its own."""
    made: list[Bus] = []

    async def make(user: str) -> Bus:
        rabbit.add_user(user, "password")
        rabbit.set_permissions(user, vhost=vhost)
        bus = Bus(with_user(vhost_url, user, "password"), app=user, publish_deadline=10)
        made.append(bus)
        bus.start()
        await bus.ready()
        return bus

    yield make
    for bus in made:
        await bus.close()


async def test_only_the_proven_agent_may_send_and_never_is_the_claimed_one_told(
    world: World, agent_bus: MakeAgent
) -> None:
    ours, theirs, nobody = (f"{name}-{secrets.token_hex(4)}" for name in ("a", "b", "c"))
    await world.connections.put_agent(TENANT, AGENT, name=AGENT, bus_user=ours)
    await world.put_tenant("other", "bot", "+18005550111", bus_user=theirs)
    await world.listen("other", "bot")
    our_bus, their_bus, no_bus = [await agent_bus(user) for user in (ours, theirs, nobody)]
    async with world.sender():
        # Another tenant's agent in our name: it is told, we are not.
        await world.publish(command("c-1").encode(), bus=their_bus)
        told = await world.outcome("other", "bot")
        assert (told.status, told.code) == (OutcomeStatus.BLOCKED, OutcomeCode.NOT_AUTHORISED)
        assert (await world.parked()).headers[HEADER_REASON] == "not_authorised"
        # A user that is no agent at all.
        await world.publish(command("c-2").encode(), bus=no_bus)
        assert (await world.parked()).headers[HEADER_REASON] == "not_authorised"
        # The right agent with another's routing key.
        key = wire.send_key("other", "bot")
        await world.publish(command("c-3").encode(), bus=our_bus, key=key)
        assert (await world.parked()).headers[HEADER_REASON] == "not_authorised"
        assert (await world.outcome()).code is OutcomeCode.NOT_AUTHORISED
        # A header that only our own services may write.
        forged = Outgoing(
            exchange=wire.COMMANDS_EXCHANGE,
            key=wire.send_key(TENANT, AGENT),
            body=command("c-4").encode(),
            type=SendCommand.type,
            message_id="forged",
            headers={HEADER_USER: ours},
        )
        await no_bus.publish(forged)
        assert (await world.parked()).headers[HEADER_REASON] == "not_authorised"
        assert world.sim.sends == []
        # And the right one is served.
        await world.publish(command("c-5").encode(), bus=our_bus)
        assert (await world.outcome()).status is OutcomeStatus.SENT
    assert world.untold()
    assert world.untold("other", "bot")


async def test_a_proven_agent_stays_proven_over_a_wait(world: World, agent_bus: MakeAgent) -> None:
    user = f"a-{secrets.token_hex(4)}"
    await world.connections.put_agent(TENANT, AGENT, name=AGENT, bus_user=user)
    bus = await agent_bus(user)
    world.sim.fault("throttle", count=1, retry_after=2.5)
    async with world.sender():
        await world.publish(command().encode(), bus=bus)
        assert (await world.outcome()).status is OutcomeStatus.SENT


async def test_an_agent_cannot_send_from_another_ones_number(
    world: World, agent_bus: MakeAgent
) -> None:
    user = f"b-{secrets.token_hex(4)}"
    await world.connections.put_agent(TENANT, "sales", name="sales", bus_user=user)
    await world.listen(TENANT, "sales")
    bus = await agent_bus(user)
    order = command(agent_id="sales")
    async with world.sender():
        await world.publish(order.encode(), bus=bus, key=wire.send_key(TENANT, "sales"))
        outcome = await world.outcome(TENANT, "sales")
    assert (outcome.status, outcome.code) == (OutcomeStatus.BLOCKED, OutcomeCode.NUMBER_NOT_YOURS)
    assert world.sim.sends == []
    assert world.untold()


async def test_a_tenant_cannot_send_from_another_tenants_number(
    world: World, agent_bus: MakeAgent
) -> None:
    user = f"b-{secrets.token_hex(4)}"
    await world.put_tenant("other", "bot", "+18005550111", bus_user=user)
    await world.listen("other", "bot")
    bus = await agent_bus(user)
    order = command(tenant_id="other", agent_id="bot", number=NUMBER)
    async with world.sender():
        await world.publish(order.encode(), bus=bus, key=wire.send_key("other", "bot"))
        outcome = await world.outcome("other", "bot")
    assert (outcome.status, outcome.code) == (OutcomeStatus.BLOCKED, OutcomeCode.UNKNOWN_NUMBER)
    assert world.sim.sends == []


async def test_in_local_mode_the_claim_is_believed(world: World, agent_bus: MakeAgent) -> None:
    user = f"c-{secrets.token_hex(4)}"
    bus = await agent_bus(user)
    async with world.sender(trust_command_identity=True):
        await world.publish(command().encode(), bus=bus)
        assert (await world.outcome()).status is OutcomeStatus.SENT
        unknown = command(tenant_id="nobody", agent_id="bot")
        await world.publish(unknown.encode(), bus=bus, key=wire.send_key("nobody", "bot"))
        assert (await world.parked()).headers[HEADER_REASON] == "unknown_number"
    assert len(await asyncio.wait_for(world.sim.wait_for_texts(PHONE, 1), 5)) == 1
