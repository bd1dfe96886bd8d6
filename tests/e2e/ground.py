"""Where worlds are built: one for many tests, replaced when a test leaves it in disorder."""

from __future__ import annotations

import contextlib
from pathlib import Path

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
