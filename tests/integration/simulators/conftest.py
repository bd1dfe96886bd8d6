"""An endpoint for callbacks."""

from collections.abc import AsyncIterator

import pytest
from hook_world import Hook


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    endpoint = Hook()
    await endpoint.start()
    yield endpoint
    await endpoint.stop()
