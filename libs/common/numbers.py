"""Which numbers are ours, answered from memory.

A snapshot of all connected numbers is loaded in the background and renewed by time and by every
`connection.changed`. An address that the snapshot does not hold is looked up once, however many ask
for it at the same time; that nothing was found is remembered for a short while.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from common.addresses import mask
from common.bus.messages import Delivery
from common.bus.topology import CHANGES_EXCHANGE, Binding, Queue
from common.errors import StoreUnavailable
from common.store.ports import Directory
from common.store.records import RegisteredNumber

log = structlog.get_logger(__name__)

_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to load the snapshot while the store is away."""

_BREATH: Final = 0.1
"""Seconds between two loads at least, so that many changes at once cost one load, not many."""

_LOAD_DEADLINE: Final = 30.0
_LOOKUPS_AT_ONCE: Final = 32
_LOOKUPS_WAITING: Final = 2_000


class NumberCache:
    """The connected numbers.

    Args:
        directory: where they are kept.
        refresh: seconds after which the snapshot is loaded again.
        absent_for: seconds for which an unknown address is taken to stay unknown.
        absent_limit: how many unknown addresses are remembered.
        lookup_deadline: seconds after which one lookup counts as failed.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        refresh: float = 30.0,
        absent_for: float = 10.0,
        absent_limit: int = 10_000,
        lookup_deadline: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._directory = directory
        self._refresh = refresh
        self._absent_for = absent_for
        self._absent_limit = absent_limit
        self._lookup_deadline = lookup_deadline
        self._clock = clock
        self._numbers: dict[str, RegisteredNumber] | None = None
        self._absent: dict[str, float] = {}
        self._lookups: dict[str, asyncio.Task[RegisteredNumber | StoreUnavailable | None]] = {}
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        self._era = 0
        self._changed = asyncio.Event()
        self._loaded = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why the cache cannot answer by itself, or None where it can."""
        return None if self._loaded.is_set() else "the numbers are not loaded yet"

    def start(self) -> None:
        """Begin loading; returns at once."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="numbers")

    async def close(self) -> None:
        """Stop loading and give up the lookups under way."""
        tasks = [*self._lookups.values(), *([self._keeper] if self._keeper else [])]
        self._keeper = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def changed(self) -> None:
        """Something changed: forget what was absent, and load the snapshot again."""
        self._era += 1
        self._absent.clear()
        self._changed.set()

    async def find(self, address: str) -> RegisteredNumber | None:
        """The connected number with this address, given in normal form.

        Raises:
            StoreUnavailable: the snapshot does not hold it and the store cannot be asked.
        """
        if self._numbers is not None and (number := self._numbers.get(address)) is not None:
            return number
        if self._absent.get(address, 0.0) > self._clock():
            return None
        found = await asyncio.shield(self._lookup(address))
        if isinstance(found, StoreUnavailable):
            raise StoreUnavailable(str(found))
        return found

    def _lookup(self, address: str) -> asyncio.Task[RegisteredNumber | StoreUnavailable | None]:
        """The one lookup of an address. Its fault is a result, because nobody may be left waiting
        to hear of an exception."""
        lookup = self._lookups.get(address)
        if lookup is None:
            if len(self._lookups) >= _LOOKUPS_WAITING:
                raise StoreUnavailable("too many numbers are being looked up")
            lookup = asyncio.create_task(self._ask(address), name="numbers.lookup")
            self._lookups[address] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(address, None))
        return lookup

    async def _ask(self, address: str) -> RegisteredNumber | StoreUnavailable | None:
        era = self._era
        try:
            async with asyncio.timeout(self._lookup_deadline), self._slots:
                found = await self._directory.find_number(address)
        except StoreUnavailable as fault:
            return fault
        except TimeoutError:
            return StoreUnavailable("the store did not answer in time")
        if era == self._era:
            self._remember(address, found)
        return found

    def _remember(self, address: str, found: RegisteredNumber | None) -> None:
        if found is None:
            log.warning("numbers.unknown", number=mask(address))
            while len(self._absent) >= self._absent_limit:
                self._absent.pop(next(iter(self._absent)))
            self._absent[address] = self._clock() + self._absent_for
        elif self._numbers is not None:
            self._numbers[address] = found

    async def _keep(self) -> None:
        """Load the snapshot for ever: at a change, after `refresh`, sooner after a failure."""
        failures = itertools.count()
        while True:
            self._changed.clear()
            if await self._load():
                failures = itertools.count()
                pause = self._refresh
            else:
                pause = min(self._refresh, _PAUSES[min(next(failures), len(_PAUSES) - 1)])
            await asyncio.sleep(min(_BREATH, pause))
            try:
                async with asyncio.timeout(max(0.0, pause - _BREATH)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _load(self) -> bool:
        try:
            async with asyncio.timeout(_LOAD_DEADLINE):
                numbers = await self._directory.all_numbers()
        except (StoreUnavailable, TimeoutError) as fault:
            log.warning(
                "numbers.not_loaded", error=type(fault).__name__, warm=self._loaded.is_set()
            )
            return False
        except Exception as error:  # noqa: BLE001 - the cache keeps serving, whatever it was
            log.error("numbers.load_failed", error=type(error).__name__)
            return False
        self._numbers = {number.address: number for number in numbers}
        self._loaded.set()
        return True


class Inbox(Protocol):
    """Where a subscription's messages arrive."""

    async def get(self) -> Delivery: ...


class Changes(Protocol):
    """A subscription to `changes_queue`."""

    @property
    def deliveries(self) -> Inbox: ...


def changes_queue(owner: str) -> Queue:
    """The private queue of one process that hears of every change. `owner` names the process."""
    return Queue(f"{owner}.changes", {}, (Binding(CHANGES_EXCHANGE, ""),))


async def follow(cache: NumberCache, changes: Changes) -> None:
    """Tell the cache of every change, for ever. What a change says does not matter: the snapshot
    is loaded whole, and a change missed while the broker was away is made up for by `refresh`."""
    while True:
        delivery = await changes.deliveries.get()
        cache.changed()
        await delivery.ack()
