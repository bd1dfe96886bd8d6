"""The agent client when something breaks: the broker, the queue, a stop in the middle of work."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
from agent_world import QUEUE, World, agent_of, serving, world_on

from local.nodes import RabbitNode

PROGRAM = Path(__file__).with_name("agent_process.py")


@pytest.fixture
async def world(vhost_url: str) -> AsyncIterator[World]:
    async with world_on(vhost_url) as world:
        yield world


async def test_turns_in_hand_survive_a_restart_of_the_broker(own_rabbit: RabbitNode) -> None:
    async with world_on(own_rabbit.url) as world:
        agent, calls, outcomes = agent_of(own_rabbit.url, concurrency=4, prefetch=8), [], []
        world.answering.clear()

        @agent.on_turn
        async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
            calls.append(turn.turn_id)
            await world.touch()
            outcomes.append((turn.remote, (await turn.reply("ok")).command_id))
            await world.touch()

        for n in range(20):
            await world.turn(f"t{n:02}", remote=f"+1425555{n % 5:04}")
        async with serving(agent):
            await world.until(lambda: len(world.commands) == 4)
            await asyncio.to_thread(own_rabbit.restart)
            world.answering.set()
            await world.until(lambda: len(outcomes) == 20, 100)
            await world.turn("after")
            await world.until(lambda: len(outcomes) == 21)
        assert sorted(calls) == sorted(set(calls)), "a turn in hand was begun again"
        assert len(world.texts) == 21
        for remote in {remote for remote, _ in outcomes}:
            order = [command for other, command in outcomes if other == remote]
            assert order == sorted(order, key=lambda command: (command == "after:1", command))
        assert await world.turns_left() == []


async def test_a_text_sent_while_the_broker_is_away_goes_out_when_it_is_back(
    own_rabbit: RabbitNode,
) -> None:
    async with world_on(own_rabbit.url) as world:
        async with agent_of(own_rabbit.url) as agent:
            await asyncio.to_thread(own_rabbit.stop)
            sending = asyncio.create_task(
                agent.send(number="+14255550123", to="+14255550101", body="hi", command_id="c1")
            )
            await asyncio.to_thread(own_rabbit.start)
            assert (await sending).status == "sent"
        assert list(world.texts) == ["c1"]


async def test_a_frozen_broker_is_noticed_and_left(own_rabbit: RabbitNode) -> None:
    async with world_on(own_rabbit.url) as world:
        agent = agent_of(f"{own_rabbit.url}?heartbeat=1")
        seen: list[str] = []

        @agent.on_turn
        async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
            seen.append((await turn.reply("ok")).command_id)
            await world.touch()

        async with serving(agent):
            await world.turn("t1")
            await world.until(lambda: seen == ["t1:1"])
            session = await agent._connection.session()
            own_rabbit.freeze()
            async with asyncio.timeout(30):
                await asyncio.wait({session.lost})
            own_rabbit.thaw()
            await world.turn("t2")
            await world.until(lambda: seen == ["t1:1", "t2:1"], 90)


async def test_a_closed_connection_and_a_deleted_queue_are_survived(
    world: World, rabbit: RabbitNode, vhost: str
) -> None:
    agent, seen = agent_of(world.url), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        seen.append(turn.turn_id)
        await world.touch()

    async with serving(agent):
        await world.turn("t1")
        await world.until(lambda: seen == ["t1"])
        session = await agent._connection.session()
        rabbit.ctl("close_all_connections", "--vhost", vhost, "made by the test")
        await asyncio.wait({session.lost})
        await world.bus.ready()
        await world.turn("t2")
        await world.until(lambda: seen == ["t1", "t2"])
        session = await agent._connection.session()
        await _delete(world.url)
        # RabbitMQ 3.10 takes a queue declared again before it has told the readers of the deleted
        # one for the same, and passes its first messages to nobody.
        await asyncio.wait({session.lost})
        async with world_on(world.url) as again:
            await again.turn("t3")
            await world.until(lambda: seen == ["t1", "t2", "t3"])


async def test_a_reader_that_the_broker_has_forgotten_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliograph.connection.CHECK_SECONDS", 0.2)
    agent, seen = agent_of(world.url), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        seen.append(turn.turn_id)
        await world.touch()

    async with serving(agent):
        await world.turn("t1")
        await world.until(lambda: seen == ["t1"])
        session = await agent._connection.session()
        await session._reading.basic_cancel(session._consumer)
        await asyncio.wait({session.lost}, timeout=20)
        await world.turn("t2")
        await world.until(lambda: seen == ["t1", "t2"])


async def _delete(url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        await (await connection.channel()).queue_delete(QUEUE)


async def test_a_stop_waits_for_the_turns_in_hand_and_begins_no_other(world: World) -> None:
    agent, begun, ended = agent_of(world.url, concurrency=2), [], []
    world.answering.clear()

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        begun.append(turn.turn_id)
        await turn.reply("ok")
        ended.append(turn.turn_id)

    for n in range(6):
        await world.turn(f"t{n}", remote=f"+1425555{n:04}")
    serve = asyncio.create_task(agent.serve())
    await world.until(lambda: len(world.commands) == 2)
    await agent.stop()
    world.answering.set()
    await serve
    assert begun == ended
    assert sorted(begun + await world.turns_left()) == [f"t{n}" for n in range(6)]
    assert len(begun) == 2


async def test_a_stop_does_not_wait_longer_than_its_grace(world: World) -> None:
    agent, begun = agent_of(world.url, grace=0.2), asyncio.Event()

    @agent.on_turn
    async def answer(_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    await world.turn("t1")
    serve = asyncio.create_task(agent.serve())
    await begun.wait()
    await agent.stop()
    async with asyncio.timeout(20):
        await serve
    assert await world.turns_left() == ["t1"]


async def test_agents_that_are_terminated_under_load_lose_and_double_nothing(world: World) -> None:
    for n in range(150):
        await world.turn(f"t{n}", remote=f"+1425555{n % 30:04}")
    for limit in (20, 80):
        process = await _started(world.url)
        await world.until(lambda limit=limit: len(world.texts) >= limit)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0, (await process.stderr.read()).decode()
    process = await _started(world.url)
    await world.until(lambda: len(world.texts) == 150)
    process.terminate()
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    assert sorted(world.texts) == sorted(f"t{n}:1" for n in range(150))
    assert len(world.commands) == 150, "a turn that was answered was handled again"
    assert await world.turns_left() == []


async def test_an_agent_that_is_killed_under_load_loses_nothing_and_texts_once(
    world: World,
) -> None:
    for n in range(60):
        await world.turn(f"t{n}", remote=f"+1425555{n % 30:04}")
    process = await _started(world.url)
    await world.until(lambda: len(world.texts) >= 20)
    process.kill()
    await process.wait()
    process = await _started(world.url)
    await world.until(lambda: len(world.texts) == 60)
    process.terminate()
    async with asyncio.timeout(60):
        await process.wait()
    assert sorted(world.texts) == sorted(f"t{n}:1" for n in range(60))
    assert await world.turns_left() == []


async def _started(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_refused_credentials_end_the_program_with_one_sentence(vhost_url: str) -> None:
    process = await _started(vhost_url.replace("guest:guest", "guest:wrong"))
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"heliograph: The broker refused user 'guest'" in errors
    assert b"Traceback" not in errors
