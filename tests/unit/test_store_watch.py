"""The watch over the store: what it says and what it logs when the store comes and goes."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from common.errors import StoreUnavailable
from common.store import watch as module
from common.store.watch import StoreWatch

pytestmark = pytest.mark.unit


async def test_a_healthy_start_warns_of_nothing_and_a_loss_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.001)
    monkeypatch.setattr(module, "_AGAIN", 0.001)
    faults: list[str | None] = [None, None, "away", "away", None]
    over = asyncio.Event()
    said: list[str | None] = []

    async def ping() -> None:
        said.append(watch.problem)
        if not faults:
            over.set()
            return
        if (fault := faults.pop(0)) is not None:
            raise StoreUnavailable(fault)

    watch = StoreWatch(ping)
    with capture_logs() as logs:
        watch.start()
        async with asyncio.timeout(10):
            await over.wait()
        await watch.close()
    assert logs == [
        {"event": "store.up", "log_level": "info"},
        {"event": "store.down", "log_level": "warning", "problem": "away"},
        {"event": "store.up", "log_level": "info"},
    ]
    assert said[:6] == ["MongoDB has not answered yet.", None, None, "away", "away", None]


async def test_it_is_ready_once_what_is_done_on_the_first_answer_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AGAIN", 0.001)
    there, begun, missed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ping() -> None:
        if not there.is_set():
            missed.set()
            raise StoreUnavailable("away")

    async def begin() -> None:
        await asyncio.sleep(0)
        begun.set()

    watch = StoreWatch(ping, on_first_answer=begin)
    watch.start()
    async with asyncio.timeout(10):
        waiting = asyncio.create_task(watch.ready_before(asyncio.Event()))
        await missed.wait()
        assert not waiting.done()
        there.set()
        assert await waiting
    assert begun.is_set()
    assert watch.problem is None
    await watch.close()
