"""What the processor's tests share: a processor over the bus and the store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.messages import BusError, BusUnavailable, Outgoing, PublishRefused
from common.bus.topology import (
    HEADER_ATTEMPTS,
    PROCESSOR_QUEUE,
    SENDER_QUEUE,
    SERVICES,
    agent_topology,
)
from common.bus.verdicts import Done
from common.events import SmsReceived, SmsReport, TextDecided
from common.failpoints import Failpoint, Failpoints
from common.metrics import Metrics
from common.optout.wording import Match, Matches, WordingMatcher
from common.sender_types import NumberType
from common.sending_rules import Answers, SendingRules
from common.store.memory import (
    Memory,
    MemoryConsentLedger,
    MemoryConversationFacts,
    MemoryInbound,
)
from common.store.memory_database import Document
from common.store.records import ConnectionStatus, RegisteredNumber, Route
from heliograph import Report, ReportStatus, Turn, wire
from heliograph.models import Wire
from processor.consenting import Consenting
from processor.handover import HandOver
from processor.inbox import Inbox
from processor.permission import Permission
from processor.reporting import Reporting
from processor.wording import Wording

OURS = "+18005550100"
THEIRS = "+15551230001"
OTHER = "+18005550199"
"""Another number of the tenant."""

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AGENT_QUEUE = wire.agent_queue("acme", "desk")


@dataclass(slots=True)
class FakeDelivery:
    """A delivery that only carries."""

    body: bytes
    type: str
    headers: dict[str, object] = field(default_factory=dict)
    message_id: str = "m"
    queue: str = PROCESSOR_QUEUE
    routing_key: str = "received.acs"
    user_id: str | None = "guest"
    correlation_id: str | None = None
    reply_to: str | None = None
    redelivered: bool = False
    published_at: datetime | None = None
    stale: bool = False

    async def ack(self, *, multiple: bool = False) -> None: ...

    async def requeue(self) -> None: ...


def delivery(event: Wire, *, attempts: int = 0) -> FakeDelivery:
    headers: dict[str, object] = {HEADER_ATTEMPTS: attempts} if attempts else {}
    return FakeDelivery(event.encode(), event.type, headers)


def received(
    name: str = "1",
    *,
    body: str = "Hello",
    minute: int = 0,
    remote: str = THEIRS,
    number: str = OURS,
) -> SmsReceived:
    at = MORNING + timedelta(minutes=minute)
    return SmsReceived(
        provider="acs",
        tenant_id="acme",
        connection_id="con-1",
        provider_message_id=f"Incoming_{name}",
        number=number,
        remote=remote,
        body=body,
        segments=1,
        at=at,
        accepted_at=at + timedelta(seconds=1),
    )


def report(
    reference: str | None, *, status: ReportStatus = ReportStatus.DELIVERED, name: str = "9"
) -> SmsReport:
    return SmsReport(
        provider="acs",
        tenant_id="acme",
        connection_id="con-1",
        provider_message_id=f"Outgoing_{name}",
        reference=reference,
        number=OURS,
        remote=THEIRS,
        status=status,
        details="No error.",
        at=MORNING + timedelta(hours=1),
        accepted_at=MORNING + timedelta(hours=1),
    )


class FaultyBus(MemoryBus):
    """Fails the publishes whose place is in `faults`, once each."""

    def __init__(self, broker: MemoryBroker):
        super().__init__(broker, topology=SERVICES)
        self.faults: dict[int, BusError] = {}

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:  # type: ignore[override]
        messages = list(messages)
        faults, self.faults = self.faults, {}
        taken = [message for place, message in enumerate(messages) if place not in faults]
        stored = iter(await super().publish_all(taken))
        return [
            faults[place] if place in faults else next(stored) for place in range(len(messages))
        ]


class Numbers:
    """One connected number, and another where a test connects it."""

    def __init__(self) -> None:
        self.number: RegisteredNumber | None = RegisteredNumber(
            tenant_id="acme",
            connection_id="con-1",
            provider="acs",
            address=OURS,
            agent_id="desk",
        )
        self.others: tuple[str, ...] = ()

    async def find(self, address: str) -> RegisteredNumber | None:
        if self.number and address in self.others:
            return replace(self.number, address=address)
        return self.number if self.number and address == self.number.address else None


class Crash(BaseException):
    """The process ends here."""


class Routes:
    """The connected number as a send would find it; who answers its keywords, we choose."""

    def __init__(self) -> None:
        self.rules = SendingRules(answers=Answers.PROVIDER)
        self.type = NumberType.LOCAL
        self.gone = False

    async def route(self, tenant_id: str, number: str) -> Route | None:
        if self.gone:
            return None
        return Route(
            tenant_id=tenant_id,
            connection_id="con-1",
            provider="acs",
            address=number,
            region="US",
            agent_id="desk",
            agent_active=True,
            bus_user="desk",
            gate_on=True,
            connection_status=ConnectionStatus.ACTIVE,
            credentials_version="1",
            type=self.type,
            rules=self.rules,
        )


def says_enough(text: str, /) -> Match | None:
    """Stands for the rules on free wording."""
    return Match("enough", "enough of this") if text == "enough of this" else None


OUR_ANSWERS = SendingRules(
    answers=Answers.US, answer_opt_out="Bye €.", answer_opt_in="Hello.", answer_help="Ask Ada."
)


class World:
    """A processor, and what its agent's queue holds."""

    def __init__(self, *, declare_agent: bool = True):
        self.broker = MemoryBroker()
        self.bus = FaultyBus(self.broker)
        self.bus.start()
        if declare_agent:
            self.broker.declare(agent_topology("acme", "desk"))
        self.instant = MORNING + timedelta(minutes=30)
        self.memory = Memory(clock=lambda: self.instant)
        self.numbers = Numbers()
        self.routes = Routes()
        self.rules: Matches = says_enough
        self.matcher: WordingMatcher | None = None
        self.crash_at: Failpoint | None = None
        self.metrics = Metrics()

    def inbox(self, owner: str = "one") -> Inbox:
        store = MemoryInbound(self.memory)
        points = Crashes(self)
        ledger = MemoryConsentLedger(self.memory)
        wording = Wording(self.matcher, rules=self.rules, timeout=0.05)
        consenting = Consenting(
            ledger=ledger,
            routes=self.routes,
            bus=self.bus,
            metrics=self.metrics,
            failpoints=points,
            wording=wording,
        )
        return Inbox(
            numbers=self.numbers,
            hand_over=HandOver(
                store=store,
                consenting=consenting,
                permission=Permission(ledger, MemoryConversationFacts(self.memory)),
                bus=self.bus,
                metrics=self.metrics,
                failpoints=points,
                owner=owner,
                lease=5,
                history_limit=10,
            ),
            reporting=Reporting(
                store=store,
                consenting=consenting,
                bus=self.bus,
                metrics=self.metrics,
                failpoints=points,
            ),
            metrics=self.metrics,
            wording=wording,
        )

    def turns(self) -> list[Turn]:
        return [Turn.decode(body) for body in self._bodies(Turn.type)]

    def reports(self) -> list[Report]:
        return [Report.decode(body) for body in self._bodies(Report.type)]

    def nudged(self) -> list[str]:
        """The texts that the sender was told to look at, in order."""
        stored = self.broker.stored(SENDER_QUEUE)
        return [TextDecided.decode(item.message.body).message_id for item in stored]

    def notices(self) -> list[Document]:
        """Our own texts, oldest first."""
        texts = self.memory.messages.values()
        return [item for item in texts if item.get("notice") is not None]

    def traces(self, kind: str) -> list[str]:
        """The traceparents of what the agent's queue holds of a kind."""
        stored = self.broker.stored(AGENT_QUEUE)
        return [item.message.headers["traceparent"] for item in stored if item.message.type == kind]

    def _bodies(self, kind: str) -> list[bytes]:
        stored = self.broker.stored(AGENT_QUEUE)
        return [item.message.body for item in stored if item.message.type == kind]


class Crashes(Failpoints):
    """Fail points of a process that a test may end."""

    def __init__(self, world: World):
        super().__init__()
        self._world = world

    def reached(self, point: Failpoint) -> None:
        if point is self._world.crash_at:
            raise Crash


async def say(world: World, *bodies: str, first: int = 0, **where: Any) -> None:
    """Texts of the remote, a minute after each other, each a batch of its own."""
    for minute, body in enumerate(bodies, first):
        event = received(f"{where}{minute}", body=body, minute=minute, **where)
        assert await world.inbox().handle([delivery(event)]) == [Done()]


AWAY = BusUnavailable("away")
FULL = PublishRefused("full")
