"""What people decide about sending, on the real MongoDB: a number's rules, the kill switches, the
scope of opt-outs, and conversations that were held; each with its line in the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from conformance.store_world import LEASE, new_outbound, outcome_of
from connection_world import (
    ADMIN,
    FOREIGN,
    NUMBER,
    TENANT,
    World,
    new_number,
    open_world,
)

from common.sending_rules import DEFAULT, LongText, OptOutScope, Verification
from common.store.control import Stopped, Stops
from common.store.control_ports import BadCursor, NotFound, Stale
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_control_holds import MongoHeldConversations
from common.store.mongo_conversation_holds import MongoConversationFacts
from common.store.mongo_outbound import MongoOutbound
from common.store.mongo_switches import MongoSwitches
from common.store.records import ApprovalDecision, conversation_id
from health.access.roles import Principal, Role
from health.desk.switches import SwitchDesk
from health.web.problems import Problem, ProblemCode
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus, now

APPROVER = Principal(kind="key", id="k2", name="Paul", role=Role.APPROVER, tenant_id=TENANT)
OPERATOR = Principal(kind="key", id="k3", name="Olga", role=Role.OPERATOR, tenant_id=None)
REMOTE = "+12125550147"


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    async with open_world(mongo_uri, mongo_database) as it:
        yield it


def refused(code: ProblemCode) -> Any:
    return pytest.raises(Problem, check=lambda it: it.code is code)


async def test_rules_are_read_by_the_next_send_audited_and_kept_where_a_number_comes_back(
    world: World,
) -> None:
    line = await world.connect(new_number())
    assert (await world.route()).rules == DEFAULT
    changes = {"long_text": "split", "verification": "verified", "daily_texts": 5}
    changed = await world.number_desk.set_rules(TENANT, NUMBER, changes, version=1, by=ADMIN)
    wanted = replace(
        DEFAULT, long_text=LongText.SPLIT, verification=Verification.VERIFIED, daily_texts=5
    )
    assert (changed.rules, changed.version) == (wanted, 2)
    assert (await world.route()).rules == wanted
    assert world.bus.told[-1] == "number.rules_changed"
    (entry,) = [it for it in await world.trail() if it.action == "number.rules_changed"]
    assert (entry.target, entry.before, entry.actor.name) == (NUMBER, {"rules": {}}, "Ada")
    assert entry.after == {"rules": changes}
    with pytest.raises(Stale):
        await world.number_desk.set_rules(TENANT, NUMBER, {"daily_texts": 6}, version=1, by=ADMIN)
    with refused(ProblemCode.INVALID):
        await world.number_desk.set_rules(TENANT, NUMBER, {"daily_texts": 0}, version=2, by=ADMIN)
    with pytest.raises(NotFound):
        await world.number_desk.set_rules(FOREIGN, NUMBER, {}, version=None, by=ADMIN)
    await world.number_desk.remove(TENANT, NUMBER, version=None, by=ADMIN)
    with pytest.raises(NotFound):
        await world.number_desk.set_rules(TENANT, NUMBER, {}, version=None, by=ADMIN)
    added = await world.number_desk.add(TENANT, line.id, new_number(), by=ADMIN)
    assert added.rules == (await world.number_desk.get(TENANT, NUMBER)).rules == wanted


async def test_a_kill_switch_stops_its_tenants_and_says_who_and_why(world: World) -> None:
    await world.connect(new_number())
    desk = SwitchDesk(MongoSwitches(world.database), world.tenants)
    with refused(ProblemCode.NOT_CONFIRMED):
        await desk.set_tenant(TENANT, stopped=True, reason="", confirmed=False, by=APPROVER)
    assert (await world.route()).stopped is None
    stops = await desk.set_tenant(
        TENANT, stopped=True, reason=" Wrong prices ", confirmed=True, by=APPROVER
    )
    assert stops.tenant is not None
    assert (stops.tenant.by, stops.tenant.reason, stops.any) == ("Paul", "Wrong prices", True)
    assert (await world.route()).stopped == "tenant"
    assert (await desk.of_known(FOREIGN)) == Stops()
    tenant = await world.tenants.get(TENANT)
    assert tenant is not None
    assert tenant.stopped == stops.tenant
    # Whoever comes later changes nothing of it.
    again = await desk.set_tenant(TENANT, stopped=True, reason="x", confirmed=True, by=ADMIN)
    assert again == stops
    with refused(ProblemCode.FORBIDDEN):
        await desk.set_tenant(TENANT, stopped=False, reason="", confirmed=True, by=APPROVER)
    await desk.set_tenant(TENANT, stopped=False, reason="", confirmed=True, by=ADMIN)
    assert (await world.route()).stopped is None
    told = [
        (it.action, it.target, it.actor.name, it.note)
        for it in await world.trail()
        if it.action.startswith("sending.")
    ]
    assert told == [
        ("sending.resumed", TENANT, "Ada", None),
        ("sending.stopped", TENANT, "Paul", "Wrong prices"),
    ]
    for lookup in (
        desk.of_known("nobody"),
        desk.set_tenant("nobody", stopped=True, reason="", confirmed=True, by=OPERATOR),
    ):
        with pytest.raises(NotFound):
            await lookup


async def test_the_switch_for_all_stops_everybody_once_however_many_turn_it(world: World) -> None:
    await world.connect(new_number())
    switches = MongoSwitches(world.database)
    desk = SwitchDesk(switches, world.tenants)
    assert await desk.everywhere() is None
    stopped = await asyncio.gather(
        *(
            desk.set_everywhere(stopped=True, reason=f"{n}", confirmed=True, by=OPERATOR)
            for n in range(5)
        )
    )
    assert isinstance(stopped[0], Stopped)
    assert set(stopped) == {await desk.everywhere()}
    assert (await world.route()).stopped == "all"
    assert (await desk.of(FOREIGN)).everywhere == stopped[0]
    await desk.set_everywhere(stopped=False, reason="", confirmed=True, by=OPERATOR)
    assert (await world.route()).stopped is None
    page = await world.audit.list(None, limit=200)
    told = [it for it in page.items if it.action.startswith("sending.")]
    assert [(it.action, it.tenant_id, it.target) for it in told] == [
        ("sending.resumed", None, "all"),
        ("sending.stopped", None, "all"),
    ]


async def test_a_tenant_chooses_for_which_numbers_an_opt_out_counts(world: World) -> None:
    await world.connect(new_number())
    assert (await world.route()).opt_out_scope is OptOutScope.NUMBER
    changed = await world.tenants.update(
        TENANT, opt_out_scope=OptOutScope.TENANT, version=None, by=OPERATOR.actor
    )
    assert changed.opt_out_scope is OptOutScope.TENANT
    assert (await world.route()).opt_out_scope is OptOutScope.TENANT
    entry = (await world.trail())[0]
    assert (entry.before, entry.after) == (
        {"opt_out_scope": "number"},
        {"opt_out_scope": "tenant"},
    )


async def test_a_held_conversation_waits_until_somebody_resumes_it(world: World) -> None:
    holds = MongoHeldConversations(world.database)
    facts = MongoConversationFacts(world.database)
    reason = OutcomeCode.LOOP_SUSPECTED.value
    remotes = [f"{REMOTE[:-1]}{n}" for n in range(3)]
    for remote in remotes:
        await facts.hold(TENANT, NUMBER, remote, reason=reason, at=now())
    await facts.hold(FOREIGN, NUMBER, REMOTE, reason=reason, at=now())
    first = await holds.list(TENANT, limit=2)
    assert first.next is not None
    second = await holds.list(TENANT, limit=2, cursor=first.next)
    assert [it.remote for it in (*first.items, *second.items)] == remotes[::-1]
    assert second.next is None
    with pytest.raises(BadCursor):
        await holds.list(TENANT, limit=2, cursor="nonsense")
    held = first.items[0]
    assert (held.reason, held.number) == (reason, NUMBER)
    with pytest.raises(NotFound):
        await holds.resume(FOREIGN, held.conversation_id, by=APPROVER.actor)
    resumed = await holds.resume(TENANT, held.conversation_id, by=APPROVER.actor)
    assert (resumed.held_since, resumed.resumed_by) == (None, "Paul")
    assert await holds.resume(TENANT, held.conversation_id, by=ADMIN.actor) == resumed
    known = await facts.facts(TENANT, NUMBER, held.remote, limit=1)
    assert (known.held_since, known.resumed_at) == (None, resumed.resumed_at)
    assert len((await holds.list(TENANT, limit=9)).items) == 2
    told = [it for it in await world.trail() if it.action == "conversation.resumed"]
    assert [(it.target, it.actor.name) for it in told] == [(held.conversation_id, "Paul")]
    # What looks like a loop again is held again.
    await facts.hold(TENANT, NUMBER, held.remote, reason=reason, at=now())
    again = await holds.get(TENANT, conversation_id(TENANT, NUMBER, held.remote))
    assert again is not None
    assert again.held_since is not None


async def test_a_held_text_keeps_why_it_was_held_whatever_becomes_of_it(world: World) -> None:
    store, approvals = MongoOutbound(world.database), MongoApprovals(world.database)
    text = new_outbound(tenant_id=TENANT)
    await store.claim([text], owner="sender", lease=LEASE)
    outcome = outcome_of(text, OutcomeStatus.HELD)
    code = OutcomeCode.FIRST_CONTACT_HELD
    outcome = outcome.model_copy(update={"code": code})
    await store.finish(TENANT, text.id, owner="sender", outcome=outcome)
    (waiting,) = (await approvals.list(TENANT, limit=9)).items
    assert waiting.code is code
    decided = await approvals.decide(TENANT, text.id, ApprovalDecision.APPROVED, by=ADMIN.actor)
    assert decided.code is code
    await store.take_decided(TENANT, text.id, owner="sender", lease=LEASE)
    sent = outcome_of(text, OutcomeStatus.SENT)
    await store.finish(TENANT, text.id, owner="sender", outcome=sent)
    finished = await approvals.get(TENANT, text.id)
    assert finished is not None
    assert finished.code is code
