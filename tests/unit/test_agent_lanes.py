"""Lanes: order within a lane, lanes side by side, bounded, and a safe end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from heliograph.lanes import Lanes


@dataclass(eq=False)
class Piece:
    """Work that waits for `go`, and tells when it begins and ends."""

    name: str
    log: list[str]
    again: list[float] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> float | None:
        self.log.append(f"+{self.name}")
        await self.go.wait()
        self.log.append(f"-{self.name}")
        return self.again.pop(0) if self.again else None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0)


def pieces(*names: str) -> tuple[list[str], dict[str, Piece]]:
    log: list[str] = []
    return log, {name: Piece(name, log) for name in names}


async def test_a_lane_does_one_thing_at_a_time_in_order() -> None:
    log, work = pieces("a", "b", "c")
    lanes = Lanes[Piece](4)
    for piece in work.values():
        lanes.put("lane", piece)
        piece.go.set()
    await until(lambda: len(lanes) == 0)
    assert log == ["+a", "-a", "+b", "-b", "+c", "-c"]


async def test_lanes_run_side_by_side_up_to_the_limit() -> None:
    log, work = pieces("a", "b", "c")
    lanes = Lanes[Piece](2)
    for name, piece in work.items():
        lanes.put(name, piece)
    await until(lambda: len(log) == 2)
    assert log == ["+a", "+b"]
    work["a"].go.set()
    await until(lambda: "+c" in log)
    work["b"].go.set()
    work["c"].go.set()
    await until(lambda: len(lanes) == 0)


async def test_work_that_waits_for_its_next_run_holds_up_its_own_lane_only() -> None:
    log, work = pieces("again", "behind", "other")
    work["again"].again = [0.05]
    for piece in work.values():
        piece.go.set()
    lanes = Lanes[Piece](1)
    lanes.put("one", work["again"])
    lanes.put("one", work["behind"])
    lanes.put("two", work["other"])
    await until(lambda: "-other" in log)
    assert "+behind" not in log
    await until(lambda: len(lanes) == 0)
    assert log == [
        *("+again", "-again", "+other", "-other"),
        *("+again", "-again", "+behind", "-behind"),
    ]


async def test_forgetting_drops_what_has_not_begun_and_nothing_else() -> None:
    log, work = pieces("begun", "behind", "unbegun", "after")
    lanes = Lanes[Piece](1)
    lanes.put("one", work["begun"])
    lanes.put("one", work["behind"])
    lanes.put("two", work["unbegun"])
    await until(lambda: log == ["+begun"])
    assert {piece.name for piece in lanes.forget_waiting()} == {"behind", "unbegun"}
    for piece in work.values():
        piece.go.set()
    lanes.put("two", work["after"])
    await until(lambda: len(lanes) == 0)
    assert log == ["+begun", "-begun", "+after", "-after"]


async def test_a_drain_finishes_what_runs_and_begins_nothing() -> None:
    log, work = pieces("runs", "behind")
    lanes = Lanes[Piece](1)
    lanes.put("one", work["runs"])
    lanes.put("one", work["behind"])
    await until(lambda: log == ["+runs"])
    lanes.close()
    work["runs"].go.set()
    assert await lanes.drain(10)
    assert log == ["+runs", "-runs"]


async def test_a_drain_cancels_what_runs_longer_than_the_grace() -> None:
    log, work = pieces("stuck")
    lanes = Lanes[Piece](1)
    lanes.put("one", work["stuck"])
    await until(lambda: log == ["+stuck"])
    lanes.close()
    assert not await lanes.drain(0.01)


@pytest.mark.parametrize("concurrency", [1, 3, 16])
async def test_no_lane_is_left_when_the_work_is_done(concurrency: int) -> None:
    log, work = pieces(*(str(n) for n in range(100)))
    lanes = Lanes[Piece](concurrency)
    for n, piece in enumerate(work.values()):
        piece.go.set()
        lanes.put(n % 7, piece)
    await until(lambda: len(lanes) == 0)
    begun = [int(entry[1:]) for entry in log if entry[0] == "+"]
    for lane in range(7):
        mine = [n for n in begun if n % 7 == lane]
        assert mine == sorted(mine)
    assert len(begun) == 100
