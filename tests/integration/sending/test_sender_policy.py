"""Promise: what people decide about a number, a tenant and a conversation counts at the very next
command, from the control plane's own stores through to the provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sender_world import CONNECTION, NUMBER, PHONE, TENANT, World, command

from common.sending_rules import (
    FirstContact,
    LongText,
    OptOutScope,
    SendingRules,
    Shorteners,
    Verification,
)
from common.store.control import SYSTEM
from common.store.mongo_control_holds import MongoHeldConversations
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_control_tenants import MongoTenants
from common.store.mongo_switches import MongoSwitches
from common.store.records import conversation_id
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus, OutcomeWarning

HELD, BLOCKED, FAILED = OutcomeStatus.HELD, OutcomeStatus.BLOCKED, OutcomeStatus.FAILED


@dataclass(frozen=True)
class Row:
    """A rule, a command, and what becomes of it."""

    rules: dict[str, Any]
    order: dict[str, Any]
    status: OutcomeStatus
    code: OutcomeCode
    warnings: tuple[OutcomeWarning, ...] = field(default=())


ROWS = {
    "first contact waits": Row(
        {"first_contact": FirstContact.HOLD}, {}, HELD, OutcomeCode.FIRST_CONTACT_HELD
    ),
    "first contact is refused": Row(
        {"first_contact": FirstContact.REFUSE}, {}, BLOCKED, OutcomeCode.FIRST_CONTACT_REFUSED
    ),
    "a long text is refused": Row(
        {"long_text": LongText.REFUSE}, {"body": "x" * 161}, FAILED, OutcomeCode.TEXT_TOO_LONG
    ),
    "a shortened link is refused": Row(
        {},
        {"body": "See bit.ly/abc"},
        FAILED,
        OutcomeCode.SHORTENED_URL,
        (OutcomeWarning.SHORTENED_URL,),
    ),
    "a shortened link is flagged": Row(
        {"shorteners": Shorteners.FLAG},
        {"body": "See bit.ly/abc"},
        OutcomeStatus.SENT,
        OutcomeCode.SENT,
        (OutcomeWarning.SHORTENED_URL,),
    ),
    "typographic quotes become plain": Row(
        {"transliterate": True},
        {"body": "\u201cNine\u201d"},
        OutcomeStatus.SENT,
        OutcomeCode.SENT,
        (OutcomeWarning.TRANSLITERATED,),
    ),
    "toll-free verification is pending": Row(
        {"verification": Verification.PENDING}, {}, BLOCKED, OutcomeCode.SENDER_NOT_VERIFIED
    ),
    "toll-free does not reach the UK": Row(
        {}, {"to": "+447700900123"}, BLOCKED, OutcomeCode.DESTINATION_NOT_SUPPORTED
    ),
    "a premium-rate number": Row(
        {}, {"to": "+19005550123"}, BLOCKED, OutcomeCode.PREMIUM_RECIPIENT
    ),
    "an emergency number": Row({}, {"to": "911"}, BLOCKED, OutcomeCode.EMERGENCY_RECIPIENT),
    "quiet hours outlast the command": Row(
        {"quiet_from": "00:00", "quiet_until": "23:59"},
        {"expires_in": 1.5},
        BLOCKED,
        OutcomeCode.COMMAND_EXPIRED,
    ),
}


async def set_rules(world: World, **rules: Any) -> None:
    await MongoNumbers(world.database).set_rules(
        TENANT, NUMBER, SendingRules(**rules), version=None, by=SYSTEM
    )


async def told(world: World, command_id: str, **changes: Any) -> Outcome:
    if seconds := changes.pop("expires_in", None):
        changes["expires_at"] = datetime.now(UTC) + timedelta(seconds=seconds)
    return await world.send(command(command_id, **changes))


async def test_each_rule_of_a_number_counts_at_its_next_command(world: World) -> None:
    async with world.sender():
        for place, (name, row) in enumerate(ROWS.items()):
            await set_rules(world, **row.rules)
            order = {"to": f"+1555125{place:04d}"} | row.order
            outcome = await told(world, f"c-{place}", **order)
            assert (outcome.status, outcome.code) == (row.status, row.code), name
            assert outcome.warnings == row.warnings, name
    sent = sum(row.code is OutcomeCode.SENT for row in ROWS.values())
    assert len(world.sim.sends) == sent


async def test_a_long_text_is_split_into_numbered_texts_that_come_in_order(world: World) -> None:
    await set_rules(world, long_text=LongText.SPLIT)
    body = " ".join(f"word{place:03d}" for place in range(40))
    async with world.sender():
        outcome = await told(world, "c-1", body=body)
    received = [text.body for text in world.sim.phone(PHONE).received]
    assert (outcome.status, outcome.parts) == (OutcomeStatus.SENT, len(received))
    assert [text.split(" ")[0] for text in received] == ["(1/3)", "(2/3)", "(3/3)"]
    assert " ".join(text.split(" ", 1)[1] for text in received) == body


async def test_a_kill_switch_stops_the_next_text_of_its_tenant_or_of_all(world: World) -> None:
    switches = MongoSwitches(world.database)
    reason = {"reason": "Wrong prices", "by": SYSTEM}
    async with world.sender():
        await switches.set_tenant(TENANT, stopped=True, **reason)
        assert (await told(world, "c-1")).code is OutcomeCode.SENDING_STOPPED
        await switches.set_tenant(TENANT, stopped=False, **reason)
        assert (await told(world, "c-2")).code is OutcomeCode.SENT
        await switches.set_all(stopped=True, **reason)
        assert (await told(world, "c-3")).code is OutcomeCode.SENDING_STOPPED
        await switches.set_all(stopped=False, **reason)
        assert (await told(world, "c-4")).code is OutcomeCode.SENT
    assert len(world.sim.sends) == 2


async def test_an_opt_out_counts_for_the_other_numbers_of_a_tenant_that_wants_it_so(
    world: World,
) -> None:
    other = "+18005550111"
    world.sim.own(other)
    await world.connections.put_number(
        TENANT, CONNECTION, address=other, region="US", agent_id="support"
    )
    await world.connections.set_gate(TENANT, other, on=True)
    await world.opt_out()
    tenants = MongoTenants(world.database)
    async with world.sender():
        assert (await told(world, "c-1")).code is OutcomeCode.RECIPIENT_OPTED_OUT
        assert (await told(world, "c-2", number=other)).code is OutcomeCode.SENT
        await tenants.update(TENANT, opt_out_scope=OptOutScope.TENANT, version=None, by=SYSTEM)
        third = await told(world, "c-3", number=other)
    assert third.code is OutcomeCode.RECIPIENT_OPTED_OUT
    assert len(world.sim.sends) == 1


async def test_a_suspected_loop_holds_its_conversation_until_a_person_lets_it_go_on(
    world: World,
) -> None:
    await set_rules(world, loop_replies=2)
    talk = conversation_id(TENANT, NUMBER, PHONE)
    async with world.sender():
        outcomes = [await told(world, f"c-{place}", body=f"Answer {place}") for place in range(4)]
        elsewhere = await told(world, "c-elsewhere", to="+15551230009")
        await MongoHeldConversations(world.database).resume(TENANT, talk, by=SYSTEM)
        resumed = await told(world, "c-5", body="Answer 5")
    assert [outcome.code for outcome in outcomes] == [
        OutcomeCode.SENT,
        OutcomeCode.SENT,
        OutcomeCode.LOOP_SUSPECTED,
        OutcomeCode.CONVERSATION_HELD,
    ]
    assert (elsewhere.code, resumed.code) == (OutcomeCode.SENT, OutcomeCode.SENT)
