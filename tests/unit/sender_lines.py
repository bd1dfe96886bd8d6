"""A desk with two lines: the number's own connection, and the one that it may fall back on; and
the answers that lines give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sender_desk import Desk, FakeClient, delivery
from sender_stand_ins import NUMBER, command

from common.bus.topology import Binding, Queue, Topology
from common.circuit import Circuit
from common.events import ConnectionChanged
from common.providers.port import Ambiguous, NotProcessed, Refused
from common.store.circuit_documents import failover_keys, read_circuit
from heliograph.codes import OutcomeCode

AWAY = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "refused the connection")
FLOOD = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "flood", text_only=True)
SLOW_DOWN = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "429")
BAD_KEY = Refused(OutcomeCode.CREDENTIALS_REJECTED, "401", account=True)
NOT_OURS = Refused(OutcomeCode.SENDER_NOT_OWNED, "21606", account=True)
WRONG_TEXT = Refused(OutcomeCode.PROVIDER_REJECTED, "bad words")
LOOP = Refused(OutcomeCode.LOOP_SUSPECTED, "14107")
LOST = Ambiguous("no answer")
CHANGES = Queue("changes", {"x-queue-type": "quorum"}, (Binding("heliograph.changes", ""),))


class TwoLines(Desk):
    """A desk whose number is on `line`, and may fall back on `backup`."""

    def __init__(self, *, deduplicates: bool = True) -> None:
        super().__init__(deduplicates=deduplicates)
        self.backup = FakeClient([])
        self.provider.others["backup"] = self.backup

    async def prepare_both(self, *, failover: bool = True) -> None:
        credentials = {"key": "good", "client": "backup"}
        await self.prepare()
        self.broker.declare(Topology((), (CHANGES,)))
        await self.connect("backup", credentials)
        await self.connect("line", {"key": "good"})
        self.memory.numbers[f"acme/{NUMBER}"]["type"] = "local"  # without limits
        if failover:
            keys = failover_keys("acme", ["backup"])
            self.memory.numbers[f"acme/{NUMBER}"]["failover"] = keys
        # That was long ago, as far as any text is concerned.
        self.memory.numbers[f"acme/{NUMBER}"]["ways_since"] = self.instant - timedelta(days=2)

    def circuit(self, connection: str = "line") -> Circuit:
        return read_circuit(self.memory.connections[f"acme/{connection}"].get("circuit"))

    def end_rest(self, connection: str = "line") -> None:
        """As if the rest, and whatever try, were over."""
        over = datetime.now(UTC) - timedelta(seconds=1)
        times = {"rests_until": over, "trying_until": None, "opened_at": over}
        self.memory.connections[f"acme/{connection}"]["circuit"] |= times

    def status(self, connection: str = "line") -> tuple[str, str | None]:
        record = self.memory.connections[f"acme/{connection}"]
        return record["status"], record["error"]

    def announced(self) -> list[str]:
        stored = self.broker.stored("changes")
        return [ConnectionChanged.decode(it.message.body).connection_id for it in stored]

    async def unusable(self, connection: str) -> None:
        """Credentials that no client can be made of, without a change of the number."""
        sealed = self.keys.unwrap("acme", self.wrapped).seal(connection, {"key": "bad"})
        self.memory.connections[f"acme/{connection}"]["sealed"] = sealed.to_document()

    async def order(self, command_id: str, remote: str = "+15551230001") -> object:
        order = command(command_id=command_id, to=remote)
        return await self.replica().handle(delivery(order))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)
