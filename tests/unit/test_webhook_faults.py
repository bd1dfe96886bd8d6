"""Faults of our own: whatever it is, the answer is 503, in time, and says nothing of the inside."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import aiohttp
import orjson
import pytest
import structlog
from webhook_world import FakeBus, FakeNumbers, event_grid, received_data, webhook

from common.bus.messages import BusError, BusUnavailable, Outgoing, PublishRefused, Unroutable
from common.errors import StoreUnavailable
from webhook import server

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


async def test_an_unforeseen_failure_is_logged_with_its_file_and_without_its_text() -> None:
    bus = FakeBus()
    bus.fault = RuntimeError("canary-in-an-exception")
    with structlog.testing.capture_logs() as logged:
        async with webhook(bus) as world:
            await world.post(TEXT)
    (line,) = [line for line in logged if line["event"] == "delivery.failed"]
    assert re.fullmatch(r"webhook_world\.py:\d+ in publish_all", line["place"])
    assert "canary" not in str(logged)


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


class SlowBus(FakeBus):
    """Confirms each part of a delivery after a while."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        await asyncio.sleep(self.seconds)
        return await super().publish_all(messages)


class LeapingBus(FakeBus):
    """Confirms each part of a delivery after so many seconds of the loop's, which pass at once, so
    that a busy machine is in time too. After the last that is given it is silent."""

    def __init__(self, *seconds: float):
        super().__init__()
        self.seconds = seconds
        self.parts = 0
        self.passed = 0.0
        self.confirmed_at = 0.0
        self._real = asyncio.get_running_loop().time

    def time(self) -> float:
        return self._real() + self.passed

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        self.passed += self.seconds[self.parts]
        self.parts += 1
        if self.parts == len(self.seconds):
            self.open.clear()
        await asyncio.sleep(0.01)  # What has run out by now is seen first.
        faults = await super().publish_all(messages)
        self.confirmed_at = self.time()
        return faults


async def test_a_large_delivery_is_given_more_time_while_its_parts_are_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = LeapingBus(4, 4, 4, 4, 4, 0)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", bus.time)
    async with webhook(bus, deadline=10) as world:
        assert await world.post(many(1_250)) == (200, None)
    assert (bus.parts, len(bus.messages)) == (5, 1_250)


async def test_a_broker_that_stops_confirming_in_the_middle_is_a_503_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = LeapingBus(5, 10)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", bus.time)
    async with webhook(bus, deadline=10, body_limit=8_000_000) as world:
        assert unavailable(await world.post(many(5_000)), "deadline")
        assert 10 <= bus.time() - bus.confirmed_at < 15
        assert world.counted("received", "published") == 0
    assert bus.parts == 2


async def test_no_answer_is_later_than_event_grid_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LONGEST_ANSWER", 0.6)
    async with webhook(SlowBus(0.25), deadline=0.5) as world:
        assert unavailable(await world.post(many(1_500)), "deadline")


def many(events: int) -> list[Any]:
    return [event_grid(received_data(number)) for number in range(events)]


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
