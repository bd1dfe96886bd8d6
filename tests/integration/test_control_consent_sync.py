"""Promises about what providers have still to be told of, on the real MongoDB: one replica at a
time, the newest word only, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from conformance.store_world import LEASE, NUMBER, REMOTE, START, FakeClock

from common.store import schema
from common.store.client import Database, open_database
from common.store.consent_sync import Untold, pause_after
from common.store.consents import ConsentSource, NewConsent
from common.store.mongo_consent_sync import MongoConsentSync
from common.store.mongo_consents import MongoConsentLedger
from common.store.schema import CONSENT_SYNC_INDEX, CONSENTS

PERSON, WORDING, REPORT = ConsentSource.PERSON, ConsentSource.WORDING, ConsentSource.REPORT


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(database: Database, clock: FakeClock) -> MongoConsentLedger:
    return MongoConsentLedger(database, clock=clock)


@pytest.fixture
def sync(database: Database, clock: FakeClock) -> MongoConsentSync:
    return MongoConsentSync(database, clock=clock)


def word(opted_out: bool, source: ConsentSource, **given: Any) -> NewConsent:
    known: dict[str, Any] = {
        "tenant_id": "acme",
        "number": NUMBER,
        "remote": REMOTE,
        "opted_out": opted_out,
        "at": START,
        "source": source,
        "rule": "a-rule",
        "who": "remote",
        "message_id": f"{source}-{opted_out}",
    }
    return NewConsent(**known | given)


async def taken(sync: MongoConsentSync) -> Untold:
    untold = await sync.take(lease=LEASE)
    assert untold is not None
    return untold


async def nothing_is_due(sync: MongoConsentSync) -> bool:
    return await sync.take(lease=LEASE) is None


async def test_a_word_of_ours_is_due_at_once_and_settled_for_good(
    ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock
) -> None:
    (standing,) = await ledger.note([word(True, WORDING, in_doubt=True)])
    untold = await taken(sync)
    assert (untold.consent, untold.source, untold.rule) == (standing, WORDING, "a-rule")
    assert (untold.tries, untold.again) == (1, False)
    assert await sync.settle(untold, told=True)
    clock.advance(7 * 86_400)
    assert await nothing_is_due(sync)


async def test_what_a_provider_said_is_not_due(
    ledger: MongoConsentLedger, sync: MongoConsentSync
) -> None:
    await ledger.note([word(True, REPORT)])
    assert await nothing_is_due(sync)


async def test_of_many_replicas_each_word_is_one_s(
    ledger: MongoConsentLedger, sync: MongoConsentSync
) -> None:
    remotes = [f"+155502000{n:02d}" for n in range(12)]
    await ledger.note([word(True, PERSON, remote=remote) for remote in remotes])
    found = await asyncio.gather(*(sync.take(lease=LEASE) for _ in range(20)))
    assert sorted(it.consent.remote for it in found if it is not None) == remotes


async def test_what_a_dead_replica_had_in_hand_is_another_s_after_the_lease(
    ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock
) -> None:
    await ledger.note([word(True, PERSON)])
    dead = await taken(sync)
    assert await nothing_is_due(sync)
    clock.advance(LEASE)
    again = await taken(sync)
    assert (again.consent, again.tries) == (dead.consent, 2)
    # It was not dead after all; what the other does counts.
    assert not await sync.settle(dead, told=True)
    assert await sync.settle(again, told=True)
    assert await nothing_is_due(sync)


async def test_what_cannot_be_told_comes_again_with_growing_pauses(
    ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock
) -> None:
    await ledger.note([word(True, PERSON)])
    for tries in range(1, 13):
        untold = await taken(sync)
        assert untold.tries == tries
        assert await sync.put_off(untold)
        clock.advance(pause_after(tries).total_seconds() - 1)
        assert await nothing_is_due(sync)
        clock.advance(1)


@pytest.mark.parametrize("newer", [PERSON, REPORT])
async def test_a_word_that_was_overtaken_while_it_was_told_makes_the_newer_one_due(
    ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock, newer: ConsentSource
) -> None:
    await ledger.note([word(False, PERSON)])
    overtaken = await taken(sync)
    clock.advance(1)
    await ledger.note([word(True, newer, at=clock())])
    assert not await sync.settle(overtaken, told=True)
    untold = await taken(sync)
    assert (untold.consent.opted_out, untold.source, untold.again) == (True, newer, True)


async def test_a_word_that_says_what_stands_is_not_told_again(
    ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock
) -> None:
    await ledger.note([word(True, WORDING, in_doubt=True)])
    assert await sync.settle(await taken(sync), told=True)
    clock.advance(1)
    await ledger.note([word(True, PERSON, at=clock())])
    assert await nothing_is_due(sync)


async def test_what_is_due_or_in_doubt_is_found_by_its_index(
    database: Database, ledger: MongoConsentLedger, sync: MongoConsentSync, clock: FakeClock
) -> None:
    remotes = [f"+15550299{n:03d}" for n in range(120)]
    await ledger.note([word(True, REPORT, remote=remote) for remote in remotes])
    await ledger.note([word(True, WORDING, in_doubt=True)])
    queries: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
        CONSENT_SYNC_INDEX: (
            {"sync.next_at": {"$exists": True, "$lte": START}},
            [("sync.next_at", 1)],
        ),
        "in_doubt": ({"tenant_id": "acme", "in_doubt": True}, [("at", -1), ("_id", -1)]),
    }
    for index, (wanted, order) in queries.items():
        plan = await database.collection(CONSENTS).find(wanted).sort(order).explain()
        assert f"'indexName': '{index}'" in str(plan["queryPlanner"]["winningPlan"])
    assert (await taken(sync)).consent.in_doubt
