"""Overdue delivery reports over the real MongoDB and RabbitMQ, with a scripted provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pymongo
import pytest
from conformance.store_world import FakeClock, Stores, new_outbound, new_report, send

from common.bus.client import Bus
from common.bus.topology import PROCESSOR_QUEUE, SERVICES
from common.events import SmsReport
from common.failpoints import Failpoints
from common.metrics import Metrics
from common.providers.port import FetchedReport, Provider
from common.store import schema
from common.store.client import Database, open_database
from common.store.control import ConversationState, TextFilter, Unsettled
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.mongo_report_sweep import MongoReportSweep
from common.store.records import NewOutbound
from health.report_answers import ReportAsking
from health.report_sweep import LEASE, ReportSweep
from heliograph import wire
from heliograph.models import OutcomeStatus, Report, ReportStatus
from processor.consenting import Consenting
from processor.reporting import Fate, Reporting
from processor.turns import to_apply

AFTER = 3600.0
PATIENCE = 30.0


class Scripted:
    """A provider that tells what it was given."""

    def __init__(self) -> None:
        self.reports: dict[str, FetchedReport] = {}
        self.asked: list[str] = []

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> Scripted:
        return self

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        self.asked.append(provider_message_id)
        return self.reports.get(provider_message_id)

    async def close(self) -> None: ...


class NoConsents:
    """Reads no opt-outs out of reports."""

    async def reports(self, applied: object) -> None: ...


class World:
    """One database with what sends, reports, sweeps and reads."""

    def __init__(self, database: Database):
        self.database = database
        self.clock = FakeClock()
        self.inbound = MongoInbound(database, clock=self.clock)
        self.outbound = MongoOutbound(database, clock=self.clock)
        self.due = MongoReportSweep(database, clock=self.clock)
        self.reading = MongoReading(database)
        self.provider = Scripted()
        self.metrics = Metrics()

    async def sent(
        self, command: str, status: OutcomeStatus = OutcomeStatus.SENT, **changes: Any
    ) -> NewOutbound:
        text = new_outbound(command, **changes)
        await send(cast("Stores", self), text, status)
        return text

    async def said(self, text: NewOutbound, status: ReportStatus) -> None:
        await self.inbound.apply_reports([new_report(text, status)])

    async def taken(self) -> list[str]:
        return [text.id for text in await self.due.take(after=AFTER, lease=LEASE, limit=100)]

    def sweep(self, bus: Any) -> ReportSweep:
        asking = ReportAsking(
            {"acs": cast("Provider", self.provider)},
            MongoConnections(self.database),
            lambda _: {},
            timeout=PATIENCE,
        )
        return ReportSweep(
            self.due, asking, bus, self.metrics, after=AFTER, interval=1, now=self.clock
        )


async def test_one_providers_texts_can_be_taken_before_the_others(world: World) -> None:
    await world.sent("answer")
    world.clock.advance(AFTER)
    due = world.due
    assert await due.take(after=AFTER, lease=LEASE, limit=9, provider="telesign") == []
    assert len(await due.take(after=AFTER, lease=LEASE, limit=9, provider="acs")) == 1


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    yield World(database)
    database.close()


async def test_an_overdue_report_is_asked_for_applied_and_told_to_the_agent(
    world: World, vhost_url: str
) -> None:
    await MongoConnections(world.database).put_connection(
        "acme", "line", name="L", provider="acs", sealed={}
    )
    text = await world.sent("answer")
    world.clock.advance(AFTER)
    world.provider.reports["p-answer-0"] = FetchedReport(
        status=ReportStatus.UNDELIVERABLE, code="4004", details="asked", at=world.clock()
    )
    bus = Bus(vhost_url, app="test", topology=SERVICES)
    bus.start()
    try:
        await bus.ready()
        inbound = await bus.subscribe(PROCESSOR_QUEUE, prefetch=1)
        await world.sweep(bus).sweep()
        async with asyncio.timeout(PATIENCE):
            delivery = await inbound.deliveries.get()
        assert delivery.type == SmsReport.type
        reporting = Reporting(
            store=world.inbound,
            consenting=cast("Consenting", NoConsents()),
            bus=bus,
            metrics=world.metrics,
            failpoints=Failpoints(""),
        )
        report = to_apply(SmsReport.decode(delivery.body))
        assert await reporting.apply({0: report}) == {0: Fate.KNOWN}
        agent = await bus.subscribe(wire.agent_queue("acme", "support"), prefetch=1)
        async with asyncio.timeout(PATIENCE):
            told = Report.decode((await agent.deliveries.get()).body)
    finally:
        await bus.close()
    assert (told.message_id, told.status, told.code) == (
        text.id,
        ReportStatus.UNDELIVERABLE,
        "4004",
    )
    world.clock.advance(LEASE)
    assert await world.taken() == [], "nothing is waited for any more"
    view = await world.reading.text("acme", text.id)
    assert view is not None
    assert (view.status, view.report_missing_at) == ("undeliverable", None)


async def test_of_replicas_that_look_at_once_each_text_goes_to_one(world: World) -> None:
    texts = [await world.sent(f"c{n}", remote=f"+1555020{n:04}") for n in range(20)]
    assert await world.taken() == []
    world.clock.advance(AFTER)
    found = await asyncio.gather(*(world.taken() for _ in range(4)))
    assert sorted(key for taken in found for key in taken) == sorted(text.id for text in texts)
    assert await world.taken() == []
    world.clock.advance(LEASE)
    assert len(await world.taken()) == 20, "what was taken and left comes again"


async def test_what_nobody_reports_is_marked_seen_and_settled_by_a_later_report(
    world: World,
) -> None:
    sent = await world.sent("sent", remote="+15550200003")
    uncertain = await world.sent("uncertain", OutcomeStatus.UNCERTAIN, remote="+15550200004")
    open_ = await world.sent("no report", remote="+15550200005")
    await world.said(open_, ReportStatus.SENT)
    done = await world.sent("done", remote="+15550200006")
    await world.said(done, ReportStatus.DELIVERED)
    early = await world.sent("blocked", OutcomeStatus.BLOCKED, remote="+15550200007")
    world.clock.advance(AFTER)
    await world.sweep(None).sweep()

    async def missing(*, wanted: bool) -> set[str]:
        only = TextFilter(report_missing=wanted)
        return {text.id for text in (await world.reading.texts("acme", only, limit=9)).items}

    async def talks(state: ConversationState) -> set[str]:
        page = await world.reading.conversations("acme", state=state, limit=9)
        return {item.remote for item in page.items}

    assert await missing(wanted=True) == {sent.id, uncertain.id, open_.id}
    assert await missing(wanted=False) == {done.id, early.id}
    assert await talks(ConversationState.REPORT_MISSING) == {
        text.remote for text in (sent, uncertain, open_)
    }
    assert await talks(ConversationState.UNCERTAIN) == {uncertain.remote}
    assert await world.reading.unsettled("acme") == Unsettled(uncertain=1, report_missing=3)
    assert await world.reading.unsettled("other") == Unsettled(uncertain=0, report_missing=0)
    view = await world.reading.text("acme", uncertain.id)
    assert view is not None
    assert (view.status, view.report_missing_at) == ("uncertain", world.clock())

    await world.said(uncertain, ReportStatus.SENT)
    assert await world.reading.unsettled("acme") == Unsettled(uncertain=0, report_missing=3)
    await world.said(uncertain, ReportStatus.DELIVERED)
    await world.said(sent, ReportStatus.FAILED)
    assert await missing(wanted=True) == {open_.id}
    await world.sweep(None).sweep()
    assert await world.reading.unsettled("acme") == Unsettled(uncertain=0, report_missing=1)


async def test_a_text_whose_report_comes_during_the_sweep_is_not_marked(world: World) -> None:
    text = await world.sent("late")
    world.clock.advance(AFTER)
    taken = await world.due.take(after=AFTER, lease=LEASE, limit=9)
    await world.said(text, ReportStatus.DELIVERED)
    assert await world.due.flag(taken) == 0
    assert await world.reading.unsettled("acme") == Unsettled(uncertain=0, report_missing=0)


async def test_looking_for_unsettled_texts_reads_no_others(
    world: World, mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str
) -> None:
    for n in range(30):
        await world.said(await world.sent(f"c{n}"), ReportStatus.DELIVERED)
    text = await world.sent("open", OutcomeStatus.UNCERTAIN)
    behind = mongo_client[mongo_database]
    behind.command("profile", 2)
    world.clock.advance(AFTER)
    await world.sweep(None).sweep()
    await world.reading.unsettled("acme")
    await world.inbound.apply_reports([new_report(text, reference=None)])
    behind.command("profile", 0)
    name = f"{mongo_database}.{schema.MESSAGES}"
    seen = list(behind["system.profile"].find({"ns": name}))
    assert len(seen) >= 6
    for operation in seen:
        assert operation["planSummary"].startswith(("IXSCAN", "COUNT_SCAN", "IDHACK")), operation
        assert operation.get("docsExamined", 0) <= 1, operation
