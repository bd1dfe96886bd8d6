"""Promises of the meeting point of a command's texts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sender.together import Together


class Work:
    """Work that notes what came together."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.error = error

    async def __call__(self, items: Sequence[str]) -> Sequence[str]:
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return [f"{item}!" for item in items]


async def test_what_all_members_came_with_is_done_in_one_go_and_each_gets_its_own() -> None:
    work = Work()
    meeting = Together(3, work)
    assert await asyncio.gather(*map(meeting.join, "abc")) == ["a!", "b!", "c!"]
    assert work.batches == [["a", "b", "c"]]


async def test_nothing_is_done_while_a_member_is_still_on_its_way() -> None:
    work = Work()
    meeting = Together(2, work)
    first = asyncio.create_task(meeting.join("a"))
    await asyncio.sleep(0)
    assert work.batches == []
    assert await meeting.join("b") == "b!"
    assert await first == "a!"


async def test_who_leaves_is_not_waited_for() -> None:
    work = Work()
    meeting = Together(3, work)
    first = asyncio.create_task(meeting.join("a"))
    await asyncio.sleep(0)
    meeting.leave()
    meeting.leave()
    assert await first == "a!"
    assert work.batches == [["a"]]


async def test_who_comes_again_meets_the_others_again() -> None:
    work = Work()
    meeting = Together(2, work)
    await asyncio.gather(meeting.join("a"), meeting.join("b"))
    again = asyncio.create_task(meeting.join("a"))
    await asyncio.sleep(0)
    assert len(work.batches) == 1
    meeting.leave()
    assert await again == "a!"
    assert work.batches == [["a", "b"], ["a"]]


async def test_a_fault_of_the_work_is_everybodys() -> None:
    meeting = Together(2, Work(ValueError("away")))
    results = await asyncio.gather(meeting.join("a"), meeting.join("b"), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]


async def test_what_a_cancelled_member_came_with_is_not_done() -> None:
    work = Work()
    meeting = Together(2, work)
    first = asyncio.create_task(meeting.join("a"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    meeting.leave()
    assert await meeting.join("b") == "b!"
    assert work.batches == [["b"]]
