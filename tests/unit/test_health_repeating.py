"""Promises of the work that the health service does again and again."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from health.repeating import repeat, run_all


async def test_a_round_that_breaks_is_logged_without_its_words_and_the_next_one_comes() -> None:
    stopping, rounds = asyncio.Event(), 0

    async def work(_: asyncio.Event) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise ValueError("+15551230001 said something")
        stopping.set()

    with capture_logs() as logs:
        async with asyncio.timeout(10):
            await repeat(work, stopping, interval=0.001, name="approvals")
    assert rounds == 2
    assert [(entry["work"], entry["error"]) for entry in logs] == [("approvals", "ValueError")]
    assert "5551230001" not in repr(logs)


async def test_a_stop_ends_the_pause_between_two_rounds() -> None:
    stopping, done = asyncio.Event(), asyncio.Event()

    async def work(_: asyncio.Event) -> None:
        done.set()

    working = asyncio.create_task(repeat(work, stopping, interval=3600, name="approvals"))
    await done.wait()
    stopping.set()
    async with asyncio.timeout(10):
        await working


async def test_nothing_is_begun_after_a_stop() -> None:
    stopping = asyncio.Event()
    stopping.set()

    async def work(_: asyncio.Event) -> None:
        raise AssertionError

    await repeat(work, stopping, interval=0, name="approvals")


async def test_a_stop_waits_for_what_is_in_hand_and_cuts_what_takes_too_long() -> None:
    stopping, finished = asyncio.Event(), asyncio.Event()

    async def short(stopping: asyncio.Event) -> None:
        await stopping.wait()
        await asyncio.sleep(0.01)
        finished.set()

    async def endless(_: asyncio.Event) -> None:
        await asyncio.Event().wait()

    async def over(_: asyncio.Event) -> None: ...

    works = {"short": short, "endless": endless, "over": over}
    running = asyncio.create_task(run_all(works, stopping, patience=0.5))
    await asyncio.sleep(0)
    stopping.set()
    with capture_logs() as logs:
        async with asyncio.timeout(10):
            await running
    assert finished.is_set()
    assert [(entry["event"], entry["work"]) for entry in logs] == [("round.cut", "endless")]


async def test_a_work_that_breaks_ends_the_others_and_is_told() -> None:
    async def broken(_: asyncio.Event) -> None:
        raise ValueError

    async def endless(stopping: asyncio.Event) -> None:
        await stopping.wait()

    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup):
            await run_all({"broken": broken, "endless": endless}, asyncio.Event(), patience=10)
