"""Each service lives while its servers are away, says what it lacks, and is ready when they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pymongo
import pytest

from common.secrets import generate_master_key
from local.house import SERVICES, Address, House
from local.nodes import MongoNode, RabbitNode

PATIENCE = 60
STORE_TIMEOUT = "1"
NO_PRIMARY_SECONDS = 5
"""Longer than the time-out and the pause between two questions."""

LACKING = {
    "webhook": {"bus", "numbers", "connections"},
    "processor": {"rabbitmq", "mongodb", "numbers"},
    "sender": {"rabbitmq", "mongodb"},
    "health": {"mongodb", "console"},
}
"""What each says while both are away."""

USING_THE_STORE = {"processor", "sender", "health"}
"""A webhook that knows its numbers needs no store."""

Problems = Mapping[str, str]


async def asked(house: House, name: str, path: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{house.services[name].management_port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        body = await (answer.json() if path == "/readyz" else answer.text())
        return answer.status, body


async def until(house: House, name: str, wanted: Callable[[Problems], bool]) -> Problems:
    """Ask for a service's problems, as a kubelet does, until they are as wanted. Each answer is 200
    without problems and 503 with some, and the process lives all the while."""
    problems: Problems = {}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                status, body = await asked(house, name, "/readyz")
                assert (await asked(house, name, "/livez"))[0] == 200
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)  # It begins to listen in a moment.
                continue
            problems = body["problems"]
            assert (status, body["ready"]) == ((503, False) if problems else (200, True))
            if wanted(problems):
                return problems
            await asyncio.sleep(0.05)


@pytest.fixture
async def house(
    own_rabbit: RabbitNode, own_mongo: MongoNode, tmp_path: Path
) -> AsyncIterator[House]:
    address = Address(own_rabbit.url, own_mongo.uri, "heliograph", generate_master_key())
    made = House(tmp_path / "house", address, mongodb_timeout=STORE_TIMEOUT)
    yield made
    await made.stop()


async def test_services_say_what_they_lack_and_are_ready_as_soon_as_it_is_there(
    house: House, own_rabbit: RabbitNode, own_mongo: MongoNode
) -> None:
    await asyncio.gather(asyncio.to_thread(own_rabbit.kill), asyncio.to_thread(own_mongo.kill))
    for service in house.services.values():
        service.start()
    for name in SERVICES:
        problems = await until(house, name, lambda found, name=name: found.keys() >= LACKING[name])
        assert all(text.endswith(".") and "\n" not in text for text in problems.values())
        for secret in (house.address.master_key, "guest:guest"):
            assert secret not in str(problems)

    await asyncio.gather(asyncio.to_thread(own_rabbit.start), asyncio.to_thread(own_mongo.start))
    await asyncio.gather(*(until(house, name, lambda found: not found) for name in SERVICES))

    # A store that can be read but takes no writes is no store.
    await asyncio.to_thread(step_down, own_mongo)
    for name in USING_THE_STORE:
        assert "mongodb" in await until(house, name, lambda found: "mongodb" in found)
    assert (await asked(house, "webhook", "/readyz"))[0] == 200
    await asyncio.gather(*(until(house, name, lambda found: not found) for name in SERVICES))

    # A consumer that stopped is told, and is back with its broker.
    await asyncio.to_thread(own_rabbit.kill)
    for name in ("processor", "sender"):
        await until(house, name, lambda found: found.keys() >= {"rabbitmq", "consuming"})
    # The kill switch needs no broker, nor does who reaches for it.
    assert (await asked(house, "health", "/readyz"))[0] == 200
    await asyncio.to_thread(own_rabbit.start)
    await asyncio.gather(*(until(house, name, lambda found: not found) for name in SERVICES))

    await house.stop()
    assert {name: service.exit_code for name, service in house.services.items()} == dict.fromkeys(
        SERVICES, 0
    )


def step_down(node: MongoNode) -> None:
    with pymongo.MongoClient[dict[str, Any]](node.uri) as client:
        client.admin.command("replSetStepDown", NO_PRIMARY_SECONDS, force=True)
