"""Whoever looks at parked messages loses none, changes none, and keeps their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from conformance.bus_world import next_of

from common.bus import dead_letters as looking
from common.bus.client import Bus
from common.bus.dead_letters import DeadLetters, NoSuchQueue
from common.bus.in_hand import Hand
from common.bus.messages import BusError, BusUnavailable, Delivery, Outgoing, PublishRefused
from common.bus.topology import (
    HEADER_ATTEMPTS,
    HEADER_USER,
    SENDER_QUEUE,
    SERVICES,
    Queue,
    Topology,
    agent_topology,
    dead_queue,
)
from common.bus.verdicts import Park, consequence
from common.store.control import AgentKind, AgentRecord, Page, TenantRecord
from common.store.control_ports import NotFound
from health.desk.dead_letters import DeadLetterDesk, ParkedQueue, shown
from heliograph import wire
from heliograph.models import SendCommand

DEAD = dead_queue(SENDER_QUEUE)
AGENT_QUEUE = wire.agent_queue("acme", "support")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Given:
    """A delivery to be parked."""

    def __init__(self, message_id: str, body: bytes, queue: str = SENDER_QUEUE):
        self.message_id, self.body, self.queue = message_id, body, queue
        self.type, self.routing_key, self.user_id = "command.send", "acme.support.send", "agent-1"
        self.correlation_id = self.reply_to = None
        self.headers: dict[str, Any] = {"traceparent": "t", HEADER_ATTEMPTS: 3}
        self.redelivered = self.stale = False
        self.published_at = None

    async def ack(self, *, multiple: bool = False) -> None: ...
    async def requeue(self) -> None: ...


@pytest.fixture
async def bus(vhost_url: str) -> AsyncIterator[Bus]:
    queues = (*SERVICES.queues, *agent_topology("acme", "support").queues)
    topology = Topology(SERVICES.exchanges, queues)
    bus = Bus(vhost_url, app="test", topology=topology, publish_deadline=20)
    bus.start()
    await bus.ready()
    yield bus
    await bus.close()


@pytest.fixture
def letters(vhost_url: str, bus: Bus) -> DeadLetters:
    return DeadLetters(vhost_url, bus, timeout=60)


async def park(bus: Bus, *ids: str, body: bytes = b"{}", queue: str = SENDER_QUEUE) -> None:
    for message_id in ids:
        message = consequence(
            Given(message_id, body, queue),
            Park("wrong_shape", "no body, said +15551230142"),
            own_user=bus.user,
            retry_delays=(),
        )
        assert message is not None
        await bus.publish(message)


async def drained(bus: Bus, number: int) -> list[Delivery]:
    """What the queue holds, and that it holds no more."""
    subscription = await bus.subscribe(DEAD, prefetch=number + 1)
    found = [await next_of(subscription) for _ in range(number)]
    await asyncio.sleep(0.3)  # Whatever is there too many.
    assert subscription.deliveries.empty()
    await subscription.cancel()
    for delivery in found:
        await delivery.ack()
    return found


async def test_looking_thirty_times_loses_changes_and_reorders_nothing(
    bus: Bus, letters: DeadLetters
) -> None:
    ids = [f"m{n}" for n in range(12)]
    await park(bus, *ids, body=b'{"v":1}')
    for _ in range(30):
        found = await letters.look(DEAD, limit=50)
        assert [letter.message_id for letter in found] == ids
        assert {letter.reason for letter in found} == {"wrong_shape"}
        assert {letter.parked_from for letter in found} == {SENDER_QUEUE}
        assert (found[0].type, found[0].body) == ("command.send", b'{"v":1}')
    assert await letters.count([DEAD]) == {DEAD: 12}
    left = await drained(bus, 12)
    assert [delivery.message_id for delivery in left] == ids
    for delivery in left:
        assert delivery.body == b'{"v":1}'
        assert delivery.headers[HEADER_USER] == "agent-1"
        assert delivery.headers[HEADER_ATTEMPTS] == 3
        assert delivery.headers["traceparent"] == "t"


async def test_deeds_that_fail_thirty_times_lose_nothing_of_a_limited_queue(
    bus: Bus, letters: DeadLetters
) -> None:
    """As somebody does who asks for a message that is not there."""
    limited = {"x-queue-type": "quorum", "x-delivery-limit": 20}
    await bus.declare(Topology(queues=(Queue("dead.limited", limited),)))
    for message_id in ("one", "two"):
        await bus.publish(
            Outgoing(exchange="", key="dead.limited", body=b"", type="t", message_id=message_id)
        )

    async def fail(hand: Hand) -> None:
        raise NotFound([letter.message_id for letter in hand.letters])

    for _ in range(30):
        with pytest.raises(NotFound, match="'one', 'two'"):
            await letters.hold("dead.limited", fail)


async def test_what_was_given_back_too_often_is_looked_at_alone(
    bus: Bus, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    await park(bus, "one", "two")
    monkeypatch.setattr(looking, "RENEW_AT", 1_000)
    for _ in range(looking._CAREFUL):
        assert len(await letters.look(DEAD, limit=5)) == 2
    monkeypatch.setattr(looking, "RENEW_AT", looking._CAREFUL // 2)
    assert [it.message_id for it in await letters.look(DEAD, limit=5)] == ["one"]
    assert [it.message_id for it in await letters.look(DEAD, limit=5)] == ["two"]
    assert {it.message_id for it in await letters.look(DEAD, limit=5)} == {"one", "two"}


async def test_a_queue_with_the_delivery_limit_of_newer_brokers_loses_nothing(
    bus: Bus, letters: DeadLetters
) -> None:
    limited = {"x-queue-type": "quorum", "x-delivery-limit": 20}
    await bus.declare(Topology(queues=(Queue("dead.limited", limited),)))
    for message_id in ("one", "two"):
        await bus.publish(
            Outgoing(exchange="", key="dead.limited", body=b"", type="t", message_id=message_id)
        )
    for _ in range(30):
        found = await letters.look("dead.limited", limit=5)
        assert [letter.message_id for letter in found] == ["one", "two"]


async def test_no_message_comes_near_the_least_delivery_limit(
    bus: Bus, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    counted = looking._given_back

    def note(delivery: Delivery) -> int:
        seen.append(counted(delivery))
        return seen[-1]

    monkeypatch.setattr(looking, "_given_back", note)
    await park(bus, "one", "two")
    for _ in range(20):
        await letters.look(DEAD, limit=5)
    assert max(seen) == looking.RENEW_AT


async def test_of_a_long_queue_every_message_is_still_there(bus: Bus, letters: DeadLetters) -> None:
    ids = [f"m{n}" for n in range(25)]
    await park(bus, *ids)
    for _ in range(30):
        assert len(await letters.look(DEAD, limit=10)) == 10
    assert sorted(item.message_id for item in await drained(bus, 25)) == sorted(ids)


async def test_two_who_look_at_once_see_the_same(bus: Bus, letters: DeadLetters) -> None:
    await park(bus, "one", "two", "three")
    found = await asyncio.gather(*(letters.look(DEAD, limit=5) for _ in range(4)))
    assert [[letter.message_id for letter in look] for look in found] == [
        ["one", "two", "three"]
    ] * 4


async def test_a_queue_that_does_not_exist_has_nothing(letters: DeadLetters) -> None:
    assert await letters.count(["dead.nothing", DEAD]) == {DEAD: 0}
    with pytest.raises(NoSuchQueue):
        await letters.look("dead.nothing", limit=1)


async def test_what_cannot_be_renewed_stays_and_is_left_alone_after_a_while(
    vhost_url: str, bus: Bus
) -> None:
    class Refusing:
        user = bus.user

        async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
            return [PublishRefused("full") for _ in messages]

    clock = [0.0]
    letters = DeadLetters(vhost_url, Refusing(), timeout=60, now=lambda: clock[0])
    await park(bus, "one", "two")
    answers = []
    for _ in range(40):
        try:
            await letters.look(DEAD, limit=5)
            answers.append("seen")
        except BusUnavailable:
            answers.append("away")
    assert answers == ["seen"] * looking.RENEW_AT + ["away"] * (40 - looking.RENEW_AT)
    clock[0] += looking._SHUT  # After a while it is tried again, and then after a longer one.
    for _ in range(20):
        with pytest.raises(BusUnavailable):
            await letters.look(DEAD, limit=5)
    clock[0] += looking._SHUT
    with pytest.raises(BusUnavailable, match="is not looked at now"):
        await letters.look(DEAD, limit=5)
    left = await drained(bus, 2)
    assert [delivery.message_id for delivery in left] == ["one", "two"]
    assert left[0].headers["x-delivery-count"] < 12


async def test_a_queue_that_could_not_be_renewed_is_looked_at_again_when_it_can_be(
    vhost_url: str, bus: Bus
) -> None:
    class Full:
        user = bus.user
        full = True

        async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
            if self.full:
                return [PublishRefused("full") for _ in messages]
            return await bus.publish_all(messages)

    clock, broker = [0.0], Full()
    letters = DeadLetters(vhost_url, broker, timeout=60, now=lambda: clock[0])
    await park(bus, "one", "two")
    for _ in range(looking.RENEW_AT):
        await letters.look(DEAD, limit=5)
    for _ in range(looking._FAILURES):
        with pytest.raises(BusUnavailable, match="could not be renewed"):
            await letters.look(DEAD, limit=5)
    broker.full = False
    with pytest.raises(BusUnavailable, match="is not looked at now"):
        await letters.look(DEAD, limit=5)
    clock[0] += looking._SHUT
    assert [it.message_id for it in await letters.look(DEAD, limit=5)] == ["one", "two"]
    assert letters._failures[DEAD] == 0


async def test_a_message_that_the_broker_parked_says_so_before_and_after_renewal(
    bus: Bus, letters: DeadLetters
) -> None:
    await bus.publish(
        Outgoing(
            exchange=wire.COMMANDS_EXCHANGE, key="a.b.send", body=b"x", type="t", message_id="m"
        )
    )
    subscription = await bus.subscribe(SENDER_QUEUE, prefetch=1)
    delivery: Any = await next_of(subscription)
    await delivery._channel.basic_reject(delivery._tag, requeue=False)
    await subscription.cancel()
    async with asyncio.timeout(30):
        while (await letters.count([DEAD]))[DEAD] == 0:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)
    for _ in range(2 * looking.RENEW_AT):
        (letter,) = await letters.look(DEAD, limit=5)
        assert (letter.reason, letter.parked_from) == ("rejected", SENDER_QUEUE)


class OneTenant:
    async def list(self, *, limit: int, cursor: str | None = None) -> Page[TenantRecord]:
        tenant = TenantRecord(
            id="acme",
            name="Acme",
            features=(),
            opt_out_accepted_at=None,
            opt_out_accepted_by=None,
            created_at=NOW,
            version=1,
        )
        return Page((tenant,))


class TwoAgents:
    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[AgentRecord]:
        """One on each page."""
        agent_id = "support" if cursor is None else "sales"
        agent = await self.get(tenant_id, agent_id)
        assert agent is not None
        return Page((agent,), "next" if cursor is None else None)

    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord | None:
        if tenant_id != "acme" or agent_id not in {"support", "sales"}:
            return None
        return AgentRecord(
            id=agent_id,
            tenant_id=tenant_id,
            name=agent_id,
            kind=AgentKind.AGENT,
            employee=None,
            active=True,
            bus_user=agent_id,
            created_at=NOW,
            version=1,
        )


class TestDesk:
    @pytest.fixture
    def desk(self, letters: DeadLetters) -> DeadLetterDesk:
        return DeadLetterDesk(letters, OneTenant(), TwoAgents())

    async def test_it_counts_the_parking_places_of_services_and_agents(
        self, bus: Bus, desk: DeadLetterDesk
    ) -> None:
        await park(bus, "one", "two")
        await park(bus, "three", queue=AGENT_QUEUE)
        assert await desk.queues() == (
            ParkedQueue("dead.agent.acme.support", 1),
            ParkedQueue("dead.processor.inbound", 0),
            ParkedQueue("dead.sender.commands", 2),
        )

    async def test_it_shows_no_number_and_no_word_of_a_text(
        self, bus: Bus, desk: DeadLetterDesk
    ) -> None:
        command = SendCommand(
            command_id="c1",
            tenant_id="acme",
            agent_id="support",
            number="+18005550100",
            to="+15551230142",
            body="canary words",
        )
        await park(bus, "one", body=command.encode())
        (parked,) = (await desk.look(DEAD, limit=5)).items
        told = str(parked)
        for secret in ("canary", "15551230142", "18005550100"):
            assert secret not in told
        assert parked.body["body"] == "(12 characters)"
        assert (parked.body["command_id"], parked.body["to"]) == ("c1", "•••••42")

    async def test_other_queues_cannot_be_looked_at(self, desk: DeadLetterDesk) -> None:
        assert await desk.look("dead.agent.acme.sales", limit=1) == Page(())
        for queue in (SENDER_QUEUE, "dead.agent.other.support", "dead.agent.acme.nobody", "x"):
            with pytest.raises(NotFound):
                await desk.look(queue, limit=1)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xff not json", "(10 octets that are not JSON)"),
        (b'{"canary words here": "x"}', {"(17 characters)": "(1 characters)"}),
        (b'[{"data": {"message": "hi", "n": 15551230142}}]', None),
        (b'{"seq": 7, "v": 1, "to": ["+15551230142"], "ok": true}', None),
        (b'{"id": "a canary", "to": ["e1"]}', {"id": "(8 characters)", "to": ["(2 characters)"]}),
        (b'{"tag": "canary", "to": "canary", "code": "Canary"}', None),
        (b'{"id": "canary@example.com", "from": "+15551230142.canary"}', None),
        (
            b'{"code": "too_many_texts", "status": "sent"}',
            {"code": "too_many_texts", "status": "sent"},
        ),
    ],
)
def test_of_an_unreadable_body_only_the_form_is_shown(body: bytes, expected: Any) -> None:
    answer = shown(body)
    assert expected is None or answer == expected
    assert "15551230142" not in orjson.dumps(answer).decode()
    assert "canary" not in str(answer)
