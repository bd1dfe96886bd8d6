"""How batches and lanes work through a subscription, whichever broker carries it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest

from common.bus.messages import BusUnavailable, Delivery, Unroutable, attempts_of
from common.bus.topology import dead_queue
from common.bus.verdicts import Done, Verdict
from common.bus.work import Batches, Lanes
from common.errors import StoreUnavailable
from tests.conformance.bus_world import (
    HOUSE,
    SHORT,
    WORK,
    World,
    bodies,
    eventually,
    next_of,
    soon,
    texts,
)

RETRIES = (SHORT,)


@contextlib.asynccontextmanager
async def running(worker: Batches | Lanes) -> AsyncIterator[asyncio.Task[None]]:
    """The worker at work, drained afterwards."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        await soon(worker.drain())
        await soon(task)


class Count:
    """Counts bodies, and says when enough have come."""

    def __init__(self, enough: int):
        self.seen: Counter[str] = Counter()
        self.batches: list[int] = []
        self.done = asyncio.Event()
        self._enough = enough

    def add(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        self.seen.update(bodies(deliveries))
        self.batches.append(len(deliveries))
        if self.seen.total() >= self._enough:
            self.done.set()
        return [Done()] * len(deliveries)


class OwnLane(str):
    """A conversation whose lane is known, whatever the hash seed."""

    __slots__ = ("_place",)

    def __new__(cls, place: int) -> OwnLane:
        made = super().__new__(cls)
        made._place = place
        return made

    def __hash__(self) -> int:
        return self._place


class WorkSuite:
    """Inherited by the tests of each broker, which give the fixture `world`."""

    async def test_a_batch_takes_what_is_there_up_to_its_size(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(25))
        source = await bus.subscribe(WORK, prefetch=100)
        await eventually(lambda: source.deliveries.qsize() == 25)
        count = Count(25)

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            return count.add(batch)

        async with running(Batches(source, bus, handle, size=10)):
            await soon(count.done.wait())
        assert count.batches == [10, 10, 5]
        assert set(count.seen.values()) == {1}

    async def test_one_bad_message_is_parked_and_its_batch_is_done(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        await bus.publish_all(texts(10))
        source = await bus.subscribe(WORK, prefetch=100)
        count, tries = Count(9), []

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            if "m4" in bodies(batch):
                if len(batch) == 1:
                    tries.append(attempts_of(batch[0]))
                raise ValueError("m4 is bad")
            return count.add(batch)

        async with running(Batches(source, bus, handle, retry_delays=RETRIES)):
            assert bodies([await next_of(dead)]) == ["m4"]
            await soon(count.done.wait())
        assert tries == [0, 1]
        assert dict(count.seen) == {f"m{n}": 1 for n in range(10) if n != 4}

    @pytest.mark.parametrize("fault", [StoreUnavailable, BusUnavailable])
    async def test_an_infrastructure_fault_waits_in_place_and_goes_on(
        self, world: World, fault: type[Exception]
    ) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=100)
        count, faults = Count(1), [fault(), fault()]

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            assert not batch[0].redelivered
            if faults:
                raise faults.pop()
            return count.add(batch)

        async with running(Batches(source, bus, handle, retry_delays=())):
            await bus.publish_all(texts(1))
            await soon(count.done.wait())
        assert dict(count.seen) == {"m0": 1}

    async def test_a_message_that_nobody_can_take_does_not_hold_up_the_others(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        source = await bus.subscribe(WORK, prefetch=100)
        count = Count(1)

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            if "m0" in bodies(batch):
                raise Unroutable("m0")
            return count.add(batch)

        async with running(Batches(source, bus, handle, retry_delays=())):
            await bus.publish_all(texts(2))
            assert bodies([await next_of(dead)]) == ["m0"]
            await soon(count.done.wait())

    async def test_a_drain_settles_the_batch_in_hand_and_leaves_the_rest(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(10))
        source = await bus.subscribe(WORK, prefetch=100)
        begun, go, count = asyncio.Event(), asyncio.Event(), Count(10)

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            begun.set()
            await go.wait()
            return count.add(batch)

        worker = Batches(source, bus, handle, size=4)
        task = asyncio.create_task(worker.run())
        await soon(begun.wait())
        await soon(worker.drain())
        go.set()
        await soon(task)
        await bus.close()
        await self._work_off(world, count)
        assert dict(count.seen) == {f"m{n}": 1 for n in range(10)}

    async def test_a_drain_during_a_fallback_settles_what_was_done_singly(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(6))
        source = await bus.subscribe(WORK, prefetch=100)
        await eventually(lambda: source.deliveries.qsize() == 6)
        count, stuck = Count(6), asyncio.Event()

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            if len(batch) > 1:
                raise ValueError
            if bodies(batch) == ["m3"]:
                stuck.set()
                raise StoreUnavailable
            return count.add(batch)

        worker = Batches(source, bus, handle)
        task = asyncio.create_task(worker.run())
        await soon(stuck.wait())
        await soon(worker.drain())
        await soon(task)
        await bus.close()
        await self._work_off(world, count)
        assert dict(count.seen) == {f"m{n}": 1 for n in range(6)}

    async def test_a_batch_whose_connection_was_cut_is_neither_lost_nor_settled(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(5))
        source = await bus.subscribe(WORK, prefetch=100)
        count = Count(10)
        cut = False

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            nonlocal cut
            if not cut:
                cut = True
                await world.cut()
                await asyncio.sleep(0.1)
            return count.add(batch)

        async with running(Batches(source, bus, handle, linger=0.05)):
            await eventually(lambda: len(count.seen) == 5)
            again = await bus.subscribe(WORK, prefetch=1)
            assert await world.stays_empty(again)

    async def test_lanes_keep_order_within_and_run_side_by_side(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=100)
        order: dict[str, list[int]] = {"a": [], "b": []}
        both, finished = asyncio.Event(), asyncio.Event()
        at_work: set[str] = set()

        async def handle(delivery: Delivery) -> Verdict:
            lane, number = delivery.body.decode().split(".")
            at_work.add(lane)
            if len(at_work) == 2:
                both.set()
            await soon(both.wait())  # Neither lane can go on before the other has begun.
            order[lane].append(int(number))
            if sum(map(len, order.values())) == 20:
                finished.set()
            return Done()

        lanes = {"a": OwnLane(0), "b": OwnLane(1)}
        worker = Lanes(source, bus, handle, lanes=2, lane_of=lambda d: lanes[d.body.decode()[0]])
        async with running(worker):
            await bus.publish_all([*texts(10, "a."), *texts(10, "b.")])
            await soon(finished.wait())
        assert order == {"a": list(range(10)), "b": list(range(10))}

    async def test_lanes_hold_no_more_than_the_prefetch(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(20))
        source = await bus.subscribe(WORK, prefetch=4)
        inside, most, count = 0, 0, Count(20)

        async def handle(delivery: Delivery) -> Verdict:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1
            return count.add([delivery])[0]

        async with running(Lanes(source, bus, handle, lane_of=lambda d: d.message_id)):
            await soon(count.done.wait())
        assert 1 < most <= 4
        assert set(count.seen.values()) == {1}

    async def test_a_drain_of_lanes_under_load_loses_nothing_and_repeats_nothing(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(200))
        source = await bus.subscribe(WORK, prefetch=50)
        count, some = Count(200), asyncio.Event()

        async def handle(delivery: Delivery) -> Verdict:
            await asyncio.sleep(0.002)
            if count.seen.total() > 30:
                some.set()
            return count.add([delivery])[0]

        async with running(Lanes(source, bus, handle, lane_of=lambda d: d.message_id)):
            await soon(some.wait())
        await bus.close()
        assert count.seen.total() < 200
        await self._work_off(world, count)
        assert dict(count.seen) == {f"m{n}": 1 for n in range(200)}

    async def test_a_lane_goes_on_after_a_bad_message(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        source = await bus.subscribe(WORK, prefetch=10)
        count = Count(2)

        async def handle(delivery: Delivery) -> Verdict:
            if delivery.body == b"m1":
                raise ValueError
            return count.add([delivery])[0]

        worker = Lanes(source, bus, handle, lanes=1, lane_of=lambda _: "", retry_delays=RETRIES)
        async with running(worker):
            await bus.publish_all(texts(3))
            assert bodies([await next_of(dead)]) == ["m1"]
            await soon(count.done.wait())
        assert dict(count.seen) == {"m0": 1, "m2": 1}

    async def _work_off(self, world: World, count: Count) -> None:
        """Let a fresh process take what was left."""
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=100)

        async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
            return count.add(batch)

        async with running(Batches(source, bus, handle)):
            await soon(count.done.wait())
            assert await world.stays_empty(source)
