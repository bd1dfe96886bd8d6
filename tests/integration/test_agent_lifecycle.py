"""Using the agent client on a real RabbitMQ: iterating, starting, being refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from agent_world import (
    AGENT,
    NUMBER,
    TENANT,
    World,
    agent_of,
    serving,
    world_on,
)

from common.bus.rights import agent_rights
from heliograph import (
    Agent,
    AgentNotAllowed,
    AgentQueueMissing,
    AgentStopped,
    Turn,
    WrongUse,
    wire,
)
from local.nodes import RabbitNode


@pytest.fixture
async def world(vhost_url: str) -> AsyncIterator[World]:
    async with world_on(vhost_url) as world:
        yield world


async def test_an_iterator_acknowledges_a_turn_when_the_next_is_asked_for(world: World) -> None:
    for n in range(4):
        await world.turn(f"t{n}", body=str(n))
    seen = []
    async with agent_of(world.url) as agent:
        async for turn in agent.turns():
            seen.append(turn.message.body)
            await turn.reply("ok")
            if len(seen) == 3:
                break
    left = await world.turns_left()
    assert seen == ["0", "1", "2"]
    assert left == ["t3"]


async def test_an_exception_out_of_the_loop_leaves_the_turn_in_the_queue(world: World) -> None:
    await world.turn("t1")

    async def read() -> None:
        async with agent_of(world.url) as agent:
            async for _ in agent.turns():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()
    assert await world.turns_left() == ["t1"]


async def test_an_exception_inside_async_with_turn_ends_the_turn_not_the_loop(
    world: World,
) -> None:
    await world.turn("bad")
    await world.turn("good")
    seen = []
    async with agent_of(world.url) as agent:
        async for turn in agent.turns():
            async with turn:
                seen.append(turn.turn_id)
                if turn.turn_id == "bad":
                    raise ZeroDivisionError
            if turn.turn_id == "good":
                await agent.stop()
    assert seen == ["bad", "bad", "bad", "good"]
    assert (await world.parked()).headers[wire.HEADER_REASON] == "handler_failed"
    assert await world.turns_left() == []


async def test_a_missing_queue_is_an_error_that_names_it(vhost_url: str) -> None:
    with pytest.raises(AgentQueueMissing, match=r"agent\.acme\.front-desk does not exist"):
        async with agent_of(vhost_url):
            pass


async def test_a_missing_queue_is_waited_for_where_that_is_wanted(vhost_url: str) -> None:
    agent, seen = agent_of(vhost_url), asyncio.Event()

    @agent.on_turn
    async def answer(_: Turn) -> None:
        seen.set()

    async with serving(agent, wait_for_queue=True):
        await asyncio.sleep(0.3)
        async with world_on(vhost_url) as world:
            await world.turn("t1")
            async with asyncio.timeout(30):
                await seen.wait()


async def test_refused_credentials_end_the_agent(rabbit: RabbitNode, vhost_url: str) -> None:
    agent = agent_of(vhost_url.replace("guest:guest", "guest:wrong"))

    @agent.on_turn
    async def answer(_: Turn) -> None: ...

    with pytest.raises(AgentNotAllowed, match="check the user name and the password"):
        await agent.serve(wait_for_queue=True)
    with pytest.raises(AgentNotAllowed):
        await agent.send(number=NUMBER, to="+14255550101", body="hi", command_id="c1")


async def test_sending_before_the_start_and_after_the_stop_is_an_error(world: World) -> None:
    agent = agent_of(world.url)
    command = {"number": NUMBER, "to": "+14255550101", "body": "hi", "command_id": "c1"}
    with pytest.raises(AgentStopped):
        await agent.send(**command)
    async with agent:
        pass
    with pytest.raises(AgentStopped):
        await agent.send(**command)


async def test_the_documented_permissions_are_enough_and_others_are_refused(
    world: World, rabbit: RabbitNode, vhost: str
) -> None:
    """docs/agents.md names these patterns."""
    name = f"desk-{vhost}"
    rabbit.add_user(name, "secret")
    rabbit.grant(name, agent_rights(TENANT, AGENT), vhost=vhost)
    url = world.url.replace("guest:guest", f"{name}:secret")
    await world.turn("t1")
    async with agent_of(url) as agent:
        async for turn in agent.turns():
            assert (await turn.reply("ok")).status == "sent"
            break
    assert world.envelopes[0].user_id == name
    stranger = Agent(url, tenant_id=TENANT, agent_id="other")
    with pytest.raises(AgentNotAllowed):
        async with stranger:
            pass


async def test_serving_without_a_handler_says_what_to_write(vhost_url: str) -> None:
    with pytest.raises(WrongUse, match="on_turn"):
        await agent_of(vhost_url).serve()


async def test_without_the_right_to_park_the_broker_dead_letters_the_turn(
    world: World, rabbit: RabbitNode, vhost: str
) -> None:
    name = f"desk-{vhost}"
    rabbit.add_user(name, "secret")
    rabbit.set_permissions(name, vhost=vhost, write=r"^heliograph\.commands$")
    agent = agent_of(world.url.replace("guest:guest", f"{name}:secret"))

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        if turn.turn_id == "bad":
            raise ValueError
        await turn.reply("ok")

    async with serving(agent):
        await world.turn("bad")
        await world.turn("good")
        assert Turn.decode((await world.parked()).body).turn_id == "bad"
        await world.until(lambda: "good:1" in world.texts)
