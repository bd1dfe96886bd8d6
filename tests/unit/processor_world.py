"""What the processor's tests share: a processor over the bus and the store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.bus.memory import MemoryBroker, MemoryBus
from common.bus.messages import BusError, BusUnavailable, Outgoing, PublishRefused
from common.bus.topology import HEADER_ATTEMPTS, PROCESSOR_QUEUE, SERVICES, agent_topology
from common.events import SmsReceived, SmsReport
from common.failpoints import Failpoints
from common.metrics import Metrics
from common.store.memory import Memory, MemoryInbound
from common.store.records import RegisteredNumber
from heliograph import Report, ReportStatus, Turn, wire
from heliograph.models import Wire
from processor.handover import HandOver
from processor.inbox import Inbox
from processor.reporting import Reporting

OURS = "+18005550100"
THEIRS = "+15551230001"
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
    stale: bool = False

    async def ack(self, *, multiple: bool = False) -> None: ...

    async def requeue(self) -> None: ...


def delivery(event: Wire, *, attempts: int = 0) -> FakeDelivery:
    headers: dict[str, object] = {HEADER_ATTEMPTS: attempts} if attempts else {}
    return FakeDelivery(event.encode(), event.type, headers)


def received(
    name: str = "1", *, body: str = "Hello", minute: int = 0, remote: str = THEIRS
) -> SmsReceived:
    at = MORNING + timedelta(minutes=minute)
    return SmsReceived(
        provider="acs",
        tenant_id="acme",
        connection_id="con-1",
        provider_message_id=f"Incoming_{name}",
        number=OURS,
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
    """One connected number."""

    def __init__(self) -> None:
        self.number: RegisteredNumber | None = RegisteredNumber(
            tenant_id="acme",
            connection_id="con-1",
            provider="acs",
            address=OURS,
            agent_id="desk",
        )

    async def find(self, address: str) -> RegisteredNumber | None:
        return self.number if self.number and address == self.number.address else None


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
        self.metrics = Metrics()

    def inbox(self, owner: str = "one") -> Inbox:
        store = MemoryInbound(self.memory)
        points = Failpoints()
        return Inbox(
            numbers=self.numbers,
            hand_over=HandOver(
                store=store,
                bus=self.bus,
                metrics=self.metrics,
                failpoints=points,
                owner=owner,
                lease=5,
                history_limit=10,
            ),
            reporting=Reporting(store=store, bus=self.bus, metrics=self.metrics, failpoints=points),
            metrics=self.metrics,
        )

    def turns(self) -> list[Turn]:
        return [Turn.decode(body) for body in self._bodies(Turn.type)]

    def reports(self) -> list[Report]:
        return [Report.decode(body) for body in self._bodies(Report.type)]

    def traces(self, kind: str) -> list[str]:
        """The traceparents of what the agent's queue holds of a kind."""
        stored = self.broker.stored(AGENT_QUEUE)
        return [item.message.headers["traceparent"] for item in stored if item.message.type == kind]

    def _bodies(self, kind: str) -> list[bytes]:
        stored = self.broker.stored(AGENT_QUEUE)
        return [item.message.body for item in stored if item.message.type == kind]


AWAY = BusUnavailable("away")
FULL = PublishRefused("full")
