"""Promises of the work that the health service does again and again."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from health.repeating import repeat


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
