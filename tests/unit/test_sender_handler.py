"""Promises of the sender's handler where another replica, a fault or the clock comes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sender_stand_ins import NUMBER, FakeDelivery, command

from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.messages import BusUnavailable
from common.bus.topology import SERVICES, agent_topology
from common.bus.verdicts import Defer, Done, Park
from common.errors import StoreUnavailable
from common.failpoints import Failpoints
from common.ids import derive_uuid
from common.metrics import Metrics
from common.providers.port import (
    Accepted,
    Ambiguous,
    Health,
    Healthy,
    NotProcessed,
    Refused,
    SendResult,
    Text,
    UnusableCredentials,
)
from common.secrets import MasterKeys, generate_master_key
from common.store.memory import Memory, MemoryConnections, MemoryOutbound
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus, SendCommand
from sender.carrying import Carrying
from sender.clients import Clients
from sender.handler import Handler
from sender.sending import Sending

PHONE = "+15551230001"
QUEUE = "agent.acme.support"
LEASE = 12.0
THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")


@dataclass
class FakeClient:
    """A provider's client that answers as told, then accepts."""

    answers: list[SendResult | BaseException]
    sent: list[Text] = field(default_factory=list)
    closed: int = 0
    busy: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    blocking: bool = False

    async def send(self, text: Text) -> SendResult:
        self.sent.append(text)
        self.busy.set()
        if self.blocking:
            await self.release.wait()
        answer = self.answers.pop(0) if self.answers else Accepted("p-1")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def check(self, numbers: Sequence[str]) -> Health:
        return Healthy()

    async def close(self) -> None:
        self.closed += 1


@dataclass
class FakeProvider:
    """A provider with one scripted client."""

    client: FakeClient
    deduplicates: bool = True
    name: str = "fake"
    connected: int = 0

    def prepare(self) -> None: ...

    def connect(self, credentials: Mapping[str, str], *, timeout: float) -> FakeClient:
        if credentials.get("key") != "good":
            raise UnusableCredentials("key is wrong.")
        self.connected += 1
        return self.client


class Desk:
    """Replicas of the handler on one store and one broker in memory, and a clock to turn."""

    def __init__(self, *, deduplicates: bool = True) -> None:
        self.instant = datetime.now(UTC)
        self.memory = Memory(clock=lambda: self.instant)
        self.connections = MemoryConnections(self.memory)
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker, topology=SERVICES, user="sender")
        self.client = FakeClient([])
        self.provider = FakeProvider(self.client, deduplicates)
        self.keys = MasterKeys.parse(generate_master_key())
        self.metrics = Metrics()
        self.clients = Clients(
            self.connections, {"fake": self.provider}, self.keys, size=2, timeout=5
        )

    async def prepare(self, credentials: Mapping[str, str] | None = None) -> None:
        self.wrapped = wrapped = self.keys.new_tenant_key("acme")
        await self.connections.put_tenant("acme", name="a", wrapped_key=wrapped.to_document())
        await self.connections.put_agent("acme", "support", name="s", bus_user="acme-support")
        await self.connect("line", credentials or {"key": "good"})
        await self.connections.set_gate("acme", NUMBER, on=True)
        self.bus.start()
        self.broker.declare(agent_topology("acme", "support"))

    async def connect(self, connection_id: str, credentials: Mapping[str, str]) -> None:
        """Put the number on a connection."""
        sealed = self.keys.unwrap("acme", self.wrapped).seal(connection_id, credentials)
        await self.connections.put_connection(
            "acme", connection_id, name="l", provider="fake", sealed=sealed.to_document()
        )
        await self.connections.put_number(
            "acme", connection_id, address=NUMBER, region="US", agent_id="support"
        )

    def replica(self, owner: str = "a", *, attempts: int = 8, in_place: float = 0.0) -> Handler:
        store = MemoryOutbound(self.memory)
        shared: dict[str, Any] = {
            "store": store,
            "metrics": self.metrics,
            "failpoints": Failpoints(),
            "owner": owner,
        }
        sending = Sending(
            **shared,
            clients=self.clients,
            providers={"fake": self.provider},
            lease=LEASE,
            attempts=attempts,
            in_place=in_place,
        )
        carrying = Carrying(**shared, sending=sending, longest_pause=600)
        return Handler(
            **shared,
            bus=self.bus,
            carrying=carrying,
            lease=LEASE,
            long_text_limit=160,
            trust=False,
        )

    def told(self) -> list[Outcome]:
        return [Outcome.decode(stored.message.body) for stored in self.broker.stored(QUEUE)]

    def wind(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    return made


def delivery(order: SendCommand | None = None) -> FakeDelivery:
    return FakeDelivery(body=(order or command()).encode())


async def test_a_text_in_another_replicas_hand_is_left_alone(desk: Desk) -> None:
    desk.client.blocking = True
    first = asyncio.create_task(desk.replica("a").handle(delivery()))
    await desk.client.busy.wait()
    assert await desk.replica("b").handle(delivery()) == Defer(1.0)
    desk.client.release.set()
    assert await first == Done()
    assert await desk.replica("b").handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    first_told, again = desk.told()
    assert first_told == again


async def test_what_a_crash_left_behind_is_sent_again_with_the_same_values(desk: Desk) -> None:
    desk.client.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(delivery())
    assert await desk.replica("b").handle(delivery()) == Defer(1.0)
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(delivery()) == Done()
    one, two = desk.client.sent
    assert one == two
    assert one.request_id == derive_uuid("repeatability", one.reference)
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]


async def test_what_a_crash_left_behind_stays_uncertain_without_deduplication() -> None:
    desk = Desk(deduplicates=False)
    await desk.prepare()
    desk.client.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(delivery())
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.UNCERTAIN]


async def test_a_lost_answer_is_uncertain_at_once_without_deduplication() -> None:
    desk = Desk(deduplicates=False)
    await desk.prepare()
    desk.client.answers.append(Ambiguous("no answer"))
    assert await desk.replica(in_place=5.0).handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.AMBIGUOUS]


async def test_a_number_that_moved_to_another_connection_is_not_tried_there_again(
    desk: Desk,
) -> None:
    desk.client.answers.append(Ambiguous("no answer"))
    assert isinstance(await desk.replica().handle(delivery()), Defer)
    await desk.connect("second", {"key": "good"})
    assert await desk.replica().handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.AMBIGUOUS]


async def test_a_replica_that_lost_its_lease_sends_nothing(desk: Desk) -> None:
    asked, slow = asyncio.Event(), asyncio.Event()
    get = desk.connections.get

    async def slow_get(tenant_id: str, connection_id: str) -> Any:
        asked.set()
        await slow.wait()
        return await get(tenant_id, connection_id)

    desk.connections.get = slow_get  # type: ignore[method-assign]
    late = asyncio.create_task(desk.replica("a").handle(delivery()))
    await asked.wait()
    desk.wind(LEASE + 1)
    desk.connections.get = get  # type: ignore[method-assign]
    assert await desk.replica("b").handle(delivery()) == Done()
    slow.set()
    assert await late == Defer(1.0)
    assert len(desk.client.sent) == 1


async def test_a_replica_that_lost_its_lease_says_nothing_of_what_another_may_be_sending(
    desk: Desk,
) -> None:
    desk.client.blocking = True
    desk.client.answers.append(Refused(OutcomeCode.PROVIDER_REJECTED, "no"))
    late = asyncio.create_task(desk.replica("a").handle(delivery()))
    await desk.client.busy.wait()
    (document,) = desk.memory.messages.values()
    document["lease_owner"] = "b"
    desk.client.release.set()
    assert await late == Defer(1.0)
    assert desk.told() == []


async def test_a_reused_command_id_tells_nothing_of_the_command_that_has_it(desk: Desk) -> None:
    await desk.replica().handle(delivery(command(to="+15551230009", body="first")))
    assert await desk.replica().handle(delivery(command(body="second"))) == Done()
    refused = desk.told()[1]
    assert (refused.code, refused.to, refused.body) == (
        OutcomeCode.COMMAND_ID_REUSED,
        PHONE,
        None,
    )


async def test_long_waits_are_spent_in_the_queue_and_attempts_are_counted(desk: Desk) -> None:
    desk.client.answers += [THROTTLED, NotProcessed(THROTTLED.code, "", 45.0), THROTTLED]
    handler = desk.replica(attempts=3)
    assert await handler.handle(delivery()) == Defer(2.0)
    assert desk.told() == []
    assert await handler.handle(delivery()) == Defer(45.0)
    assert await handler.handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.PROVIDER_THROTTLED]
    assert len(desk.client.sent) == 3


async def test_short_waits_are_made_in_place_with_the_same_values(desk: Desk) -> None:
    desk.client.answers += [THROTTLED, Ambiguous("no answer")]
    assert await desk.replica(in_place=5.0).handle(delivery()) == Done()
    assert len({(text.request_id, text.first_sent) for text in desk.client.sent}) == 1
    assert len(desk.client.sent) == 3


async def test_a_command_that_expires_while_it_waits_is_not_sent(desk: Desk) -> None:
    order = command(expires_at=datetime.now(UTC) + timedelta(milliseconds=50))
    desk.client.answers.append(THROTTLED)
    assert isinstance(await desk.replica().handle(delivery(order)), Defer)
    await asyncio.sleep(0.06)
    assert await desk.replica().handle(delivery(order)) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.COMMAND_EXPIRED]
    assert len(desk.client.sent) == 1


async def test_an_outcome_that_the_bus_did_not_take_is_told_when_it_is_back(desk: Desk) -> None:
    desk.broker.stop()
    with pytest.raises(BusUnavailable):
        await desk.replica().handle(delivery())
    desk.broker.start()
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]
    assert len(desk.client.sent) == 1


async def test_without_the_store_nothing_leaves(desk: Desk) -> None:
    desk.memory.away = True
    with pytest.raises(StoreUnavailable):
        await desk.replica().handle(delivery())
    assert desk.client.sent == []


async def test_an_agent_that_was_switched_off_sends_nothing(desk: Desk) -> None:
    desk.memory.agents["acme/support"]["active"] = False
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.NOT_AUTHORISED]
    assert desk.client.sent == []


async def test_a_disconnected_number_sends_nothing(desk: Desk) -> None:
    desk.memory.connections["acme/line"]["status"] = "disconnected"
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.CONNECTION_INACTIVE]
    assert desk.client.sent == []


async def test_credentials_that_no_client_can_be_built_from_are_a_final_refusal() -> None:
    desk = Desk()
    await desk.prepare({"key": "bad"})
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.CREDENTIALS_UNREADABLE]


async def test_an_unproven_command_is_parked_and_only_its_publisher_told(desk: Desk) -> None:
    stranger = delivery()
    stranger.user_id = "mallory"
    verdict = await desk.replica().handle(stranger)
    assert isinstance(verdict, Park)
    assert verdict.code == "not_authorised"
    assert desk.told() == []
    assert desk.metrics.registry.get_sample_value(
        "heliograph_parked_total", {"queue": "sender.commands", "reason": "not_authorised"}
    ) == pytest.approx(1)


async def test_every_outcome_is_counted_once_however_often_it_is_told(desk: Desk) -> None:
    handler = desk.replica()
    for _ in range(3):
        await handler.handle(delivery())
    assert len(desk.told()) == 3
    assert desk.metrics.registry.get_sample_value(
        "heliograph_outcomes_total", {"status": "sent", "code": "sent"}
    ) == pytest.approx(1)


async def route_of(desk: Desk) -> Any:
    route = await MemoryOutbound(desk.memory).route("acme", NUMBER)
    assert route is not None
    return route


async def test_one_client_serves_a_connection_until_its_credentials_change(desk: Desk) -> None:
    route = await route_of(desk)
    for _ in range(3):
        async with desk.clients.use(route) as client:
            assert client is desk.client
    assert (desk.provider.connected, desk.client.closed) == (1, 0)
    await desk.clients.drop("acme", "line")
    assert desk.client.closed == 1
    async with desk.clients.use(route):
        pass
    assert desk.provider.connected == 2


async def test_a_dropped_client_is_closed_only_after_its_last_call(desk: Desk) -> None:
    route = await route_of(desk)
    async with desk.clients.use(route):
        await desk.clients.drop("acme", "line")
        assert desk.client.closed == 0
    assert desk.client.closed == 1


async def test_the_pool_keeps_no_more_clients_than_its_size(desk: Desk) -> None:
    route = await route_of(desk)
    versions = [replace(route, credentials_version=version) for version in "123"]
    for version in versions:
        async with desk.clients.use(version):
            pass
    assert desk.client.closed == 1
    await desk.clients.close()
    assert desk.client.closed == 3
