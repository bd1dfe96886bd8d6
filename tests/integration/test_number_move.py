"""A number goes to another provider and takes everything along: its conversations, agent and gate,
and the next text goes out there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from conformance.store_world import LEASE, new_consent, new_text
from connection_world import ADMIN, NUMBER, TENANT, World, new_number
from moving_world import REMOTE, TWILIO, VIBES, StandIn, allow, answer, open_lines, refused

from common.store.control import ConnectionView, NumberType
from common.store.mongo_consent_views import MongoConsents
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.records import SendState
from common.store.schema import MESSAGES
from health.web.problems import ProblemCode
from heliograph.codes import OutcomeCode


@pytest.fixture
def twilio() -> StandIn:
    return StandIn()


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str, twilio: StandIn) -> AsyncIterator[World]:
    async with open_lines(mongo_uri, mongo_database, twilio) as it:
        yield it


@pytest.fixture
async def line(world: World) -> ConnectionView:
    return await world.connect(new_number())


async def test_a_number_goes_to_another_provider_with_all_that_belongs_to_it(
    world: World, line: ConnectionView, twilio: StandIn
) -> None:
    reading = MongoReading(world.database)
    inbound = new_text("1", number=NUMBER, remote=REMOTE, connection_id=line.id)
    await MongoInbound(world.database).record([inbound], owner="one", lease=LEASE)
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    await answer(world, "before", inbound.id)
    (talk,) = (await reading.conversations(TENANT, limit=5)).items
    assert (talk.newest.provider, talk.newest.state) == ("acs", SendState.FINISHED.value)
    thread = (await reading.thread(TENANT, talk.id, limit=10)).items
    assert twilio.sent == []

    there = await world.connect(**TWILIO)
    moved = await world.number_desk.move(TENANT, NUMBER, there.id, version=None, by=ADMIN)
    assert (moved.provider, moved.connection_id) == ("twilio", there.id)
    assert (moved.agent_id, moved.gate_on, moved.connected) == ("support", True, True)
    assert await reading.conversation(TENANT, talk.id) == talk
    assert (await reading.thread(TENANT, talk.id, limit=10)).items == thread

    await answer(world, "after", inbound.id)
    ((credentials, text),) = twilio.sent
    assert credentials["auth_token"] == "0123456789abcdeffedcba9876543210"
    assert (text.sender, text.recipient, text.body) == (NUMBER, REMOTE, "Answer after")
    (now,) = (await reading.conversations(TENANT, limit=5)).items
    assert (now.id, now.newest.provider) == (talk.id, "twilio")
    assert now.newest.connection_id == there.id
    assert (await reading.thread(TENANT, talk.id, limit=10)).items[1:] == thread


async def test_an_opt_out_outlives_the_connection_and_goes_along_with_the_number(
    world: World, line: ConnectionView, twilio: StandIn
) -> None:
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    words = [
        new_consent(name, number=NUMBER, remote=REMOTE, tenant_id=TENANT, at=at, opted_out=out)
        for name, at, out in (("stop", 1, True), ("start", 2, False), ("again", 3, True))
    ]
    for word in words:  # Each of its own instant, by which the history is ordered.
        await MongoConsentLedger(world.database, clock=lambda word=word: word.at).note([word])

    gone = await world.desk.disconnect(TENANT, line.id, version=None, by=ADMIN)
    again = {"parameters": world.parameters, "partner": None, "by": ADMIN}
    await world.desk.reconnect(TENANT, line.id, version=gone.version, **again)
    await world.number_desk.add(TENANT, line.id, new_number(), by=ADMIN)
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    await answer(world, "reconnected", "turn")
    there = await world.connect(**TWILIO)
    await world.number_desk.move(TENANT, NUMBER, there.id, version=None, by=ADMIN)
    await answer(world, "moved", "turn")

    texts = await world.documents(MESSAGES)
    assert {text["command_id"]: text["outcome"]["code"] for text in texts} == {
        "reconnected": OutcomeCode.RECIPIENT_OPTED_OUT,
        "moved": OutcomeCode.RECIPIENT_OPTED_OUT,
    }
    assert twilio.sent == []
    kept = await MongoConsents(world.database).history(TENANT, NUMBER, REMOTE, limit=9)
    assert [item.entry for item in kept.items] == words[::-1]


async def test_a_number_goes_nowhere_where_there_are_none_of_its_type(
    world: World,
) -> None:
    sender_id = new_number("ACME", type=NumberType.ALPHANUMERIC, region="GB")
    world.sim.numbers["ACME"] = world.sim.numbers[NUMBER]
    line = await world.connect(sender_id)
    there = await world.connect(**VIBES)
    with refused(ProblemCode.INVALID_NUMBER, match="Vibes has no numbers of this type"):
        await world.number_desk.move(TENANT, "ACME", there.id, version=None, by=ADMIN)
    assert (await world.number_desk.get(TENANT, "ACME")).connection_id == line.id


async def test_a_number_that_the_other_provider_does_not_have_stays(
    world: World, line: ConnectionView, twilio: StandIn
) -> None:
    there = await world.connect(**TWILIO)
    twilio.foreign.add(NUMBER)
    with refused(ProblemCode.NUMBER_NOT_ON_RESOURCE):
        await world.number_desk.move(TENANT, NUMBER, there.id, version=None, by=ADMIN)
    assert (await world.route()).connection_id == line.id


async def test_reconnecting_needs_the_providers_feature_as_connecting_does(
    world: World,
) -> None:
    there = await world.connect(**TWILIO)
    gone = await world.desk.disconnect(TENANT, there.id, version=None, by=ADMIN)
    await allow(world, "custom.acs_sms")
    again = {"parameters": TWILIO["parameters"], "partner": None, "by": ADMIN}
    with refused(ProblemCode.FEATURE_MISSING, match=r"custom\.twilio_sms"):
        await world.desk.reconnect(TENANT, there.id, version=gone.version, **again)
    assert await world.desk.get(TENANT, there.id) == gone
    await allow(world, "custom.twilio_sms")
    back = await world.desk.reconnect(TENANT, there.id, version=gone.version, **again)
    assert back.status == "active"
