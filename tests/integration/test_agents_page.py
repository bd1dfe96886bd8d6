"""The examples in docs/agents.md run as they are printed there."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent_world import World, world_on

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
PROGRAMS = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
URL = "amqp://front-desk:secret@localhost/"


@pytest.fixture
async def world(vhost_url: str) -> AsyncIterator[World]:
    async with world_on(vhost_url) as world:
        yield world


@pytest.mark.parametrize("number", range(2))
async def test_the_programs_answer_a_turn(world: World, number: int) -> None:
    assert URL in PROGRAMS[number]
    program = PROGRAMS[number].replace(URL, world.url)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        await world.turn("t1", body="hello")
        await world.until(lambda: "t1:1" in world.texts)
    finally:
        process.terminate()
        await process.wait()
    assert world.texts["t1:1"].body == "You said: hello"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_example_can_be_run(program: str) -> None:
    code = compile(
        program.replace("agent.run()", "").replace("asyncio.run(main())", ""), "x", "exec"
    )
    exec(code, {})  # noqa: S102 - the page is ours
