"""The number cache: answers from memory, asks once, and never forgets what it knows because the
store is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from webhook_world import OURS, registered

from common import snapshot as module
from common.errors import StoreUnavailable
from common.numbers import NumberCache, changes_queue, follow
from common.store.records import RegisteredNumber

pytestmark = pytest.mark.unit

OTHER = "+15551239999"


class FakeDirectory:
    """Counts what it is asked. `away` fails; `open` cleared keeps everybody waiting."""

    def __init__(self, *addresses: str):
        self.numbers = {address: registered(address) for address in addresses}
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.loads = 0
        self.lookups: list[str] = []
        self.asked = asyncio.Event()
        self.loaded = asyncio.Condition()

    async def all_numbers(self) -> Sequence[RegisteredNumber]:
        async with self.loaded:
            self.loads += 1
            self.loaded.notify_all()
        await self._answer()
        return list(self.numbers.values())

    async def find_number(self, address: str) -> RegisteredNumber | None:
        self.lookups.append(address)
        self.asked.set()
        await self._answer()
        return self.numbers.get(address)

    async def ping(self) -> None:
        await self._answer()

    async def until_loads(self, count: int) -> None:
        async with self.loaded:
            await self.loaded.wait_for(lambda: self.loads >= count)

    async def _answer(self) -> None:
        await self.open.wait()
        if self.away:
            raise StoreUnavailable("away")


@asynccontextmanager
async def cache_of(directory: FakeDirectory, **options: Any) -> AsyncIterator[NumberCache]:
    cache = NumberCache(directory, **options)
    cache.start()
    try:
        yield cache
    finally:
        directory.open.set()
        await cache.close()


async def loaded(cache: NumberCache) -> None:
    """Wait for the first snapshot."""
    async with asyncio.timeout(10):
        await cache._loaded.wait()


async def test_a_known_number_costs_no_lookup() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        assert await cache.find(OURS) == registered(OURS)
        assert directory.lookups == []
        assert cache.problem is None


async def test_it_has_a_problem_until_the_first_load_and_then_never_again() -> None:
    directory = FakeDirectory(OURS)
    directory.open.clear()
    async with cache_of(directory, refresh=0.2) as cache:
        assert cache.problem is not None
        directory.open.set()
        await loaded(cache)
        directory.away = True
        assert cache.problem is None


async def test_an_unknown_number_is_looked_up_once_and_then_known_to_be_unknown() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        assert [await cache.find(OTHER) for _ in range(3)] == [None, None, None]
        assert directory.lookups == [OTHER]


async def test_many_who_ask_at_once_cause_one_lookup() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        directory.numbers[OTHER] = registered(OTHER)
        found = await asyncio.gather(*(cache.find(OTHER) for _ in range(50)))
        assert found == [registered(OTHER)] * 50
        assert directory.lookups == [OTHER]
        assert await cache.find(OTHER) == registered(OTHER)
        assert directory.lookups == [OTHER]


async def test_one_who_gives_up_does_not_end_the_lookup_of_the_others() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        directory.open.clear()
        impatient, patient = (asyncio.create_task(cache.find(OTHER)) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        directory.open.set()
        assert await patient is None
        assert impatient.cancelled() or await asyncio.wait({impatient})


async def test_absence_is_forgotten_after_its_time() -> None:
    now = 100.0
    directory = FakeDirectory(OURS)
    async with cache_of(directory, absent_for=10.0, clock=lambda: now) as cache:
        await loaded(cache)
        assert await cache.find(OTHER) is None
        now = 109.0
        assert await cache.find(OTHER) is None
        now = 111.0
        assert await cache.find(OTHER) is None
        assert directory.lookups == [OTHER, OTHER]


async def test_a_change_makes_a_number_known_at_once_that_was_absent() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        assert await cache.find(OTHER) is None
        directory.numbers[OTHER] = registered(OTHER)
        cache.changed()
        assert await cache.find(OTHER) == registered(OTHER)


async def test_a_change_during_a_lookup_keeps_its_absence_from_being_remembered() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        directory.open.clear()
        asking = asyncio.create_task(cache.find(OTHER))
        await directory.asked.wait()
        cache.changed()
        directory.open.set()
        assert await asking is None
        directory.numbers[OTHER] = registered(OTHER)
        assert await cache.find(OTHER) == registered(OTHER)


async def test_a_change_loads_the_snapshot_again_and_drops_what_is_gone() -> None:
    directory = FakeDirectory(OURS, OTHER)
    async with cache_of(directory) as cache:
        await loaded(cache)
        del directory.numbers[OTHER]
        cache.changed()
        await directory.until_loads(2)
        await asyncio.sleep(0.01)  # The cache's own turn, after the directory's answer.
        assert await cache.find(OTHER) is None


async def test_time_loads_the_snapshot_again() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory, refresh=0.01):
        await directory.until_loads(3)


async def test_a_warm_snapshot_keeps_serving_while_the_store_is_away() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory, refresh=0.01) as cache:
        await loaded(cache)
        directory.away = True
        cache.changed()
        await directory.until_loads(3)
        assert await cache.find(OURS) == registered(OURS)
        with pytest.raises(StoreUnavailable):
            await cache.find(OTHER)
        directory.away = False
        assert await cache.find(OTHER) is None


async def test_a_cold_cache_says_that_the_store_is_away_and_recovers_by_itself() -> None:
    directory = FakeDirectory(OURS)
    directory.away = True
    async with cache_of(directory, refresh=0.01) as cache:
        with pytest.raises(StoreUnavailable):
            await cache.find(OURS)
        directory.away = False
        await loaded(cache)
        assert await cache.find(OURS) == registered(OURS)


async def test_a_cold_cache_with_a_store_that_answers_lookups_finds_numbers() -> None:
    directory = FakeDirectory(OURS)
    assert await NumberCache(directory).find(OURS) == registered(OURS)


async def test_a_lookup_that_takes_too_long_is_a_store_that_is_away() -> None:
    directory = FakeDirectory(OURS)
    async with cache_of(directory, lookup_deadline=0.02) as cache:
        await loaded(cache)
        directory.open.clear()
        with pytest.raises(StoreUnavailable):
            await cache.find(OTHER)


async def test_what_is_remembered_and_what_is_asked_at_once_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LOOKUPS_WAITING", 10)
    directory = FakeDirectory(OURS)
    async with cache_of(directory, absent_limit=5) as cache:
        await loaded(cache)
        for last in range(8):
            assert await cache.find(f"+1555000000{last}") is None
        assert len(cache._absent) == 5
        directory.open.clear()
        waiting = [asyncio.create_task(cache.find(f"+1555000001{n}")) for n in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await cache.find(OTHER)
        directory.open.set()
        assert await asyncio.gather(*waiting) == [None] * 10


async def test_an_error_nobody_thought_of_does_not_end_the_loading() -> None:
    class Odd(FakeDirectory):
        async def all_numbers(self) -> Sequence[RegisteredNumber]:
            found = await super().all_numbers()
            if self.loads == 1:
                raise KeyError("address")
            return found

    directory = Odd(OURS)
    async with cache_of(directory, refresh=0.01) as cache:
        await loaded(cache)
        assert await cache.find(OURS) == registered(OURS)


async def test_every_message_of_a_change_is_acked_and_told() -> None:
    class Delivery:
        def __init__(self) -> None:
            self.acked = asyncio.Event()

        async def ack(self, *, multiple: bool = False) -> None:
            self.acked.set()

    class Changes:
        deliveries: asyncio.Queue[Any] = asyncio.Queue()

    directory = FakeDirectory(OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        following = asyncio.create_task(follow(Changes(), cache))
        delivery = Delivery()
        Changes.deliveries.put_nowait(delivery)
        await delivery.acked.wait()
        await directory.until_loads(2)
        following.cancel()
        await asyncio.wait({following})


def test_two_processes_hear_of_changes_on_queues_of_their_own() -> None:
    assert changes_queue("a").name != changes_queue("b").name
    assert changes_queue("a").bindings[0].exchange == "heliograph.changes"


async def test_a_short_number_is_found_with_and_without_its_country_for_its_own_tenant() -> None:
    directory = FakeDirectory("NO-2333", "98765", OURS)
    async with cache_of(directory) as cache:
        await loaded(cache)
        tenant = registered(OURS).tenant_id
        for told, known in (
            ("NO-2333", "NO-2333"),
            ("2333", "NO-2333"),
            ("98765", "98765"),
            ("US-98765", "98765"),
            (OURS, OURS),
        ):
            found = await cache.find_for(tenant, told)
            assert found is not None
            assert found.address == known
        assert await cache.find_for("another", "2333") is None
        assert await cache.find_for("another", OURS) is None
        assert await cache.find_for(tenant, "2334") is None


async def test_a_short_number_is_not_given_up_before_all_are_known() -> None:
    directory = FakeDirectory("NO-2333")
    cache = NumberCache(directory)
    with pytest.raises(StoreUnavailable):
        await cache.find_for("acme", "2333")
    await cache.close()
