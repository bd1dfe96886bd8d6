"""Faults of our own: whatever it is, the answer is 503, in time, and says nothing of the inside."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter
from typing import Any

import aiohttp
import orjson
import pytest
from webhook_world import FakeBus, FakeNumbers, event_grid, received_data, webhook

from common.bus.messages import BusUnavailable, PublishRefused, Unroutable
from common.errors import StoreUnavailable

TEXT = [event_grid(received_data())]


def unavailable(answer: tuple[int, Any], code: str) -> bool:
    status, problem = answer
    return (status, problem["status"], problem["code"]) == (503, 503, code)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (BusUnavailable("frozen"), "bus_unavailable"),
        (Unroutable("no queue"), "bus_unroutable"),
        (PublishRefused("full"), "bus_refused"),
        (StoreUnavailable("away"), "store_unavailable"),
        (KeyError("canary-in-an-exception"), "unexpected"),
        (RuntimeError("canary-in-an-exception"), "unexpected"),
    ],
)
async def test_every_fault_of_our_own_is_a_503_that_says_when_to_come_again(
    fault: Exception, code: str
) -> None:
    bus = FakeBus()
    bus.fault = fault
    async with webhook(bus) as world:
        async with world.session.post(world.url, data=orjson.dumps(TEXT)) as response:
            body = await response.read()
            assert int(response.headers["Retry-After"]) > 0
            assert response.content_type == "application/problem+json"
            assert unavailable((response.status, orjson.loads(body)), code)
            assert b"canary" not in body
            assert b"Traceback" not in body
        assert world.counted("received", "published") == 0
        bus.fault = None
        assert await world.post(TEXT) == (200, None)


async def test_a_number_that_cannot_be_looked_up_brings_the_whole_delivery_back() -> None:
    numbers, bus = FakeNumbers(), FakeBus()
    numbers.away = True
    async with webhook(bus, numbers) as world:
        unknown = event_grid(received_data(2, to="15550000000"))
        assert unavailable(await world.post([*TEXT, unknown]), "store_unavailable")
        assert await world.post(TEXT) == (200, None)


async def test_a_parked_event_that_the_broker_did_not_take_brings_the_delivery_back() -> None:
    bus = FakeBus()
    bus.fault = PublishRefused("full")
    async with webhook(bus) as world:
        assert unavailable(await world.post(["broken"]), "bus_refused")


async def test_what_takes_longer_than_the_deadline_is_a_503() -> None:
    bus = FakeBus()
    bus.open.clear()
    async with webhook(bus, deadline=0.2) as world:
        began = perf_counter()
        assert unavailable(await world.post(TEXT), "deadline")
        assert perf_counter() - began < 2


async def test_a_body_that_does_not_arrive_is_a_408() -> None:
    async def slow() -> Any:
        yield b"["
        await asyncio.sleep(30)

    async with webhook(FakeBus(), deadline=0.2) as world:
        began = perf_counter()
        async with world.session.post(world.url, data=slow()) as response:
            assert response.status == 408
            assert (await response.json(content_type=None))["code"] == "slow_body"
        assert perf_counter() - began < 2


async def test_more_than_can_be_in_hand_is_refused_at_once_and_the_rest_succeeds() -> None:
    bus = FakeBus()
    bus.open.clear()
    async with webhook(bus, concurrency=3) as world:
        waiting = [asyncio.create_task(world.post(TEXT)) for _ in range(4)]
        done, held = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [unavailable(task.result(), "overloaded") for task in done] == [True]
        bus.open.set()
        assert await asyncio.gather(*held) == [(200, None)] * 3
        assert await world.post(TEXT) == (200, None)


async def test_a_stop_answers_what_is_in_hand() -> None:
    bus = FakeBus()
    bus.open.clear()
    entered = asyncio.Event()
    real = bus.publish_all

    async def publish_all(messages: Any) -> Any:
        entered.set()
        return await real(messages)

    bus.publish_all = publish_all  # type: ignore[method-assign]
    async with webhook(bus) as world:
        posting = asyncio.create_task(world.post(TEXT))
        await entered.wait()
        stopping = asyncio.create_task(world.server.stop())
        await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientConnectionError):
            await world.post(TEXT)
        bus.open.set()
        assert await posting == (200, None)
        await stopping


async def test_unknown_paths_and_methods_are_plain_client_errors() -> None:
    async with webhook(FakeBus()) as world:
        for path in ("/", "/api/webhooks/acs", "/api/webhooks/acs/sms/more"):
            url = world.url.replace("/api/webhooks/acs/sms", path)
            async with world.session.post(url, data=b"[]") as response:
                assert response.status == 404
        async with world.session.get(world.url) as response:
            assert response.status == 405


async def test_a_request_that_cannot_be_parsed_leaves_no_secret_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with webhook(FakeBus()) as world:
        port = int(world.url.split(":")[2].split("/")[0])
        for line in (
            b"POST /api/webhooks/acs/sms?code=canary-secret BROKEN\r\n\r\n",
            b"POST /api/webhooks/acs/sms?code=canary-secret" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(line)
            assert b" 400 " in await reader.readline()
            writer.close()
            await writer.wait_closed()
    assert "canary" not in caplog.text
