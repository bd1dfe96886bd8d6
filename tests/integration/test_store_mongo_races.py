"""What the store in MongoDB promises when many do the same thing at the same moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import chain
from typing import Any

import pytest
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    FakeClock,
    new_consent,
    new_outbound,
    new_report,
    new_text,
    outcome_of,
)

from common.store.client import Database, open_database
from common.store.control import SYSTEM
from common.store.control_ports import AlreadyDecided
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.ports import NumberTaken
from common.store.records import ApprovalDecision, Claim, NewOutbound
from common.store.schema import CONSENT_LEDGER, INDEXES, MESSAGES, ensure_schema
from heliograph.models import OutcomeStatus, ReportStatus


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def counted(results: Sequence[Sequence[Any]]) -> Counter[Claim]:
    return Counter(item.claim for item in chain.from_iterable(results))


async def test_of_50_recordings_of_one_text_one_is_fresh(
    database: Database, clock: FakeClock
) -> None:
    inbound = MongoInbound(database, clock=clock)
    results = await asyncio.gather(
        *(inbound.record([new_text()], owner=f"o{n}", lease=LEASE) for n in range(50))
    )
    assert counted(results) == {Claim.FRESH: 1, Claim.BUSY: 49}
    assert len({item.seq for item in chain.from_iterable(results)}) == 1
    assert await database.collection(MESSAGES).count_documents({}) == 1


async def test_of_20_take_overs_one_resumes(database: Database, clock: FakeClock) -> None:
    inbound, outbound = MongoInbound(database, clock=clock), MongoOutbound(database, clock=clock)
    await inbound.record([new_text()], owner="first", lease=LEASE)
    await outbound.claim([new_outbound()], owner="first", lease=LEASE)
    clock.advance(LEASE + 1)
    recorded = await asyncio.gather(
        *(inbound.record([new_text()], owner=f"o{n}", lease=LEASE) for n in range(20))
    )
    claimed = await asyncio.gather(
        *(outbound.claim([new_outbound()], owner=f"o{n}", lease=LEASE) for n in range(20))
    )
    assert counted(recorded) == {Claim.RESUMED: 1, Claim.BUSY: 19}
    assert counted(claimed) == {Claim.RESUMED: 1, Claim.BUSY: 19}


async def test_of_20_claims_of_one_command_each_text_is_fresh_once(
    database: Database, clock: FakeClock
) -> None:
    outbound = MongoOutbound(database, clock=clock)
    command = [new_outbound(index=n) for n in range(3)]
    results = await asyncio.gather(
        *(outbound.claim(command, owner=f"o{n}", lease=LEASE) for n in range(20))
    )
    for index in range(3):
        assert Counter(result[index].claim for result in results) == {
            Claim.FRESH: 1,
            Claim.BUSY: 19,
        }


async def test_of_commands_that_share_an_id_one_is_claimed_and_none_in_part(
    database: Database, clock: FakeClock
) -> None:
    outbound = MongoOutbound(database, clock=clock)
    commands = [
        [new_outbound(index=index, digest=f"d{n}") for index in range(n)] for n in range(1, 11)
    ]
    results = await asyncio.gather(
        *(outbound.claim(command, owner="one", lease=LEASE) for command in commands)
    )
    kinds = [{item.claim for item in result} for result in results]
    assert sorted(kinds, key=str) == sorted([{Claim.FRESH}] + 9 * [{Claim.CONFLICT}], key=str)
    digests = await database.collection(MESSAGES).distinct("digest")
    assert len(digests) == 1


async def test_of_a_beginning_and_a_take_over_at_once_one_wins(
    database: Database, clock: FakeClock
) -> None:
    outbound, text = MongoOutbound(database, clock=clock), new_outbound()
    await outbound.claim([text], owner="a", lease=LEASE)
    clock.advance(LEASE + 1)
    begun, _ = await asyncio.gather(
        outbound.begin("acme", text.id, owner="a", lease=LEASE),
        outbound.claim([text], owner="b", lease=LEASE),
    )
    again = await outbound.begin("acme", text.id, owner="b", lease=LEASE)
    assert begun is not again


async def test_of_20_outcomes_all_hear_the_one_recorded(
    database: Database, clock: FakeClock
) -> None:
    outbound, text = MongoOutbound(database, clock=clock), new_outbound()
    await outbound.claim([text], owner="one", lease=LEASE)
    heard = await asyncio.gather(
        *(
            outbound.finish(
                "acme",
                text.id,
                owner="one",
                outcome=outcome_of(text, OutcomeStatus.SENT, provider_message_id=f"p{n}"),
            )
            for n in range(20)
        )
    )
    assert len({outcome.provider_message_id for outcome in heard}) == 1


async def test_a_report_in_a_race_with_the_outcome_is_never_lowered(
    database: Database, clock: FakeClock
) -> None:
    inbound, outbound = MongoInbound(database, clock=clock), MongoOutbound(database, clock=clock)
    texts = [new_outbound(f"c{n}") for n in range(20)]
    for text in texts:
        await outbound.claim([text], owner="one", lease=LEASE)
    await asyncio.gather(
        *(
            outbound.finish("acme", text.id, owner="one", outcome=outcome_of(text))
            for text in texts
        ),
        *(inbound.apply_reports([new_report(text, ReportStatus.FAILED)]) for text in texts),
    )
    assert await database.collection(MESSAGES).distinct("status") == ["failed"]


async def test_of_10_tenants_one_gets_the_number(database: Database) -> None:
    connections = MongoConnections(database)
    tenants = [f"tenant-{n}" for n in range(10)]
    for tenant in tenants:
        await connections.put_connection(tenant, "line", name="L", provider="acs", sealed={})

    async def put(tenant: str) -> bool:
        try:
            await connections.put_number(
                tenant, "line", address=NUMBER, region="US", agent_id="support"
            )
        except NumberTaken:
            return False
        return True

    asked = tenants * 2  # Each tenant twice: its own second try is no stranger.
    results = await asyncio.gather(*(put(tenant) for tenant in asked))
    assert len({name for name, won in zip(asked, results, strict=True) if won}) == 1
    assert results.count(True) == 2


async def test_of_20_owners_one_gets_the_lease(database: Database, clock: FakeClock) -> None:
    leases = MongoLeases(database, clock=clock)
    for _ in range(2):
        won = await asyncio.gather(
            *(leases.acquire("daily", owner=f"o{n}", seconds=10) for n in range(20))
        )
        assert won.count(True) == 1
        clock.advance(11)


async def test_the_newest_of_20_consents_at_once_wins(database: Database, clock: FakeClock) -> None:
    ledger = MongoConsentLedger(database, clock=clock)
    entries = [new_consent(str(n), at=n, opted_out=n % 2 == 1) for n in range(20)]
    await asyncio.gather(*(ledger.note([entry]) for entry in entries))
    (consent,) = await ledger.of_remote("acme", REMOTE)
    assert (consent.opted_out, consent.at) == (True, entries[-1].at)
    assert await database.collection(CONSENT_LEDGER).count_documents({}) == 20


async def test_of_an_approval_and_an_opt_out_at_once_the_text_ends_cancelled(
    database: Database, clock: FakeClock
) -> None:
    ledger, outbound = MongoConsentLedger(database, clock=clock), MongoOutbound(database)
    approvals, entry = MongoApprovals(database, clock=clock), new_consent()
    texts = [new_outbound(str(n)) for n in range(10)]
    for text in texts:
        await hold(database, clock, text)
    await ledger.note([entry])
    await asyncio.gather(
        *(approve(approvals, text) for text in texts), *(ledger.cancel([entry]) for _ in range(2))
    )
    for text in texts:
        taken = await outbound.take_decided("acme", text.id, owner="two", lease=LEASE)
        assert taken is not None
        assert taken.decision is ApprovalDecision.CANCELLED


async def hold(database: Database, clock: FakeClock, text: NewOutbound) -> None:
    outbound, held = MongoOutbound(database, clock=clock), OutcomeStatus.HELD
    await outbound.claim([text], owner="one", lease=LEASE)
    await outbound.finish("acme", text.id, owner="one", outcome=outcome_of(text, held))


async def approve(approvals: MongoApprovals, text: NewOutbound) -> None:
    with contextlib.suppress(AlreadyDecided):
        await approvals.decide("acme", text.id, ApprovalDecision.APPROVED, by=SYSTEM)


async def test_texts_recorded_at_once_have_their_own_seq(
    database: Database, clock: FakeClock
) -> None:
    inbound = MongoInbound(database, clock=clock)
    batches = [[new_text(f"{b}-{n}", at=n) for n in range(20)] for b in range(10)]
    results = await asyncio.gather(
        *(inbound.record(batch, owner="one", lease=LEASE) for batch in batches)
    )
    seqs = [item.seq for item in chain.from_iterable(results)]
    assert len(set(seqs)) == 200
    assert all(
        [item.seq for item in result] == sorted(item.seq for item in result) for result in results
    )


async def test_several_processes_create_the_schema_at_once(database: Database) -> None:
    await database.collection(MESSAGES).drop()
    await asyncio.gather(*(ensure_schema(database) for _ in range(8)))
    indexes = await database.collection(MESSAGES).index_information()
    assert len(indexes) == 1 + sum(index.collection == MESSAGES for index in INDEXES)
