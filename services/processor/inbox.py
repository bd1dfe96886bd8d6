"""The story of a micro-batch: sort it, hand over its texts, apply its reports.

Every step between two durable writes can be repeated: a text recorded but not handed over is
continued when it is delivered again, a report applied but not told is told again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from common import tracing
from common.bus.messages import Delivery, attempts_of, traceparent_of
from common.bus.spans import Working, working
from common.bus.topology import RETRY_DELAYS
from common.bus.verdicts import Defer, Done, Park, Retry, Verdict
from common.events import SmsReceived, SmsReport
from common.metrics import Children, Metrics
from common.spans import Attribute
from common.store.records import NewInbound, NewReport, RegisteredNumber
from heliograph.models import UnreadableMessage
from processor.handover import REFUSED_AGAIN, HandOver
from processor.reporting import Fate, Reporting
from processor.turns import to_apply, to_record
from processor.wording import Wording

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sorted:
    """A batch by kind. Deliveries are named by their place in the batch."""

    texts: dict[int, tuple[SmsReceived, str | None]] = field(default_factory=dict)
    reports: dict[int, NewReport] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)


def sort(batch: Sequence[Delivery], work: Working) -> Sorted:
    """Read each message by its type; what cannot be read is parked with its reason."""
    found = Sorted()
    for place, delivery in enumerate(batch):
        traceparent = work.traceparent(place)
        try:
            if delivery.type == SmsReceived.type:
                found.texts[place] = (SmsReceived.decode(delivery.body), traceparent)
            elif delivery.type == SmsReport.type:
                event = SmsReport.decode(delivery.body)
                found.reports[place] = to_apply(event, traceparent=traceparent)
            else:
                found.verdicts[place] = Park("unknown_type", f"Type {delivery.type[:60]!r}.")
        except UnreadableMessage as error:
            found.verdicts[place] = Park(error.code, str(error))
    return found


class Numbers(Protocol):
    """What the inbox asks about numbers; `common.numbers.NumberCache` answers."""

    async def find(self, address: str) -> RegisteredNumber | None:
        """The connected number of that address, or None."""
        ...


class Inbox:
    """Handles micro-batches of `processor.inbound`."""

    def __init__(
        self,
        *,
        numbers: Numbers,
        hand_over: HandOver,
        reporting: Reporting,
        metrics: Metrics,
        wording: Wording,
    ):
        self._numbers = numbers
        self._hand_over = hand_over
        self._reporting = reporting
        self._no_agent = metrics.inbound_texts.labels("no_agent")
        self._unknown_reports = Children(metrics.reports)
        self._batch_size = metrics.batch_size
        self._batch_seconds = metrics.batch_seconds
        self._wording = wording

    async def handle(self, batch: Sequence[Delivery]) -> Sequence[Verdict]:
        """One verdict a delivery, in order."""
        with working(batch) as work:
            verdicts = await self._handle(batch, work)
            work.became(verdicts)
        return [verdicts[place] for place in range(len(batch))]

    async def _handle(self, batch: Sequence[Delivery], work: Working) -> dict[int, Verdict]:
        started = time.perf_counter()
        found = sort(batch, work)
        verdicts: dict[int, Verdict] = dict(found.verdicts)
        texts, without_agent = await self._with_agents(found.texts)
        verdicts.update(without_agent)
        if tracing.on():
            for place, text in texts.items():
                work.note(place, {Attribute.MESSAGE_ID: text.id})
        verdicts.update(await self._hand_over.texts(texts))
        verdicts.update(await self._apply(batch, found.reports))
        self._count(batch, verdicts, time.perf_counter() - started)
        return verdicts

    async def _with_agents(
        self, texts: Mapping[int, tuple[SmsReceived, str | None]]
    ) -> tuple[dict[int, NewInbound], dict[int, Verdict]]:
        """Give each text its number's agent. A number that was disconnected since the webhook took
        the text may be connected again soon: the text is retried, then parked for a person."""
        ready: dict[int, NewInbound] = {}
        verdicts: dict[int, Verdict] = {}
        matches = await self._wording.read(event.body for event, _ in texts.values())
        for place, (event, traceparent) in texts.items():
            number = await self._numbers.find(event.number)
            if number is None or number.tenant_id != event.tenant_id:
                verdicts[place] = Retry("no_agent", "The number is not connected any more.")
                self._no_agent.inc()
                continue
            ready[place] = to_record(
                event, agent_id=number.agent_id, traceparent=traceparent, matches=matches
            )
        return ready, verdicts

    async def _apply(
        self, batch: Sequence[Delivery], reports: Mapping[int, NewReport]
    ) -> dict[int, Verdict]:
        if not reports:
            return {}
        fates = await self._reporting.apply(reports)
        verdicts: dict[int, Verdict] = {}
        for place, fate in fates.items():
            if fate is Fate.KNOWN:
                verdicts[place] = Done()
            elif fate is Fate.REFUSED:
                verdicts[place] = Defer(REFUSED_AGAIN)
            elif attempts_of(batch[place]) < len(RETRY_DELAYS):
                # It may have overtaken the recording of its own send.
                verdicts[place] = Retry("unknown_message", "No text is known for this report.")
            else:
                # Sent by another system on the same resource: not ours to park.
                verdicts[place] = Done()
                self._unknown_reports["unknown", reports[place].status].inc()
        return verdicts

    def _count(
        self, batch: Sequence[Delivery], verdicts: Mapping[int, Verdict], seconds: float
    ) -> None:
        self._batch_size.observe(len(batch))
        self._batch_seconds.observe(seconds)
        for place, verdict in verdicts.items():
            if isinstance(verdict, Park):
                queue = batch[place].queue
                log.warning(
                    "message.parked",
                    queue=queue,
                    reason=verdict.code,
                    trace_id=tracing.id_of(traceparent_of(batch[place])),
                    bus_message_id=batch[place].message_id,
                )
