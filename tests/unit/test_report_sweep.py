"""The reconciler of delivery reports, over a scripted provider: what is told is passed on as any
report, what nobody can tell is marked, and what could not be asked is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from health_world import FakeBus

from common.bus.messages import BusUnavailable
from common.errors import StoreUnavailable
from common.events import SmsReport
from common.metrics import Metrics
from common.providers.port import FetchedReport, Provider, UnusableCredentials
from common.secrets import MasterKeyWrong, SecretUnreadable
from common.store.ports import Connections
from common.store.records import ConnectionRecord, ConnectionStatus
from common.store.report_due import OverdueText, read_overdue
from health.report_answers import Fate, PartAnswer, ReportAsking, fate_of
from health.report_sweep import ReportSweep
from heliograph.models import ReportStatus

LEFT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AFTER = 3600.0


def overdue(key: str = "m1", *ids: str, **changes: Any) -> OverdueText:
    fields: dict[str, Any] = {
        "id": key,
        "tenant_id": "acme",
        "connection_id": "line",
        "provider": "scripted",
        "number": "+15550100001",
        "remote": "+15550200002",
        "finished_at": LEFT,
        "open_ids": ids,
    }
    return OverdueText(**fields | changes)


def told(status: ReportStatus = ReportStatus.DELIVERED) -> FetchedReport:
    return FetchedReport(status=status, code="2000", details="asked", at=LEFT)


class World:
    """Stands for the store, the connections and the provider."""

    def __init__(self, *texts: OverdueText):
        self.waiting = list(texts)
        self.flagged: list[str] = []
        self.answers: dict[str, FetchedReport | Exception] = {}
        self.asked: list[str] = []
        self.open_fault: Exception | None = None
        self.known = True
        self.closed = 0
        self.now = LEFT + timedelta(seconds=AFTER)
        self.bus = FakeBus()
        self.metrics = Metrics()
        asking = ReportAsking(
            {"scripted": cast("Provider", self)},
            cast("Connections", self),
            self.open,
            timeout=5.0,
        )
        self.sweep = ReportSweep(
            self, asking, self.bus, self.metrics, after=AFTER, interval=60, now=lambda: self.now
        )

    async def take(
        self, *, after: float, lease: float, limit: int, provider: str | None = None
    ) -> Sequence[OverdueText]:
        assert after == AFTER < lease * 10
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def flag(self, texts: Sequence[OverdueText]) -> int:
        self.flagged += [text.id for text in texts]
        return len(texts)

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None:
        if not self.known:
            return None
        return ConnectionRecord(
            id=connection_id,
            tenant_id=tenant_id,
            name="Line",
            provider="scripted",
            status=ConnectionStatus.ACTIVE,
            error=None,
            sealed=None,
            wrapped_key=None,
        )

    def open(self, record: ConnectionRecord) -> Mapping[str, str]:
        if self.open_fault is not None:
            raise self.open_fault
        return {"account": record.id}

    def connect(self, credentials: Mapping[str, str], *, timeout: float) -> World:
        assert credentials["account"]
        return self

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        self.asked.append(provider_message_id)
        answer = self.answers.get(provider_message_id)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1

    def passed_on(self) -> list[SmsReport]:
        return [SmsReport.decode(message.body) for message in self.bus.published]

    def counted(self, result: str) -> float | None:
        labels = {"provider": "scripted", "result": result}
        return self.metrics.registry.get_sample_value("heliograph_overdue_reports_total", labels)


async def test_a_provider_that_forgets_sooner_is_asked_sooner() -> None:
    world = World()
    asked: list[tuple[str | None, float]] = []

    async def take(*, after: float, provider: str | None, **_: object) -> list[OverdueText]:
        asked.append((provider, after))
        return []

    world.take = take  # type: ignore[method-assign,assignment] # notes the question
    asking = cast("ReportAsking", None)
    sooner = {"hasty": AFTER / 2, "patient": AFTER * 2}
    sweep = ReportSweep(
        world,
        asking,
        world.bus,
        world.metrics,
        after=AFTER,
        interval=60,
        now=lambda: world.now,
        sooner=sooner,
    )
    await sweep.sweep()
    assert asked == [(None, AFTER), ("hasty", AFTER / 2)]


async def test_what_the_provider_tells_is_passed_on_as_any_report() -> None:
    world = World(overdue("m1", "p1"))
    world.answers["p1"] = told()
    await world.sweep.sweep()
    (report,) = world.passed_on()
    assert (report.reference, report.provider_message_id) == ("m1", "p1")
    assert (report.tenant_id, report.number, report.remote) == (
        "acme",
        "+15550100001",
        "+15550200002",
    )
    assert (report.status, report.code, report.at) == (ReportStatus.DELIVERED, "2000", LEFT)
    (message,) = world.bus.published
    assert (message.exchange, message.key) == ("heliograph.inbound", "report.scripted")
    assert (world.flagged, world.closed, world.counted("told")) == ([], 1, 1)


async def test_what_the_provider_does_not_tell_is_marked() -> None:
    world = World(overdue("m1", "p1"), overdue("m2"))
    await world.sweep.sweep()
    assert (world.asked, world.flagged, world.bus.published) == (["p1"], ["m1", "m2"], [])
    assert world.counted("missing") == 2


async def test_a_report_that_is_not_final_is_passed_on_and_the_text_is_marked() -> None:
    world = World(overdue("m1", "p1"))
    world.answers["p1"] = told(ReportStatus.SENT)
    await world.sweep.sweep()
    assert [report.status for report in world.passed_on()] == [ReportStatus.SENT]
    assert world.flagged == ["m1"]


async def test_each_open_part_is_asked_for() -> None:
    world = World(overdue("m1", "p1", "p2"))
    world.answers |= {"p1": told(), "p2": told(ReportStatus.FAILED)}
    await world.sweep.sweep()
    assert [report.provider_message_id for report in world.passed_on()] == ["p1", "p2"]
    assert world.flagged == []


@pytest.mark.parametrize("fault", [TimeoutError(), RuntimeError("canary-secret")])
async def test_a_provider_that_does_not_answer_is_asked_again_for_as_long_again(
    fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    for waited, flagged in ((AFTER, []), (2 * AFTER, ["m1"])):
        world = World(overdue("m1", "p1"), overdue("m2", "p2"))
        world.now = LEFT + timedelta(seconds=waited)
        world.answers |= {"p1": fault, "p2": told()}
        await world.sweep.sweep()
        assert world.flagged == flagged
        assert [report.reference for report in world.passed_on()] == ["m2"]
    assert "canary" not in capsys.readouterr().out


@pytest.mark.parametrize("fault", [SecretUnreadable("gone"), UnusableCredentials("no account")])
async def test_without_credentials_nobody_can_be_asked(fault: Exception) -> None:
    world = World(overdue("m1", "p1"))
    world.open_fault = fault
    await world.sweep.sweep()
    assert (world.asked, world.flagged) == ([], ["m1"])


async def test_of_a_connection_that_is_gone_nobody_can_be_asked() -> None:
    world = World(overdue("m1", "p1"))
    world.known = False
    await world.sweep.sweep()
    assert world.flagged == ["m1"]


async def test_a_wrong_master_key_marks_nothing() -> None:
    world = World(overdue("m1", "p1"))
    world.open_fault = MasterKeyWrong("wrong")
    with pytest.raises(MasterKeyWrong):
        await world.sweep.sweep()
    assert world.flagged == []


async def test_a_report_that_the_broker_does_not_take_is_asked_for_again() -> None:
    world = World(overdue("m1", "p1"), overdue("m2", "p2"))
    world.answers |= {"p1": told()}
    world.bus.fault = BusUnavailable("away")
    await world.sweep.sweep()
    assert world.flagged == ["m2"]
    assert world.counted("later") == 1


async def test_a_sweep_goes_on_until_nothing_is_left_and_asks_each_connection_once() -> None:
    texts = [overdue(f"m{n}", f"p{n}", connection_id=f"c{n % 2}") for n in range(150)]
    world = World(*texts)
    await world.sweep.sweep()
    assert sorted(world.flagged) == sorted(text.id for text in texts)
    assert world.closed == 4


async def test_it_outlives_a_store_that_is_away() -> None:
    world, stopping = World(), asyncio.Event()

    async def away(**_: Any) -> Sequence[OverdueText]:
        stopping.set()
        raise StoreUnavailable("away")

    world.take = away  # type: ignore[method-assign] # for this test
    await world.sweep.run(stopping)


FINAL, OPEN = PartAnswer("p", told()), PartAnswer("p", told(ReportStatus.SENT))
SILENT, LATER = PartAnswer("p"), PartAnswer("p", later=True)


@pytest.mark.parametrize(
    ("answers", "patient", "impatient"),
    [
        ([], Fate.MISSING, Fate.MISSING),
        ([FINAL], Fate.TOLD, Fate.TOLD),
        ([OPEN], Fate.MISSING, Fate.MISSING),
        ([SILENT], Fate.MISSING, Fate.MISSING),
        ([LATER], Fate.LATER, Fate.MISSING),
        ([FINAL, SILENT], Fate.MISSING, Fate.MISSING),
        ([SILENT, LATER], Fate.LATER, Fate.MISSING),
        ([FINAL, FINAL], Fate.TOLD, Fate.TOLD),
    ],
)
def test_what_the_answers_mean(answers: list[PartAnswer], patient: Fate, impatient: Fate) -> None:
    assert fate_of(answers, patient=True) is patient
    assert fate_of(answers, patient=False) is impatient


def test_the_ids_to_ask_for_are_those_without_a_final_report() -> None:
    document = {
        "_id": "m1",
        "tenant_id": "acme",
        "connection_id": "line",
        "provider": "acs",
        "number": "+1",
        "remote": "+2",
        "finished_at": LEFT,
        "provider_message_id": "p3",
        "part_ids": ["p1", "", "p2", "p3"],
        "part_reports": [{"part": "p1", "rank": 4}, {"part": "p2", "rank": 2}],
    }
    assert read_overdue(document).open_ids == ("p2", "p3")
    assert read_overdue(document | {"provider_message_id": None, "part_ids": []}).open_ids == ()
