"""A world for many tests on the shared servers, and one on servers that may be harmed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from scene import World, open_world

from local.nodes import MongoNode, RabbitNode


class Ground:
    """Keeps one world for many tests, because starting the services is what costs. A world that a
    test has left in disorder is replaced, so that a failure stays one test's."""

    def __init__(self, rabbit: RabbitNode, mongo: MongoNode, logs: Path):
        self.rabbit = rabbit
        self.mongo = mongo
        self._logs = logs
        self._stack = contextlib.AsyncExitStack()
        self._world: World | None = None

    async def world(self) -> World:
        """A world in which everything is in order."""
        if self._world is None or not self._world.in_order:
            await self.close()
            opening = open_world(self.rabbit, self.mongo, self._logs)
            self._world = await self._stack.enter_async_context(opening)
        self._world.in_order = False
        return self._world

    async def close(self) -> None:
        """Leave nothing running."""
        self._world = None
        await self._stack.aclose()


@pytest.fixture(scope="session")
async def ground(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    ground = Ground(rabbit, mongo, tmp_path_factory.mktemp("house"))
    yield ground
    await ground.close()


@pytest.fixture
async def world(ground: Ground) -> World:
    """A world on the session's servers, which no test may harm, with everything in order."""
    return await ground.world()


@pytest.fixture(scope="session")
async def ground_at_risk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """A ground with servers of its own, to stop, kill and freeze."""
    base_dir = tmp_path_factory.mktemp("at_risk")
    rabbit, mongo = RabbitNode(base_dir / "rabbitmq"), MongoNode(base_dir / "mongodb")
    try:
        await asyncio.gather(asyncio.to_thread(rabbit.start), asyncio.to_thread(mongo.start))
        ground = Ground(rabbit, mongo, base_dir / "house")
        yield ground
        await ground.close()
    finally:
        rabbit.kill()
        mongo.kill()
        shutil.rmtree(base_dir / "rabbitmq", ignore_errors=True)
        shutil.rmtree(base_dir / "mongodb", ignore_errors=True)
