"""The census: what lies in dead-letter queues, waits for people, or is in doubt, counted again and
again for the gauges that every replica exports.

What cannot be asked is not guessed: its gauges are NaN until the next answer, which no rule
mistakes for a number, and `heliograph_census_age_seconds` says for how long.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Final, Protocol

import structlog

from common.bus.messages import BusUnavailable
from common.bus.topology import dead_queue
from common.errors import Unavailable
from common.metrics import Metrics
from common.metrics.labels import AGENTS, CONNECTION, OTHER, WORK_QUEUES
from common.store.mongo_census import Counted
from health.repeating import repeat
from heliograph import wire

log = structlog.get_logger(__name__)

_UNKNOWN: Final = math.nan
_MONGODB: Final = "mongodb"
_RABBITMQ: Final = "rabbitmq"


class Store(Protocol):
    """The part of the store that counts over all tenants."""

    async def count(self) -> Counted: ...
    async def agents(self) -> Sequence[tuple[str, str]]: ...


class Broker(Protocol):
    """The part of the bus that knows how much lies in queues."""

    async def of(self, queues: Iterable[str]) -> Mapping[str, int]: ...


class Census:
    """Counts, on every replica.

    Args:
        providers: names of the providers whose connections are counted by name; those of others
            stand together.
        interval: seconds between two looks.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        metrics: Metrics,
        *,
        providers: Iterable[str],
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._store = store
        self._broker = broker
        self._metrics = metrics
        self._providers = (*providers, OTHER)
        self._interval = interval
        self._clock = clock
        self._answered = dict.fromkeys((_MONGODB, _RABBITMQ), clock())
        self._forget_texts()
        self._forget_dead_letters()
        for source in self._answered:
            metrics.census_age.labels(source).set_function(partial(self._age, source))

    async def run(self, stopping: asyncio.Event) -> None:
        """Count until `stopping`."""
        await repeat(self._round, stopping, interval=self._interval, name="census")

    async def look(self) -> None:
        """Count once. What cannot be asked becomes NaN, and harms nothing else."""
        await asyncio.gather(self._look_at_store(), self._look_at_broker())

    async def _round(self, _: asyncio.Event) -> None:
        await self.look()

    async def _look_at_store(self) -> None:
        try:
            counted = await self._store.count()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known
            self._forget_texts()
            _say(_MONGODB, error)
            return
        self._metrics.held_texts.set(counted.held)
        self._metrics.uncertain_texts.set(counted.uncertain)
        self._metrics.missing_reports.set(counted.missing)
        self._show_connections(counted.connections)
        self._answered[_MONGODB] = self._clock()

    async def _look_at_broker(self) -> None:
        """The agents' names come from the store, so that without it nothing is known of theirs."""
        try:
            agents = [dead_queue(wire.agent_queue(*agent)) for agent in await self._store.agents()]
            services = {dead_queue(queue): queue for queue in WORK_QUEUES}
            found = await self._broker.of([*services, *agents])
        except Exception as error:  # noqa: BLE001 - as above
            self._forget_dead_letters()
            _say(_RABBITMQ, error)
            return
        for dead, queue in services.items():
            self._metrics.dead_letters.labels(queue).set(found.get(dead, 0))
        self._metrics.dead_letters.labels(AGENTS).set(sum(found.get(dead, 0) for dead in agents))
        self._answered[_RABBITMQ] = self._clock()

    def _show_connections(self, found: Mapping[tuple[str, str], int]) -> None:
        numbers = dict.fromkeys(product(self._providers, CONNECTION.values), 0)
        for (provider, status), number in found.items():
            known = provider if provider in self._providers else OTHER
            numbers[known, status] += number
        for labels, number in numbers.items():
            self._metrics.connections.labels(*labels).set(number)

    def _forget_texts(self) -> None:
        gauges = (
            self._metrics.held_texts,
            self._metrics.uncertain_texts,
            self._metrics.missing_reports,
        )
        for gauge in gauges:
            gauge.set(_UNKNOWN)
        for labels in product(self._providers, CONNECTION.values):
            self._metrics.connections.labels(*labels).set(_UNKNOWN)

    def _forget_dead_letters(self) -> None:
        for queue in (*WORK_QUEUES, AGENTS):
            self._metrics.dead_letters.labels(queue).set(_UNKNOWN)

    def _age(self, source: str) -> float:
        return self._clock() - self._answered[source]


def _say(source: str, error: Exception) -> None:
    """An absence is known from readiness; anything else is a fault of ours."""
    away = isinstance(error, BusUnavailable | Unavailable)
    write = log.debug if away else log.warning
    write("census.not_taken", source=source, error=type(error).__name__)
