"""The agent client on a real RabbitMQ: turns, replies, outcomes, reports, duplicates, parking."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from agent_world import (
    NOW,
    NUMBER,
    QUEUE,
    TRACE,
    World,
    agent_of,
    outcome_of,
    serving,
    turn_of,
    world_on,
)

from heliograph import (
    Outcome,
    OutcomeCode,
    OutcomeStatus,
    OutcomeTimeout,
    Report,
    ReportStatus,
    Turn,
    wire,
)


@pytest.fixture
async def world(vhost_url: str) -> AsyncIterator[World]:
    async with world_on(vhost_url) as world:
        yield world


async def test_a_turn_is_answered_and_its_outcome_comes_back(world: World) -> None:
    agent, outcomes = agent_of(world.url), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        outcomes.append(await turn.reply(f"You said: {turn.message.body}", tag="t"))
        await world.touch()

    async with serving(agent):
        await world.turn("t1", body="hi")
        await world.until(lambda: len(outcomes) == 1)
    command, envelope = world.commands[0], world.envelopes[0]
    assert outcomes[0].status == "sent"
    assert (command.command_id, command.in_reply_to, command.tag) == ("t1:1", "t1", "t")
    assert (command.number, command.to, command.body) == (
        NUMBER,
        turn_of("").remote,
        "You said: hi",
    )
    assert envelope.user_id == "guest"
    assert (envelope.message_id, envelope.correlation_id, envelope.type) == (
        "t1:1",
        "t1:1",
        "command.send",
    )
    assert envelope.headers[wire.HEADER_TRACEPARENT] == TRACE
    assert await world.turns_left() == []


async def test_many_more_turns_than_the_prefetch_await_their_outcomes_in_order(
    world: World,
) -> None:
    agent = agent_of(world.url, prefetch=10, concurrency=10)
    seen, busy, done, clashes = defaultdict(list), set(), [], []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        clashes.extend(busy & {turn.remote})
        busy.add(turn.remote)
        outcome = await turn.reply("ok")
        busy.discard(turn.remote)
        seen[turn.remote].append(int(turn.message.body))
        done.append(outcome.status)
        await world.touch()

    for n in range(200):
        await world.turn(f"t{n}", remote=f"+1425555{n // 5:04}", body=str(n))
    async with serving(agent):
        await world.until(lambda: len(done) == 200)
    assert clashes == []
    assert set(done) == {OutcomeStatus.SENT}
    assert all(order == sorted(order) and len(order) == 5 for order in seen.values())
    assert len(seen) == 40
    assert len(world.commands) == 200
    assert await world.turns_left() == []


async def test_all_places_may_await_outcomes_that_stand_behind_turns(world: World) -> None:
    """The sender answers only once ten turns, the whole prefetch, are in hand."""
    agent, done = agent_of(world.url, prefetch=10, concurrency=10), []
    world.answering.clear()

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        done.append(await turn.reply("ok"))
        await world.touch()

    for n in range(30):
        await world.turn(f"t{n}", remote=f"+1425555{n:04}")
    async with serving(agent):
        await world.until(lambda: len(world.commands) == 10)
        world.answering.set()
        await world.until(lambda: len(done) == 30)
    assert await world.turns_left() == []


async def test_a_turn_delivered_five_times_at_once_is_handled_once(world: World) -> None:
    agent, calls, go = agent_of(world.url), [], asyncio.Event()

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        calls.append(turn.turn_id)
        await world.touch()
        await go.wait()
        await turn.reply("ok")

    async with serving(agent):
        for _ in range(5):
            await world.turn("t1")
        await world.turn("t2", remote="+14255550199")
        await world.until(lambda: len(calls) == 2)
        go.set()
        await world.until(lambda: len(world.texts) == 2)
        await world.turn("t1")
        await world.turn("t3")
        await world.until(lambda: "t3" in calls)
    assert sorted(calls) == ["t1", "t2", "t3"]
    assert await world.turns_left() == []


async def test_a_failing_handler_is_tried_three_times_then_the_turn_is_parked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    agent, order = agent_of(world.url), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        order.append(turn.turn_id)
        await world.touch()
        if turn.turn_id == "bad":
            raise ValueError(f"cannot answer {turn.remote}: {turn.message.body}")

    with caplog.at_level(logging.DEBUG, "heliograph"):
        async with serving(agent):
            await world.turn("bad", body="a canary")
            await world.turn("next")
            message = await world.parked()
            await world.until(lambda: "next" in order)
    assert order == ["bad", "bad", "bad", "next"]
    assert Turn.decode(message.body).turn_id == "bad"
    assert message.routing_key == QUEUE
    assert message.headers[wire.HEADER_REASON] == "handler_failed"
    assert message.headers[wire.HEADER_PARKED_FROM] == QUEUE
    assert "ValueError" in str(message.headers[wire.HEADER_DETAIL])
    assert "14255550100" not in str(message.headers[wire.HEADER_DETAIL])
    assert "canary" not in str(message.headers[wire.HEADER_DETAIL])
    assert message.headers[wire.HEADER_TRACEPARENT] == TRACE
    assert "attempt 3 of 3: ValueError" in caplog.text
    assert "canary" not in caplog.text
    assert "14255550100" not in caplog.text
    assert await world.turns_left() == []


async def test_a_turn_whose_retry_answers_again_repeats_its_command_id(world: World) -> None:
    agent, tries = agent_of(world.url), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        tries.append(await turn.reply("one"))
        tries.append(await turn.reply("two"))
        if len(tries) == 2:
            raise RuntimeError
        await world.touch()

    async with serving(agent):
        await world.turn("t1")
        await world.until(lambda: len(tries) == 4)
    assert [command.command_id for command in world.commands] == ["t1:1", "t1:2"] * 2
    assert sorted(world.texts) == ["t1:1", "t1:2"]


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"not json", "agent.turn", "not_json"),
        (b'{"v": 2}', "agent.turn", "unknown_version"),
        (b"{}", "agent.report", "wrong_shape"),
        (b"{}", "something.else", "wrong_shape"),
    ],
)
async def test_an_unreadable_message_is_parked_and_blocks_nothing(
    world: World, body: bytes, kind: str, reason: str
) -> None:
    agent, seen = agent_of(world.url, prefetch=1), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        seen.append(turn.turn_id)
        await world.touch()

    async with serving(agent):
        await world.put(body, kind=kind)
        await world.turn("t1")
        await world.until(lambda: seen == ["t1"])
        message = await world.parked()
    assert message.body == body
    assert message.headers[wire.HEADER_REASON] == reason


async def test_held_comes_back_at_once_and_the_approval_comes_as_news(world: World) -> None:
    agent, first, news, reports = agent_of(world.url), [], [], []
    world.decide = lambda _: (OutcomeStatus.HELD, OutcomeCode.GATE_OFF)

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        first.append(await turn.reply("ok"))
        await world.touch()

    @agent.on_outcome
    async def later(outcome: Outcome) -> None:
        news.append(outcome)
        await world.touch()

    @agent.on_report
    async def delivered(report: Report) -> None:
        reports.append(report)
        await world.touch()

    async with serving(agent):
        await world.turn("t1")
        await world.until(lambda: len(first) == 1)
        for _ in range(2):
            await world.tell(outcome_of(world.commands[0], first[0].to))
        report = Report(message_id="m", command_id="t1:1", status=ReportStatus.DELIVERED, at=NOW)
        for _ in range(2):
            await world.put(report.encode(), kind=report.type)
        await world.until(lambda: len(reports) == 1 and len(news) == 1)
        await world.turn("last")
        await world.until(lambda: len(first) == 2)
    assert first[0].status is OutcomeStatus.HELD
    assert [outcome.status for outcome in news] == [OutcomeStatus.SENT]
    assert len(reports) == 1
    assert await world.turns_left() == []


async def test_news_without_a_handler_is_dropped(world: World) -> None:
    agent, seen = agent_of(world.url, prefetch=1), []

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        seen.append(turn.turn_id)
        await world.touch()

    report = Report(message_id="m", command_id="c", status=ReportStatus.SENT, at=NOW)
    async with serving(agent):
        await world.put(report.encode(), kind=report.type)
        await world.turn("t1")
        await world.until(lambda: seen == ["t1"])
    assert await world.turns_left() == []


async def test_a_list_of_recipients_gets_a_list_of_outcomes_in_its_order(world: World) -> None:
    to = ["+14255550103", "+14255550101", "+14255550102"]
    async with agent_of(world.url) as agent:
        many = await agent.send(number=NUMBER, to=to, body="hi", command_id="c1")
        one = await agent.send(number=NUMBER, to=to[0], body="hi", command_id="c2")
    assert [outcome.original_to for outcome in many] == to
    assert one.command_id == "c2"


async def test_an_agent_that_only_sends_leaves_turns_in_the_queue(world: World) -> None:
    await world.turn("t1")
    async with agent_of(world.url) as agent:
        await agent.send(number=NUMBER, to="+14255550101", body="hi", command_id="c1")
    assert await world.turns_left() == ["t1"]


async def test_no_outcome_in_time_is_an_error_that_tells_how_to_go_on(world: World) -> None:
    world.answering.clear()
    async with agent_of(world.url, outcome_timeout=0.3) as agent:
        with pytest.raises(OutcomeTimeout, match="same command_id is safe") as caught:
            await agent.send(number=NUMBER, to="+14255550101", body="hi", command_id="c1")
        world.answering.set()
        await world.until(lambda: "c1" in world.texts)
        again = await agent.send(number=NUMBER, to="+14255550101", body="hi", command_id="c1")
    assert caught.value.command_id == "c1"
    assert caught.value.code == "outcome_timeout"
    assert again.status is OutcomeStatus.SENT
    assert len(world.texts) == 1


async def test_a_reply_after_a_timeout_repeats_the_command_id(world: World) -> None:
    agent, outcomes = agent_of(world.url, outcome_timeout=0.5), []
    world.answering.clear()

    @agent.on_turn
    async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
        with pytest.raises(OutcomeTimeout):
            await turn.reply("hello")
        world.answering.set()
        agent._commands._timeout = 60
        outcomes.append(await turn.reply("hello"))
        await world.touch()

    async with serving(agent):
        await world.turn("t1")
        await world.until(lambda: len(outcomes) == 1)
    assert {command.command_id for command in world.commands} == {"t1:1"}
