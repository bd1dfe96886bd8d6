"""What a service must know at once, answered from memory.

A snapshot of everything is loaded in the background and renewed by time and by every
`connection.changed`. A key that the snapshot does not hold is looked up once, however many ask for
it at the same time; that nothing was found is remembered for a short while.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, Protocol, TypeVar

import structlog

from common.errors import StoreUnavailable

log = structlog.get_logger(__name__)

V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)

_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to load the snapshot while the store is away."""

_BREATH: Final = 0.1
"""Seconds between two loads at least, so that many changes at once cost one load, not many."""

_LOAD_DEADLINE: Final = 30.0
_LOOKUPS_AT_ONCE: Final = 32
_LOOKUPS_WAITING: Final = 2_000


class Source(Protocol[T_co]):
    """Where it is kept."""

    async def all(self) -> Mapping[str, T_co]: ...
    async def find(self, key: str) -> T_co | None: ...


class Snapshot(Generic[V]):
    """What is known by its key.

    Args:
        source: where it is kept.
        what: what it is, in the plural, for logs and for whoever asks why nothing is known yet.
        shown: a key as logs may show it.
        refresh: seconds after which the snapshot is loaded again.
        absent_for: seconds for which an unknown key is taken to stay unknown.
        absent_limit: how many unknown keys are remembered.
        lookup_deadline: seconds after which one lookup counts as failed.
    """

    def __init__(
        self,
        source: Source[V],
        *,
        what: str,
        shown: Callable[[str], str] = str,
        refresh: float = 30.0,
        absent_for: float = 10.0,
        absent_limit: int = 10_000,
        lookup_deadline: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._source = source
        self._what = what
        self._shown = shown
        self._refresh = refresh
        self._absent_for = absent_for
        self._absent_limit = absent_limit
        self._lookup_deadline = lookup_deadline
        self._clock = clock
        self._known: dict[str, V] | None = None
        self._absent: dict[str, float] = {}
        self._lookups: dict[str, asyncio.Task[V | StoreUnavailable | None]] = {}
        self._slots = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        self._era = 0
        self._changed = asyncio.Event()
        self._loaded = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """Why the cache cannot answer by itself, or None where it can."""
        return None if self._loaded.is_set() else f"The {self._what} are not loaded yet."

    def start(self) -> None:
        """Begin loading; returns at once."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=self._what)

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

    async def find(self, key: str) -> V | None:
        """What is known by this key.

        Raises:
            StoreUnavailable: the snapshot does not hold it and the store cannot be asked.
        """
        if self._known is not None and (found := self._known.get(key)) is not None:
            return found
        if self._absent.get(key, 0.0) > self._clock():
            return None
        return await self.renewed(key)

    def _lookup(self, key: str) -> asyncio.Task[V | StoreUnavailable | None]:
        """The one lookup of a key. Its fault is a result, because nobody may be left waiting
        to hear of an exception."""
        lookup = self._lookups.get(key)
        if lookup is None:
            if len(self._lookups) >= _LOOKUPS_WAITING:
                raise StoreUnavailable("too many keys are being looked up")
            lookup = asyncio.create_task(self._ask(key), name=f"{self._what}.lookup")
            self._lookups[key] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(key, None))
        return lookup

    async def renewed(self, key: str) -> V | None:
        """As `find`, but asked of the source, for a caller who has a reason to believe that what is
        known is out of date.

        Raises:
            StoreUnavailable: the source cannot be asked.
        """
        found: V | StoreUnavailable | None = await asyncio.shield(self._lookup(key))
        if isinstance(found, StoreUnavailable):
            raise StoreUnavailable(str(found))
        return found

    async def _ask(self, key: str) -> V | StoreUnavailable | None:
        era = self._era
        try:
            async with asyncio.timeout(self._lookup_deadline), self._slots:
                found = await self._source.find(key)
        except StoreUnavailable as fault:
            return fault
        except TimeoutError:
            return StoreUnavailable("the store did not answer in time")
        if era == self._era:
            self._remember(key, found)
        return found

    def _remember(self, key: str, found: V | None) -> None:
        if found is None:
            log.warning("snapshot.unknown", what=self._what, key=self._shown(key))
            if self._known is not None:
                self._known.pop(key, None)
            while len(self._absent) >= self._absent_limit:
                self._absent.pop(next(iter(self._absent)))
            self._absent[key] = self._clock() + self._absent_for
        elif self._known is not None:
            self._known[key] = found

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

    def _index(self, known: Mapping[str, V]) -> None:
        """Called with each new snapshot, for who finds by something else than the key as well."""

    async def _load(self) -> bool:
        try:
            async with asyncio.timeout(_LOAD_DEADLINE):
                known = await self._source.all()
        except (StoreUnavailable, TimeoutError) as fault:
            log.warning(
                "snapshot.not_loaded",
                what=self._what,
                error=type(fault).__name__,
                warm=self._loaded.is_set(),
            )
            return False
        except Exception as error:  # noqa: BLE001 - the cache keeps serving, whatever it was
            log.error("snapshot.load_failed", what=self._what, error=type(error).__name__)
            return False
        self._known = dict(known)
        self._index(self._known)
        self._loaded.set()
        return True
