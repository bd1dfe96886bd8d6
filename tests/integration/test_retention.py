"""What is older than the settings keep is forgotten, on a real database, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, cast

import pymongo
import pytest
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    START,
    FakeClock,
    Stores,
    new_consent,
    new_outbound,
    new_report,
    new_text,
    outcome_of,
    send,
)
from pydantic import ValidationError

from common.secrets import generate_master_key
from common.store import schema
from common.store.client import Database, open_database
from common.store.control import Actor
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.mongo_retention import LEAST_DAYS, MongoRetention, finished
from common.store.records import ApprovalDecision, Claim, Inbound, NewInbound, NewOutbound
from health.retention import LEASE as SWEEP_LEASE
from health.retention import RetentionSweep
from health.settings import HealthSettings
from heliograph.models import OutcomeStatus

DAY = 86_400.0
PERSON = Actor(kind="system", id="test", name="Test", role="operator")


class World:
    """One database with what records, sends, reports and forgets."""

    def __init__(self, database: Database):
        self.database = database
        self.clock = FakeClock()
        self.inbound = MongoInbound(database, clock=self.clock)
        self.outbound = MongoOutbound(database, clock=self.clock)
        self.consents = MongoConsentLedger(database, clock=self.clock)
        self.approvals = MongoApprovals(database, clock=self.clock, ttl=90 * DAY)
        self.leases = MongoLeases(database, clock=self.clock)

    async def text(self, key: str, *, handed_over: bool = True, **changes: Any) -> str:
        (recorded,) = await self.inbound.record(
            [new_text(key, **changes)], owner="one", lease=LEASE
        )
        if handed_over:
            await self.hand_over(recorded)
        return recorded.id

    async def hand_over(self, *recorded: Inbound) -> None:
        await self.inbound.mark_handed_over(
            [item.id for item in recorded],
            tenant_ids=frozenset(item.text.tenant_id for item in recorded),
        )

    async def sent(
        self, command: str, status: OutcomeStatus, *, reported: bool = False, **changes: Any
    ) -> NewOutbound:
        text = new_outbound(command, **changes)
        await send(cast("Stores", self), text, status)
        if reported:
            await self.inbound.apply_reports([new_report(text)])
        return text

    def sweep(self, **changes: Any) -> RetentionSweep:
        options: dict[str, Any] = {"messages_days": 30, "audit_days": 0, "interval": 1}
        return RetentionSweep(
            MongoRetention(self.database),
            self.leases,
            now=self.clock,
            pause=0,
            batch=2,
            **options | changes,
        )


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    made = World(database)
    for tenant_id in ("acme", "other"):
        await MongoConnections(database).put_tenant(tenant_id, name="A", wrapped_key={})
    yield made
    database.close()


@pytest.fixture
def raw(mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str) -> Any:
    return mongo_client[mongo_database]


def left(raw: Any) -> set[str]:
    return {one["_id"] for one in raw.messages.find({}, {"_id": True})}


async def open_texts(world: World) -> set[str]:
    """Texts of which somebody still waits for something."""
    waiting = new_outbound("unfinished")
    await world.outbound.claim([waiting], owner="one", lease=LEASE)
    decided = await world.sent("decided", OutcomeStatus.HELD)
    await world.approvals.decide(
        "acme", decided.id, ApprovalDecision.REJECTED, body=None, reason=None, by=PERSON
    )
    return {
        await world.text("not handed over", handed_over=False),
        (await world.sent("held", OutcomeStatus.HELD)).id,
        (await world.sent("uncertain", OutcomeStatus.UNCERTAIN)).id,
        (await world.sent("unreported", OutcomeStatus.SENT)).id,
        waiting.id,
        decided.id,
    }


async def test_finished_texts_go_and_what_is_open_recent_or_a_persons_word_stays(
    world: World, raw: Any
) -> None:
    kept = await open_texts(world)
    gone = {
        await world.text("old"),
        await world.text("of another tenant", tenant_id="other"),
        (await world.sent("delivered", OutcomeStatus.SENT, reported=True)).id,
        (await world.sent("refused", OutcomeStatus.FAILED)).id,
        (await world.sent("blocked", OutcomeStatus.BLOCKED)).id,
    }
    repeated = await world.text("repeated")
    await world.consents.note([new_consent("old")])
    world.clock.advance(40 * DAY)
    recent = {
        await world.text("recent"),
        (await world.sent("of today", OutcomeStatus.SENT, reported=True)).id,
    }
    # A provider that still repeats a text would make a new one of it.
    await world.inbound.record([new_text("repeated")], owner="one", lease=LEASE)
    world.clock.advance(DAY)
    assert left(raw) == kept | gone | recent | {repeated}
    await world.sweep().sweep(asyncio.Event())
    assert left(raw) == kept | recent | {repeated}
    await world.sweep().sweep(asyncio.Event())
    assert left(raw) == kept | recent | {repeated}

    (again,) = await world.inbound.record([new_text("recent")], owner="two", lease=LEASE)
    assert again.claim is Claim.FINISHED
    assert raw.consent_ledger.count_documents({}) == 1
    (standing,) = raw.consents.find()
    assert (standing["number"], standing["remote"], standing["opted_out"]) == (NUMBER, REMOTE, True)


async def test_texts_that_are_finished_later_go_a_while_after_that(world: World, raw: Any) -> None:
    held = await world.sent("held", OutcomeStatus.HELD)
    world.clock.advance(40 * DAY)
    await world.approvals.decide(
        "acme", held.id, ApprovalDecision.REJECTED, body=None, reason=None, by=PERSON
    )
    taken = await world.outbound.take_decided("acme", held.id, owner="one", lease=LEASE)
    assert taken is not None
    outcome = taken.outcome or (await finish(world, taken.text))
    assert outcome.status is OutcomeStatus.BLOCKED
    await world.outbound.mark_told("acme", held.id)
    await world.sweep().sweep(asyncio.Event())
    assert left(raw) == {held.id}
    world.clock.advance(31 * DAY)
    await world.sweep().sweep(asyncio.Event())
    assert left(raw) == set()


async def finish(world: World, text: NewOutbound) -> Any:
    return await world.outbound.finish(
        "acme", text.id, owner="one", outcome=outcome_of(text, OutcomeStatus.BLOCKED)
    )


async def test_entries_of_the_audit_trail_go_by_their_age(world: World, raw: Any) -> None:
    def entry(at: datetime, mark: str) -> dict[str, Any]:
        return {"_id": f"{int(at.timestamp() * 1000):012x}{mark}", "at": at, "action": mark}

    raw.audit.insert_many(
        [entry(START + timedelta(days=day), f"{day}-{n}") for day in (0, 1, 20) for n in range(3)]
    )
    world.clock.advance(45 * DAY)
    await world.sweep(messages_days=0, audit_days=30).sweep(asyncio.Event())
    assert {one["action"] for one in raw.audit.find()} == {"20-0", "20-1", "20-2"}


async def test_one_replica_sweeps_at_a_time_and_none_that_is_stopping(
    world: World, raw: Any
) -> None:
    texts: list[NewInbound] = [new_text(str(place)) for place in range(6)]
    recorded = await world.inbound.record(texts, owner="one", lease=LEASE)
    await world.hand_over(*recorded)
    world.clock.advance(40 * DAY)
    assert await world.leases.acquire(SWEEP_LEASE, owner="another", seconds=60)
    await world.sweep().sweep(asyncio.Event())
    assert len(left(raw)) == 6
    await world.leases.release(SWEEP_LEASE, owner="another")
    stopping = asyncio.Event()
    stopping.set()
    await world.sweep().sweep(stopping)
    assert len(left(raw)) == 6
    assert raw.leases.count_documents({}) == 0


async def test_the_walk_reads_the_tenants_index_and_not_the_collection(raw: Any) -> None:
    wanted = {"tenant_id": "acme", "direction": {"$in": ["INBOUND", "OUTBOUND"]}} | finished(START)
    raw.messages.insert_one({"_id": "one"})
    plan = str(raw.messages.find(wanted).sort("seq", 1).explain()["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" in plan
    raw.messages.create_index(
        [("tenant_id", 1), ("direction", 1), ("seq", -1)], name=schema.TENANT_INDEX
    )
    plan = str(raw.messages.find(wanted).sort("seq", 1).explain()["queryPlanner"]["winningPlan"])
    assert schema.TENANT_INDEX in plan
    assert "COLLSCAN" not in plan


@pytest.mark.parametrize("name", ["retention_messages_days", "retention_audit_days"])
def test_a_time_that_is_shorter_than_repetitions_is_refused(name: str) -> None:
    key = generate_master_key()
    for days in (0, LEAST_DAYS):
        assert getattr(HealthSettings(master_key=key, **{name: days}), name) == days  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="must be 0, which keeps all, or at least 30"):
        HealthSettings(master_key=key, **{name: LEAST_DAYS - 1})  # type: ignore[arg-type]
