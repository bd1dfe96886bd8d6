"""Replicas of the sender's handler at work on one store and one broker in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sender_stand_ins import NUMBER, FakeDelivery, command

from common.announcing import Announcer
from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.topology import SERVICES, agent_topology
from common.failpoints import Failpoints
from common.metrics import Metrics
from common.providers.port import (
    Accepted,
    FetchedReport,
    Health,
    Healthy,
    SendResult,
    Text,
    UnusableCredentials,
)
from common.providers.spec import ProviderSpec
from common.secrets import MasterKeys, generate_master_key
from common.sender_types import NumberType
from common.store.consents import ConsentSource, NewConsent
from common.store.memory import Memory, MemoryConnections, MemoryOutbound
from common.store.memory_circuits import MemoryCircuits
from common.store.memory_consents import MemoryConsentLedger
from common.store.memory_conversations import MemoryConversationFacts
from common.store.memory_limits import MemoryLimits
from heliograph.models import Outcome, SendCommand
from sender.breaking import Breaker
from sender.carrying import Carrying
from sender.clients import Clients
from sender.deciding import Deciding
from sender.dispatch import Dispatch
from sender.handler import Handler
from sender.sending import Sending
from sender.telling import Telling

QUEUE = "agent.acme.support"
LEASE = 12.0


@dataclass
class FakeClient:
    """A provider's client that answers as told, then accepts."""

    answers: list[SendResult | BaseException]
    sent: list[Text] = field(default_factory=list)
    calls: list[list[str]] = field(default_factory=list)
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

    async def send_all(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        """Answers in order; each call's recipients are one entry of `calls`."""
        self.calls.append([text.recipient for text in texts])
        return [await self.send(text) for text in texts]

    async def check(self, numbers: Sequence[str]) -> Health:
        return Healthy()

    async def owns(self, number: str) -> bool | None:
        return None

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None:
        return None

    async def opted_out(self, sender: str, recipient: str) -> bool | None:
        return None

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        return None

    async def close(self) -> None:
        self.closed += 1


SPEC = ProviderSpec(
    name="fake",
    title="Fake",
    feature="fake",
    parameters=(),
    number_types=tuple(NumberType),
    callbacks=(),
    portal="",
)


@dataclass
class FakeProvider:
    """A provider with one scripted client, and further ones for credentials that name them."""

    client: FakeClient
    deduplicates: bool = True
    name: str = "fake"
    max_recipients: int = 100
    connected: int = 0
    remembers: float | None = None
    spec: ProviderSpec = SPEC
    callbacks: None = None
    others: dict[str, FakeClient] = field(default_factory=dict)

    def prepare(self) -> None: ...

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> FakeClient:
        if credentials.get("key") != "good":
            raise UnusableCredentials("key is wrong.")
        self.connected += 1
        return self.others.get(credentials.get("client", ""), self.client)


class Desk:
    """Replicas of the handler on one store and one broker in memory, and a clock to turn."""

    def __init__(self, *, deduplicates: bool = True) -> None:
        self.instant = datetime.now(UTC)
        self.memory = Memory(clock=lambda: self.instant)
        self.connections = MemoryConnections(self.memory)
        self.store = MemoryOutbound(self.memory)
        self.ledger = MemoryConsentLedger(self.memory)
        self.conversations = MemoryConversationFacts(self.memory)
        self.limits = MemoryLimits(self.memory)
        self.circuits = MemoryCircuits(self.memory)
        self.broker = MemoryBroker()
        self.bus = MemoryBus(self.broker, topology=SERVICES, user="sender")
        self.client = FakeClient([])
        self.provider = FakeProvider(self.client, deduplicates)
        self.keys = MasterKeys.parse(generate_master_key())
        self.metrics = Metrics()
        self.stopping = asyncio.Event()
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

    async def opt_out(self, remote: str) -> None:
        """A STOP of the remote, as the processor notes it."""
        entry = NewConsent(
            tenant_id="acme",
            number=NUMBER,
            remote=remote,
            opted_out=True,
            at=self.instant,
            source=ConsentSource.KEYWORD,
            rule="STOP",
            who="remote",
            message_id="stop",
        )
        await self.ledger.note([entry])

    def replica(self, owner: str = "a", *, attempts: int = 8, in_place: float = 0.0) -> Handler:
        decided = f"{owner}/decided"
        deciding = Deciding(
            store=self.store,
            telling=Telling(self.bus, Failpoints()),
            carrying=self._carrying(decided, attempts, in_place),
            dispatch=self.dispatch(decided),
            failpoints=Failpoints(),
            owner=decided,
            lease=LEASE,
        )
        return Handler(
            store=self.store,
            metrics=self.metrics,
            failpoints=Failpoints(),
            owner=owner,
            bus=self.bus,
            carrying=self._carrying(owner, attempts, in_place),
            dispatch=self.dispatch(owner),
            deciding=deciding,
            lease=LEASE,
            long_text_limit=160,
            trust=False,
        )

    def dispatch(self, owner: str) -> Dispatch:
        return Dispatch(
            store=self.store,
            ledger=self.ledger,
            limits=self.limits,
            clients=self.clients,
            breaker=Breaker(self.circuits, Announcer(self.bus), self.metrics, lease=LEASE),
            metrics=self.metrics,
            failpoints=Failpoints(),
            owner=owner,
            lease=LEASE,
            longest_pause=600,
            halt=self.stopping.is_set,
        )

    def _carrying(self, owner: str, attempts: int, in_place: float) -> Carrying:
        return Carrying(
            store=self.store,
            ledger=self.ledger,
            conversations=self.conversations,
            sending=Sending(providers=self.clients.providers, attempts=attempts, in_place=in_place),
            metrics=self.metrics,
            failpoints=Failpoints(),
            owner=owner,
            longest_pause=600,
        )

    def told(self) -> list[Outcome]:
        return [Outcome.decode(stored.message.body) for stored in self.broker.stored(QUEUE)]

    def wind(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


def delivery(order: SendCommand | None = None) -> FakeDelivery:
    return FakeDelivery(body=(order or command()).encode())
