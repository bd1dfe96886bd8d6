"""The health service with API and console, shared by the tests of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from console_world import ConsoleWorld, open_console

from local.nodes import MongoNode, RabbitNode


@pytest.fixture(scope="module")
async def console(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleWorld]:
    """A running health service; the tests of a file share it, so each makes what it changes."""
    async with open_console(rabbit, mongo, tmp_path_factory.mktemp("console")) as world:
        yield world
