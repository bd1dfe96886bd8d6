"""Delivery reports: apply them by rank, tell the agent what changed, note that it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from logging import DEBUG
from typing import Final

import structlog

from common import tracing
from common.bus.agents import AgentBus, ForAgent, publish_to_agents
from common.bus.messages import BusUnavailable, Outgoing
from common.failpoints import Failpoint, Failpoints
from common.metrics import Children, Metrics
from common.spans import APPLY_REPORT, Attribute
from common.store.ports import InboundStore
from common.store.records import RANK_FINAL, REPORT_RANK, AppliedReport, NewReport
from common.tracing import Attributes
from heliograph import wire
from processor.consenting import Consenting
from processor.turns import build_report

log = structlog.get_logger(__name__)

_RESULT: Final[Mapping[bool, str]] = {True: "applied", False: "repeated"}

_Key = tuple[str | None, str]
"""A text and its report."""


class Fate(Enum):
    """What became of a report."""

    KNOWN = "applied, and told where there was news"
    UNKNOWN = "no text of ours is known for it"
    REFUSED = "applied, but the agent's queue did not take it"


class Reporting:
    """Applies delivery reports to the texts that they are about."""

    def __init__(
        self,
        *,
        store: InboundStore,
        consenting: Consenting,
        bus: AgentBus,
        metrics: Metrics,
        failpoints: Failpoints,
    ):
        self._store = store
        self._consenting = consenting
        self._bus = bus
        self._reports = Children(metrics.reports)
        self._uncertain = Children(metrics.uncertain)
        self._failpoints = failpoints

    async def apply(self, reports: Mapping[int, NewReport]) -> dict[int, Fate]:
        """What became of each report, by place. A report that an agent's full queue refuses is
        applied; telling it is tried again when the report comes back."""
        since = tracing.moment()
        applied = await self._store.apply_reports(list(reports.values()))
        self._failpoints.reached(Failpoint.PROCESSOR_REPORT_APPLIED)
        if since is not None or log.is_enabled_for(DEBUG):
            applied = [_told_of(item, since) for item in applied]
        await self._consenting.reports(applied)
        news = _one_each([item for item in applied if item.news])
        refused = await self._tell(news) if news else frozenset()
        self._count(applied, refused)
        return {place: _fate(item, refused) for place, item in zip(reports, applied, strict=True)}

    def _count(self, applied: Sequence[AppliedReport], refused: frozenset[_Key]) -> None:
        """Each report once: one that was refused comes back, and is counted when it is told."""
        counted = set(refused)
        for item in applied:
            report, key = item.report, _key(item)
            if item.message_id is None or key in refused:
                continue
            is_first = item.news and key not in counted
            counted.add(key)
            self._reports[_RESULT[is_first], report.status].inc()
            if is_first and item.was_uncertain and REPORT_RANK[report.status] >= RANK_FINAL:
                self._uncertain[report.provider, "settled"].inc()

    async def _tell(self, news: Sequence[AppliedReport]) -> frozenset[_Key]:
        """Tell agents of their texts' news; returns what their queues refused."""
        to_tell = [item for item in news if item.tell]
        messages = [_for_agent(item) for item in to_tell]
        errors = await publish_to_agents(self._bus, messages) if messages else []
        self._failpoints.reached(Failpoint.PROCESSOR_REPORT_PUBLISHED)
        for error in errors:
            if isinstance(error, BusUnavailable):
                raise error
        refused = frozenset(
            _key(item) for item, error in zip(to_tell, errors, strict=True) if error is not None
        )
        await self._store.mark_told([item for item in news if _key(item) not in refused])
        self._failpoints.reached(Failpoint.PROCESSOR_REPORT_MARKED)
        return refused


def _told_of(item: AppliedReport, since: int | None) -> AppliedReport:
    """Tell of a report that was applied, in its text's trace; what follows goes on there."""
    if item.message_id is None:
        return item
    log.debug(
        "report.applied",
        message_id=item.message_id,
        command_id=item.command_id,
        status=item.report.status.value,
        news=item.tell,
        trace_id=tracing.id_of(item.traceparent),
    )
    attributes: Attributes = {
        Attribute.MESSAGE_ID: item.message_id,
        Attribute.COMMAND_ID: item.command_id,
        Attribute.STATUS: item.report.status.value,
    }
    traceparent = tracing.tell(
        APPLY_REPORT,
        parent=item.traceparent,
        since=since,
        links=[item.report.traceparent],
        attributes=attributes,
    )
    return replace(item, traceparent=traceparent)


def _key(item: AppliedReport) -> _Key:
    return (item.message_id, item.report.id)


def _fate(item: AppliedReport, refused: frozenset[_Key]) -> Fate:
    if item.message_id is None:
        return Fate.UNKNOWN
    return Fate.REFUSED if _key(item) in refused else Fate.KNOWN


def _one_each(applied: Sequence[AppliedReport]) -> list[AppliedReport]:
    """Without the copies of one report within a batch."""
    return list({_key(item): item for item in applied}.values())


def _for_agent(item: AppliedReport) -> ForAgent:
    tenant_id, agent_id = item.report.tenant_id, item.agent_id or ""
    message = Outgoing.of(
        build_report(item),
        exchange=wire.AGENTS_EXCHANGE,
        key=wire.report_key(tenant_id, agent_id),
        message_id=item.report.id,
        traceparent=item.traceparent,
    )
    return ForAgent(tenant_id, agent_id, message)
