"""Promises of a number with connections at two providers, which know nothing of each other, on the
real servers: what one may have accepted, the other is never asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sender_world import NUMBER, PHONE, TENANT, World, command

from common.sending_rules import LongText, SendingRules, rules_document
from common.store.client import Document
from common.store.mongo_inbound import MongoInbound
from common.store.records import NewReport
from common.store.schema import MESSAGES, NUMBERS
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus, ReportStatus
from local.accounts import ACCOUNTS
from local.simulators import SIMULATORS, ProviderSimulator

FIRST, SECOND = "twilio", "infobip"
"""The number's own, which recognises no repeated call, and the one to fall back on."""
NOWHERE = "http://127.0.0.1:9"
"""Where the reports of these texts go: nobody listens."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The world, its number at one provider, with another one to fall back on."""

    world: World
    first: ProviderSimulator
    second: ProviderSimulator

    def received(self, phone: str = PHONE) -> tuple[list[str], list[str]]:
        """What a phone has got through each provider."""
        first, second = ([it.body for it in sim.phone(phone).received] for sim in self._both)
        return first, second

    @property
    def calls(self) -> tuple[int, int]:
        """How often each provider was called."""
        return len(self.first.sends), len(self.second.sends)

    @property
    def _both(self) -> tuple[ProviderSimulator, ProviderSimulator]:
        return self.first, self.second

    async def text(self, message_id: str | None) -> Document:
        found = await self.world.database.collection(MESSAGES).find_one({"_id": message_id})
        assert found is not None
        return found

    def settings(self) -> dict[str, str]:
        return {
            **ACCOUNTS[FIRST].address_setting(self.first.url),
            "public_webhook_url": NOWHERE,
        }


@pytest.fixture
async def pair(world: World) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        sims = {}
        for name in (FIRST, SECOND):
            sim = SIMULATORS[name](**ACCOUNTS[name].values, numbers=[NUMBER], time_scale=0.001)
            sims[name] = await stack.enter_async_context(sim)
            await world.put_connection(name, name, ACCOUNTS[name].parameters(sim.url))
        await world.connections.put_number(
            TENANT, FIRST, address=NUMBER, region="US", agent_id="support"
        )
        await world.fall_back_on(SECOND)
        yield Pair(world, sims[FIRST], sims[SECOND])


async def test_what_one_may_have_accepted_the_other_is_never_asked_for_and_a_report_settles_it(
    pair: Pair,
) -> None:
    pair.first.fault("cut_after_accept")
    pair.first.fault("missing_reports")
    async with pair.world.sender(**pair.settings()):
        outcome = await pair.world.send(command())
        again = await pair.world.send(command())
    assert (outcome.status, again) == (OutcomeStatus.UNCERTAIN, outcome)
    assert pair.calls == (1, 0)
    assert pair.received() == (["We open at nine."], [])

    (call,) = pair.first.sends
    (asked,) = call["recipients"]
    assert outcome.message_id is not None
    assert f"ref={outcome.message_id}" in asked["report_url"]
    report = NewReport(
        tenant_id=TENANT,
        provider=FIRST,
        provider_message_id=asked["message_id"],
        reference=outcome.message_id,
        status=ReportStatus.DELIVERED,
        code=None,
        details=None,
        at=datetime.now(UTC),
        accepted_at=datetime.now(UTC),
    )
    (applied,) = await MongoInbound(pair.world.database).apply_reports([report])
    assert (applied.message_id, applied.tell) == (outcome.message_id, True)
    text = await pair.text(outcome.message_id)
    assert (text["status"], text["connection_id"]) == ("delivered", FIRST)
    assert text["provider_message_id"] == asked["message_id"]


async def test_what_one_does_not_even_hear_goes_through_the_other_once(pair: Pair) -> None:
    settings = pair.settings()
    await pair.first.stop()
    async with pair.world.sender(**settings):
        outcome = await pair.world.send(command())
        again = await pair.world.send(command())
    assert (outcome.status, again) == (OutcomeStatus.SENT, outcome)
    assert (pair.calls, pair.received()) == ((0, 1), ([], ["We open at nine."]))
    text = await pair.text(outcome.message_id)
    (detour,) = text["detours"]
    assert (detour["from"], detour["to"], text["provider"]) == (FIRST, SECOND, SECOND)
    assert text["attempts"] == 1
    samples = pair.world.metrics.registry.get_sample_value
    ways = {"from_provider": FIRST, "to_provider": SECOND}
    assert samples("heliograph_failovers_total", ways) == 1


@pytest.mark.parametrize("how", ["denied", "away"])
async def test_once_one_has_taken_a_part_the_other_never_gets_the_rest(
    pair: Pair, how: str
) -> None:
    rules = rules_document(SendingRules(long_text=LongText.SPLIT))
    await pair.world.database.majority(NUMBERS).update_one(
        {"_id": f"{TENANT}/{NUMBER}"}, {"$set": {"rules": rules}}
    )

    async def break_after_the_first_part() -> None:
        await pair.first.wait_for("send", 1, 15)
        if how == "denied":
            pair.first.fault("denied")
        else:
            await pair.first.stop()

    breaking = asyncio.create_task(break_after_the_first_part())
    async with pair.world.sender(**pair.settings(), sender_attempts=2):
        outcome = await pair.world.send(command(body="word " * 60))
        await breaking
    assert (outcome.status, outcome.parts_sent) in (
        (OutcomeStatus.FAILED, 1),
        (OutcomeStatus.UNCERTAIN, 1),
    )
    first, second = pair.received()
    assert [text.split(" ")[0] for text in first] == ["(1/2)"]
    assert (second, len(pair.second.sends)) == ([], 0)


async def test_each_recipient_of_a_command_gets_it_once_through_whoever_takes_it(
    pair: Pair,
) -> None:
    phones = [f"+1555123000{place}" for place in range(1, 5)]
    pair.first.fault("denied", phone=phones[1])
    async with pair.world.sender(**pair.settings()):
        await pair.world.publish(command(to=phones).encode())
        outcomes = [await pair.world.outcome() for _ in phones]
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.SENT}
    assert sorted(outcome.to for outcome in outcomes) == phones
    for phone in phones:
        first, second = pair.received(phone)
        assert len(first) + len(second) == 1
    assert pair.received(phones[1])[0] == []


async def test_each_recipient_gets_it_once_where_one_provider_is_away(pair: Pair) -> None:
    phones = [f"+1555123000{place}" for place in range(1, 5)]
    settings = pair.settings()
    await pair.first.stop()
    async with pair.world.sender(**settings):
        await pair.world.publish(command(to=phones).encode())
        outcomes = [await pair.world.outcome() for _ in phones]
    assert {outcome.code for outcome in outcomes} == {OutcomeCode.SENT}
    assert [len(pair.received(phone)[1]) for phone in phones] == [1] * 4
