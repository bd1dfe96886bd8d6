"""A health service over the store in memory, with a provider that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from common.bus.messages import BusError, Outgoing
from common.metrics import Metrics
from common.providers.port import Health, Healthy, UnusableCredentials
from common.secrets import MasterKeys, generate_master_key
from common.store.memory import Memory, MemoryConnections, MemoryLeases
from common.store.records import ConnectionRecord
from health.checking import Checker
from health.daily import DailyRun
from health.validation import Validation

TENANT = "acme"


@dataclass
class FakeProvider:
    """Answers by the account in the credentials: in turn, the last one for ever; healthy where
    nothing is set."""

    name: str = "fake"
    deduplicates: bool = False
    max_recipients: int = 1
    answers: dict[str, list[Health | Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    closed: int = 0
    on_call: Callable[[str], None] = lambda _: None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """A check has reached `go`."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    """While not set, checks wait for it: those of the accounts in `waiting`, or all."""
    waiting: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.go.set()

    def prepare(self) -> None: ...

    def connect(self, credentials: Mapping[str, str], *, timeout: float) -> FakeClient:
        if "account" not in credentials:
            raise UnusableCredentials("account is missing.")
        return FakeClient(self, credentials["account"])


@dataclass
class FakeClient:
    provider: FakeProvider
    account: str

    async def send(self, text: object) -> object:
        raise AssertionError("a check sends nothing")

    async def check(self, numbers: Sequence[str]) -> Health:
        it = self.provider
        it.calls.append(self.account)
        it.on_call(self.account)
        it.at_once += 1
        it.most_at_once = max(it.most_at_once, it.at_once)
        try:
            if not it.waiting or self.account in it.waiting:
                it.called.set()
                await it.go.wait()
            await asyncio.sleep(0)
        finally:
            it.at_once -= 1
        answers = it.answers.get(self.account) or [Healthy()]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.provider.closed += 1


@dataclass
class FakeBus:
    published: list[Outgoing] = field(default_factory=list)
    fault: BusError | None = None
    on_publish: Callable[[], None] = lambda: None

    async def publish(self, message: Outgoing) -> None:
        self.on_publish()
        if self.fault is not None:
            raise self.fault
        self.published.append(message)


class World:
    """Everything that the validation touches."""

    def __init__(self) -> None:
        self.time = datetime(2025, 3, 10, 4, 0, tzinfo=UTC)
        self.memory = Memory(clock=lambda: self.time)
        self.connections = MemoryConnections(self.memory)
        self.leases = MemoryLeases(self.memory)
        self.provider = FakeProvider()
        self.bus = FakeBus()
        self.metrics = Metrics()
        self.master_key = generate_master_key()

    @property
    def keys(self) -> MasterKeys:
        return MasterKeys.parse(self.master_key)

    async def connect(
        self,
        *connection_ids: str,
        credentials: Mapping[str, str] | None = None,
        provider: str = "fake",
    ) -> None:
        """Create connections whose account is their ID."""
        for connection_id in connection_ids:
            secret = {"account": connection_id} if credentials is None else credentials
            if TENANT not in self.memory.tenants:
                self.wrapped = self.keys.new_tenant_key(TENANT)
                await self.connections.put_tenant(
                    TENANT, name="Acme", wrapped_key=self.wrapped.to_document()
                )
            sealed = self.keys.unwrap(TENANT, self.wrapped).seal(connection_id, secret)
            await self.connections.put_connection(
                TENANT,
                connection_id,
                name=connection_id,
                provider=provider,
                sealed=sealed.to_document(),
            )

    def validation(self, *, concurrency: int = 8, timeout: float = 5.0) -> Validation:
        return Validation(
            connections=self.connections,
            checker=Checker({"fake": self.provider}, self.keys, timeout=timeout, pause=0),
            bus=self.bus,
            metrics=self.metrics,
            concurrency=concurrency,
            now=lambda: self.time,
        )

    def daily(
        self, *, lease: float = 60.0, concurrency: int = 8, replica: str = "pod:1"
    ) -> DailyRun:
        return DailyRun(
            connections=self.connections,
            leases=self.leases,
            validation=self.validation(concurrency=concurrency),
            at=time(4),
            lease=lease,
            replica=replica,
            now=lambda: self.time,
        )

    async def record(self, connection_id: str) -> ConnectionRecord:
        record = await self.connections.get(TENANT, connection_id)
        assert record is not None
        return record

    def count(self, result: str, provider: str = "fake") -> float:
        labels = {"provider": provider, "result": result}
        name = "heliograph_connection_checks_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
