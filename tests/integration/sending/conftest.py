"""The sender's world, afresh for each test."""

from collections.abc import AsyncIterator

import pytest
from sender_world import KEY, NUMBER, World

from local.simulator import Simulator


@pytest.fixture
async def world(vhost_url: str, mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    async with Simulator(access_key=KEY, numbers=[NUMBER], time_scale=0.001, seed=1) as sim:
        made = World(
            url=vhost_url,
            mongo_uri=mongo_uri,
            mongo_database=mongo_database,
            sim=sim,
            bus_user="guest",
        )
        await made.prepare()
        yield made
        await made.close()
