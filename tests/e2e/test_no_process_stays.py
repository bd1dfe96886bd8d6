"""Whatever a test does, no service outlives its house."""

from __future__ import annotations

from pathlib import Path

import pytest
from ground import Ground
from scene import is_process, open_world

from local.house import SERVICES


async def test_a_house_that_is_left_by_an_error_leaves_no_process(
    ground: Ground, tmp_path: Path
) -> None:
    pids: list[int] = []

    async def start_everything_and_fail() -> None:
        async with open_world(ground.rabbit, ground.mongo, tmp_path) as world:
            await world.ensure(*SERVICES)
            replica = world.house.replica("processor")
            replica.start()
            pids.extend([*(world.service(name).pid for name in SERVICES), replica.pid])
            assert all(map(is_process, pids))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await start_everything_and_fail()
    assert pids
    assert not any(map(is_process, pids))
