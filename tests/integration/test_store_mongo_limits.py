"""MongoDB keeps limits as the algorithm says, to the microsecond, also when many ask at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from itertools import chain

import pytest
from conformance.store_world import FakeClock

from common.store.client import Database, Document, open_database
from common.store.limit_documents import FIELDS, limit_id
from common.store.limit_pipeline import Stage
from common.store.limit_ports import Allowance, Ask, DayCap, Limits
from common.store.memory import Memory
from common.store.memory_limits import MemoryLimits
from common.store.mongo_limits import MongoLimits
from common.store.schema import LIMITS

SCOPE = "connection:line"
BUSY = Allowance(scope=SCOPE, number="ACME Shop", requests=200, units=200, window=2.0)
PACE = 60
ONE = Ask(recipients=1, units=1)


@pytest.fixture
async def databases(mongo_uri: str, mongo_database: str) -> AsyncIterator[list[Database]]:
    """Two clients of one database, as two replicas have."""
    opened = [open_database(mongo_uri, mongo_database, 30) for _ in range(2)]
    yield opened
    for database in opened:
        database.close()


async def test_the_pipeline_does_what_the_algorithm_says(databases: list[Database]) -> None:
    clock, chance = FakeClock(), random.Random(random.getrandbits(64))  # noqa: S311 - seeded order
    memory = Memory(clock=clock)
    real, spec = MongoLimits(databases[0], clock=clock), MemoryLimits(memory)
    slots: list[datetime | None] = [None]
    for _ in range(250):
        clock.advance(chance.choice([0, 0, 0.001, 0.0137, 0.3, 2.5, 20]))
        allowance = replace(
            BUSY,
            number=chance.choice(["ACME Shop", "ACME Bank"]),
            requests=chance.choice([None, 7, 200]),
            units=chance.choice([None, 9, 60, 200]),
            day=tuple(
                DayCap(name=name, limit=chance.choice([0, 50, 10_000]), each=chance.choice([1, 3]))
                for name in chance.sample(["texts", "cost", "att", "tmobile"], chance.randint(0, 2))
            ),
        )
        if chance.random() < 0.05:
            for limits in (real, spec):
                await limits.slow("acme", SCOPE, 0.75)
        if chance.random() < 0.1:
            for limits in (real, spec):
                await limits.give_back("acme", allowance, 3)
        ask = Ask(
            recipients=chance.choice([1, 1, 3, 100]),
            units=chance.choice([1, 2, 5, 12]),
            slot=chance.choice(slots[-4:]),
            count_day=chance.random() < 0.9,
        )
        answer = await real.admit("acme", allowance, ask)
        assert answer == await spec.admit("acme", allowance, ask)
        slots += [answer.slot, None]
    kept = await databases[0].collection(LIMITS).find_one({"_id": limit_id("acme", SCOPE)})
    expected = memory.limits[limit_id("acme", SCOPE)]
    assert kept is not None
    assert {name: kept[name] for name in FIELDS} == {name: expected[name] for name in FIELDS}


async def test_of_many_first_asks_at_once_none_is_lost_and_none_admitted_twice(
    databases: list[Database],
) -> None:
    capped = replace(BUSY, units=None, requests=None, day=(DayCap(name="texts", limit=20, each=1),))
    stores = [MongoLimits(database) for database in databases]
    answers = await asyncio.gather(*(stores[n % 2].admit("acme", capped, ONE) for n in range(60)))
    assert sum(answer.granted for answer in answers) == 20
    assert sum(answer.capped == "texts" for answer in answers) == 40


async def test_two_replicas_under_load_stay_within_the_limit_and_use_it(
    databases: list[Database],
) -> None:
    """By the server's clock alone: the instants are those that it noted with each admission. The
    limit is one that a busy machine can use up: a slot that nobody asks for in time is lost."""
    paced = replace(BUSY, requests=PACE, units=PACE)
    replicas = [Noting(database) for database in databases]
    until = asyncio.get_running_loop().time() + 2.3 * paced.window
    await asyncio.gather(*(send(replicas[n % 2], paced, until) for n in range(4 * PACE)))
    instants = sorted(chain.from_iterable(replica.admitted for replica in replicas))
    window = int(paced.window * 1_000_000)
    in_windows = [sum(start <= it < start + window for it in instants) for start in instants]
    assert 0.95 * PACE <= max(in_windows) <= PACE


class Noting(MongoLimits):
    """Limits that keep the server's instants of what they admit."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.admitted: list[int] = []

    async def _update(self, key: str, update: list[Stage]) -> Document:
        document = await super()._update(key, update)
        if document["answer"]["granted"]:
            self.admitted.append(document["answer"]["now"])
        return document


async def send(limits: Limits, allowance: Allowance, until: float) -> None:
    """One text: ask until it is admitted, or the time is over."""
    loop, ask = asyncio.get_running_loop(), ONE
    while loop.time() < until:
        answer = await limits.admit("acme", allowance, ask)
        if answer.granted:
            return
        ask = replace(ask, slot=answer.slot)
        await asyncio.sleep(min(answer.wait, max(0.0, until - loop.time())))
