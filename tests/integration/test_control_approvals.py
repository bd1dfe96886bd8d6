"""Promises about held texts on the real MongoDB: one decision a text, whoever else decides, noted
in the audit trail with it or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pymongo
import pytest
from conformance.store_world import (
    LEASE,
    START,
    FakeClock,
    new_outbound,
    new_text,
    outcome_of,
)

from common.store import schema
from common.store.client import Database, open_database
from common.store.control import SYSTEM, Actor, Approval, NewBody
from common.store.control_ports import AlreadyDecided, BadCursor, NotFound
from common.store.mongo_audit import MongoAudit
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.records import ApprovalDecision, Claim, NewOutbound
from heliograph.models import OutcomeStatus

TTL = 3600.0
JANE = Actor(kind="key", id="k1", name="Jane", role="approver")
JOE = Actor(kind="key", id="k2", name="Joe", role="admin")
APPROVED, REJECTED, EXPIRED, CANCELLED = ApprovalDecision
OTHER = NewBody(
    body="Other words", whole="Other words", truncated=False, encoding="GSM-7", segments=1
)


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
def approvals(database: Database, clock: FakeClock) -> MongoApprovals:
    return MongoApprovals(database, ttl=TTL, clock=clock)


@pytest.fixture
def outbound(database: Database, clock: FakeClock) -> MongoOutbound:
    return MongoOutbound(database, clock=clock)


async def hold(outbound: MongoOutbound, command: str = "answer", **changes: Any) -> NewOutbound:
    """Claim a text and hold it."""
    text = new_outbound(command, **changes)
    await outbound.claim([text], owner="sender", lease=LEASE)
    outcome = outcome_of(text, OutcomeStatus.HELD)
    await outbound.finish(text.tenant_id, text.id, owner="sender", outcome=outcome)
    return text


async def trail(database: Database) -> Sequence[tuple[str, str, str]]:
    page = await MongoAudit(database).list(None, limit=200)
    return [(entry.action, entry.target, entry.actor.name) for entry in page.items]


async def attempt(
    approvals: MongoApprovals, text: NewOutbound, decision: ApprovalDecision, by: Actor
) -> Approval | None:
    """Decide; None where somebody else had."""
    try:
        return await approvals.decide("acme", text.id, decision, by=by)
    except AlreadyDecided:
        return None


async def test_of_20_approvers_at_once_one_decides_and_the_others_hear_who(
    database: Database, approvals: MongoApprovals, outbound: MongoOutbound
) -> None:
    text = await hold(outbound)
    people = [Actor(kind="key", id=f"k{n}", name=f"P{n}", role="approver") for n in range(20)]
    results = await asyncio.gather(
        *(
            approvals.decide("acme", text.id, (APPROVED, REJECTED)[n % 2], by=person)
            for n, person in enumerate(people)
        ),
        return_exceptions=True,
    )
    (won,) = [item for item in results if isinstance(item, Approval)]
    lost = [item.approval for item in results if isinstance(item, AlreadyDecided)]
    assert len(lost) == 19
    assert {(item.decision, item.decided_by) for item in lost} == {(won.decision, won.decided_by)}
    assert await trail(database) == [(f"approval.{won.decision}", text.id, won.decided_by)]


async def test_of_an_approval_and_the_expiry_at_once_one_decides(
    database: Database, approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    """The replicas' clocks differ, so that both may be right about the time."""
    texts = [await hold(outbound, f"c{n}") for n in range(10)]
    later = FakeClock()
    later.advance(TTL)
    ahead = MongoApprovals(database, ttl=TTL, clock=later)
    results = await asyncio.gather(
        *(attempt(approvals, text, APPROVED, JANE) for text in texts),
        ahead.expire(limit=100),
        ahead.expire(limit=100),
    )
    approved = {item.message_id for item in results[:10] if isinstance(item, Approval)}
    expired = [item.message_id for batch in results[10:] for item in batch]  # type: ignore[union-attr]
    assert len(expired) == len(set(expired))
    assert approved | set(expired) == {text.id for text in texts}
    assert not approved & set(expired)
    assert len(await trail(database)) == 10
    for text in texts:
        taken = await outbound.take_decided("acme", text.id, owner="sender", lease=LEASE)
        assert taken is not None
        assert (taken.decision is APPROVED) is (text.id in approved)


async def test_of_20_takers_of_a_decided_text_one_gets_it(
    approvals: MongoApprovals, outbound: MongoOutbound
) -> None:
    text = await hold(outbound)
    await approvals.decide("acme", text.id, APPROVED, by=JANE)
    taken = await asyncio.gather(
        *(outbound.take_decided("acme", text.id, owner=f"o{n}", lease=LEASE) for n in range(10)),
        *(_claim(outbound, text, f"c{n}") for n in range(10)),
    )
    assert sorted(item.claim for item in taken if item) == 19 * [Claim.BUSY] + [Claim.RESUMED]


async def _claim(outbound: MongoOutbound, text: NewOutbound, owner: str) -> Any:
    (claimed,) = await outbound.claim([text], owner=owner, lease=LEASE)
    return claimed


async def test_to_another_tenant_a_held_text_does_not_exist(
    database: Database, approvals: MongoApprovals, outbound: MongoOutbound
) -> None:
    text = await hold(outbound)
    foreign = await hold(outbound, tenant_id="other")
    assert await approvals.get("other", text.id) is None
    with pytest.raises(NotFound):
        await approvals.decide("other", text.id, APPROVED, by=JANE)
    assert [item.message_id for item in (await approvals.list("acme", limit=9)).items] == [text.id]
    assert [item.message_id for item in (await approvals.list("other", limit=9)).items] == [
        foreign.id
    ]
    assert await trail(database) == []


async def test_only_what_was_held_can_be_decided_on(
    approvals: MongoApprovals, outbound: MongoOutbound, database: Database, clock: FakeClock
) -> None:
    text = new_outbound()
    (inbound,) = await MongoInbound(database, clock=clock).record(
        [new_text()], owner="p", lease=LEASE
    )
    await outbound.claim([text], owner="sender", lease=LEASE)
    for message_id in (text.id, inbound.id, "nothing"):
        assert await approvals.get("acme", message_id) is None
        with pytest.raises(NotFound):
            await approvals.decide("acme", message_id, APPROVED, by=JANE)
    outcome = outcome_of(text, OutcomeStatus.FAILED)
    await outbound.finish("acme", text.id, owner="sender", outcome=outcome)
    with pytest.raises(NotFound):
        await approvals.decide("acme", text.id, APPROVED, by=JANE)


async def test_a_decision_tells_who_and_when_and_keeps_both_texts(
    approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    text = await hold(outbound, tag="t")
    waiting = await approvals.get("acme", text.id)
    assert waiting is not None
    assert (waiting.decision, waiting.body, waiting.held_at) == (None, text.body, START)
    assert waiting.expires_at == START + timedelta(seconds=TTL)
    at = clock.advance(60)
    decided = await approvals.decide("acme", text.id, APPROVED, body=OTHER, by=JANE)
    assert (decided.decision, decided.decided_by, decided.decided_at) == (APPROVED, "Jane", at)
    assert (decided.edited, decided.body) == (True, "Other words")
    assert (decided.original_body, decided.truncated) == (text.original_body, False)
    assert await approvals.get("acme", text.id) == decided
    assert (await approvals.list("acme", limit=9)).items == ()


async def test_a_rejection_is_in_the_audit_trail_with_its_reason(
    database: Database, approvals: MongoApprovals, outbound: MongoOutbound
) -> None:
    text = await hold(outbound)
    await approvals.decide("acme", text.id, REJECTED, reason="Too rude.", by=JANE)
    (entry,) = (await MongoAudit(database).list("acme", limit=9)).items
    assert (entry.action, entry.target, entry.actor) == ("approval.rejected", text.id, JANE)
    assert entry.after == {"edited": False, "reason": "Too rude."}


async def test_without_its_audit_entry_nothing_is_decided(
    database: Database,
    approvals: MongoApprovals,
    outbound: MongoOutbound,
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    mongo_database: str,
) -> None:
    text = await hold(outbound)
    never = {"$jsonSchema": {"required": ["impossible"]}}
    mongo_client[mongo_database].command("collMod", schema.AUDIT, validator=never)
    with pytest.raises(Exception, match="refused"):
        await approvals.decide("acme", text.id, APPROVED, by=JANE)
    assert await outbound.take_decided("acme", text.id, owner="sender", lease=LEASE) is None
    waiting = await approvals.get("acme", text.id)
    assert waiting is not None
    assert waiting.decision is None


@pytest.mark.parametrize(("expires", "seconds"), [(None, TTL), (600, 600), (2 * TTL, TTL)])
async def test_an_approval_ends_with_its_time_or_with_its_command(
    approvals: MongoApprovals,
    outbound: MongoOutbound,
    clock: FakeClock,
    expires: float | None,
    seconds: float,
) -> None:
    end = START + timedelta(seconds=seconds)
    text = await hold(outbound, expires_at=START + timedelta(seconds=expires) if expires else None)
    clock.advance(seconds - 1)
    waiting = await approvals.get("acme", text.id)
    assert waiting is not None
    assert waiting.expires_at == end
    assert await approvals.expire(limit=9) == []
    clock.advance(1)
    (expired,) = await approvals.expire(limit=9)
    assert (expired.message_id, expired.decision) == (text.id, EXPIRED)
    assert expired.decided_by == SYSTEM.name
    assert await approvals.expire(limit=9) == []


async def test_who_decides_too_late_records_that_the_time_is_over(
    database: Database, approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    text = await hold(outbound)
    clock.advance(TTL)
    with pytest.raises(AlreadyDecided) as caught:
        await approvals.decide("acme", text.id, APPROVED, body=OTHER, by=JANE)
    assert (caught.value.approval.decision, caught.value.approval.edited) == (EXPIRED, False)
    assert await trail(database) == [("approval.expired", text.id, SYSTEM.name)]
    taken = await outbound.take_decided("acme", text.id, owner="sender", lease=LEASE)
    assert taken is not None
    assert (taken.decision, taken.text.body) == (EXPIRED, text.body)


async def test_what_waits_is_listed_oldest_first_page_by_page(
    approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    texts = []
    for n in range(5):
        clock.advance(n % 2)  # Some were held at the same instant.
        texts.append(await hold(outbound, f"c{n}"))
    await hold(outbound, "elsewhere", number="+15550100009")
    await approvals.decide("acme", texts[2].id, REJECTED, reason="r", by=JANE)
    seen: list[Approval] = []
    cursor: str | None = None
    while True:
        page = await approvals.list("acme", number=texts[0].number, limit=2, cursor=cursor)
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [item.held_at for item in seen] == sorted(item.held_at for item in seen)
    assert {item.message_id for item in seen} == {t.id for t in texts} - {texts[2].id}
    assert len(seen) == 4
    with pytest.raises(BadCursor):
        await approvals.list("acme", limit=2, cursor="nonsense")


async def test_a_decision_that_no_sender_began_with_is_reminded_of_less_and_less_often(
    approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    text = await hold(outbound)
    await hold(outbound, "waits")
    await approvals.decide("acme", text.id, APPROVED, by=JANE)
    reminders = []
    for second in range(100):
        reminders += [second for _ in await approvals.unfinished(older_than=5, limit=9)]
        clock.advance(1)
    assert reminders == [5, 10, 20, 40, 80]


async def test_of_10_replicas_one_reminds_of_a_decision(
    approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    text = await hold(outbound)
    await approvals.decide("acme", text.id, APPROVED, by=JANE)
    clock.advance(5)
    found = await asyncio.gather(*(approvals.unfinished(older_than=5, limit=9) for _ in range(10)))
    assert [item.message_id for batch in found for item in batch] == [text.id]


async def test_what_a_sender_has_in_hand_or_has_begun_with_is_not_reminded_of(
    approvals: MongoApprovals, outbound: MongoOutbound, clock: FakeClock
) -> None:
    taken, begun = await hold(outbound, "taken"), await hold(outbound, "begun")
    for text in (taken, begun):
        await approvals.decide("acme", text.id, APPROVED, by=JANE)
        await outbound.take_decided("acme", text.id, owner="sender", lease=LEASE)
    await outbound.begin("acme", begun.id, owner="sender", lease=LEASE)
    clock.advance(LEASE - 1)
    assert await approvals.unfinished(older_than=5, limit=9) == []
    clock.advance(2)
    left_behind = await approvals.unfinished(older_than=5, limit=9)
    assert [item.message_id for item in left_behind] == [taken.id]


async def test_the_sweeps_read_by_index_only(
    approvals: MongoApprovals,
    outbound: MongoOutbound,
    clock: FakeClock,
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    mongo_database: str,
) -> None:
    for n in range(3):
        await hold(outbound, f"c{n}", expires_at=START + timedelta(seconds=n + 1))
    clock.advance(2)
    behind = mongo_client[mongo_database]
    behind.command("profile", 2)
    assert len(await approvals.expire(limit=9)) == 2
    clock.advance(5)
    assert len(await approvals.unfinished(older_than=5, limit=9)) == 2
    await approvals.list("acme", limit=9)
    behind.command("profile", 0)
    seen = list(behind["system.profile"].find({"ns": f"{mongo_database}.messages", "op": "query"}))
    plans = {item["planSummary"] for item in seen}
    assert not any("COLLSCAN" in plan for plan in plans), plans
    for key in ("held_at: 1 }", "expires_at: 1", "approval.remind_at: 1"):
        assert any(key in plan for plan in plans), (key, plans)
