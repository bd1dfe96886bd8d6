"""A simulator, the official SDK's client as the judge of it, and an endpoint for its events."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.communication.sms.aio import SmsClient
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline.transport import AioHttpTransport
from simulator_world import KEY, NUMBER, SECOND_KEY, Endpoint

from local.simulator import Simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    simulator = Simulator(
        access_key=KEY,
        secondary_key=SECOND_KEY,
        numbers=[NUMBER],
        time_scale=0.001,
        seed=1,
    )
    async with simulator:
        yield simulator


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    hook = Endpoint()
    await hook.start()
    yield hook
    await hook.stop()


@pytest.fixture
async def clients(sim: Simulator) -> AsyncIterator[Callable[..., SmsClient]]:
    """Make SDK clients; by default with the right key and without the SDK's own retries."""
    made: list[SmsClient] = []

    def make(key: str = KEY, **options: Any) -> SmsClient:
        transport = AioHttpTransport(use_env_settings=False)
        settings = {"retry_total": 0, "transport": transport} | options
        made.append(SmsClient(sim.url, AzureKeyCredential(key), **settings))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def client(clients: Callable[..., SmsClient]) -> SmsClient:
    return clients()
