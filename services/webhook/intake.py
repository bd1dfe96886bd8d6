"""The way of a delivery: each event is read, its number found, and all of them are published.

One event that cannot be read is parked with its reason and its neighbours go on. A fault of our
own ends the whole delivery with an exception, because Event Grid takes one answer for all its
events; it then sends all of them again, and the processor recognises those it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from common import trace
from common.bus import topology
from common.bus.messages import Outgoing
from common.bus.verdicts import Publisher
from common.events import SmsReceived, SmsReport
from common.ids import derive
from common.metrics import Metrics
from common.providers import acs_events as acs
from common.providers.acs_events import DeliveryReport, ReceivedText, UnreadableEvent
from common.redact import scrub
from common.store.records import RegisteredNumber
from heliograph import wire
from webhook.eventgrid import DELETED, NoEvent, read_event, write_item

log = structlog.get_logger(__name__)

PARKED_TYPE: Final = "sms.unreadable"
"""`type` of a parked event: it never became one of our own messages."""

TOGETHER: Final = 250
"""Events that are published at once: enough to fill the broker's pipeline, few enough to be
confirmed within one publish deadline."""

_NAMES: Final[Mapping[str, str]] = {acs.RECEIVED: "received", acs.REPORT: "report"}
_OTHER: Final = "other"


class Numbers(Protocol):
    """Where registered numbers are found (`common.numbers.NumberCache`)."""

    async def find(self, address: str) -> RegisteredNumber | None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """An event that was read."""

    name: str
    content: ReceivedText | DeliveryReport
    at: datetime | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event of a type that is none of our business."""

    type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element that is not what it should be."""

    name: str
    item: object
    reason: str


Reading = Known | Ignored | Unreadable


def interpret(item: object) -> Reading:
    """What an element of a delivery says."""
    event = read_event(item)
    if isinstance(event, NoEvent):
        return Unreadable(_OTHER, item, event.reason)
    name = _NAMES.get(event.type)
    if name is None:
        return Ignored(event.type)
    parse = acs.parse_received if event.type == acs.RECEIVED else acs.parse_report
    try:
        content = parse(event.data, event_id=event.id)
    except UnreadableEvent as error:
        return Unreadable(name, item, str(error))
    at = content.at or acs.parse_instant(event.at)
    return Known(name, content, at, trace.valid(event.traceparent))


class Intake:
    """Takes deliveries.

    Args:
        bus: publishes with confirms.
        numbers: finds whose number a text or a report belongs to.
        metrics: counts events.
    """

    def __init__(
        self,
        bus: Publisher,
        numbers: Numbers,
        metrics: Metrics,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ):
        self._bus = bus
        self._numbers = numbers
        self._metrics = metrics
        self._now = now

    async def take(
        self,
        items: Sequence[object],
        *,
        traceparent: str | None,
        confirmed: Callable[[], None],
    ) -> None:
        """Make everything in a delivery safe; returns when the broker has confirmed it. A large
        delivery goes in parts of `TOGETHER` events; `confirmed` is called after each.

        Raises:
            BusError: the broker did not take a message.
            StoreUnavailable: a number is unknown here and cannot be looked up.
        """
        accepted_at = self._now()
        readings: list[Reading] = []
        counts: list[tuple[str, str]] = []
        for start in range(0, len(items), TOGETHER):
            part = [interpret(item) for item in items[start : start + TOGETHER]]
            counts += await self._take_part(part, accepted_at, traceparent)
            readings += part
            confirmed()
        self._count(counts, readings)

    async def _take_part(
        self, readings: Sequence[Reading], accepted_at: datetime, traceparent: str | None
    ) -> list[tuple[str, str]]:
        """Publish what the readings say; what to count for each."""
        owners = await self._owners(readings)
        messages: list[Outgoing] = []
        counts: list[tuple[str, str]] = []
        for reading in readings:
            message, name, result = _message(reading, owners, accepted_at, traceparent)
            if message is not None:
                messages.append(message)
            counts.append((name, result))
        if messages:
            await self._publish(messages)
        return counts

    async def _owners(self, readings: Iterable[Reading]) -> dict[str, RegisteredNumber | None]:
        addresses = {item.content.number for item in readings if isinstance(item, Known)}
        if len(addresses) == 1:
            (address,) = addresses
            return {address: await self._numbers.find(address)}
        found = await asyncio.gather(*(self._numbers.find(address) for address in addresses))
        return dict(zip(addresses, found, strict=True))

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        for fault in await self._bus.publish_all(messages):
            if fault is not None:
                raise fault

    def _count(self, counts: Iterable[tuple[str, str]], readings: Iterable[Reading]) -> None:
        for name, result in counts:
            self._metrics.webhook_events.labels(type=name, result=result).inc()
            if result == "parked":
                self._metrics.parked.labels(
                    queue=topology.PROCESSOR_QUEUE, reason=UnreadableEvent.code
                ).inc()
        for reading in readings:
            if isinstance(reading, Unreadable):
                log.warning("event.parked", type=reading.name, reason=reading.reason)
            elif isinstance(reading, Ignored) and reading.type == DELETED:
                log.warning("subscription.deleted")


def _message(
    reading: Reading,
    owners: Mapping[str, RegisteredNumber | None],
    accepted_at: datetime,
    traceparent: str | None,
) -> tuple[Outgoing | None, str, str]:
    """What is published for a reading, with the event's name and the result that are counted."""
    if isinstance(reading, Ignored):
        return None, _OTHER, "ignored"
    if isinstance(reading, Unreadable):
        return parked(reading, accepted_at, traceparent), reading.name, "parked"
    owner = owners[reading.content.number]
    if owner is None:
        return None, reading.name, "unknown_number"
    message = outgoing(reading, owner, accepted_at, reading.traceparent or traceparent)
    return message, reading.name, "published"


def outgoing(
    known: Known, owner: RegisteredNumber, accepted_at: datetime, traceparent: str | None
) -> Outgoing:
    """The message to the processor. The provider is the one that told the event, also where the
    number has since moved to a connection of another provider."""
    content, at = known.content, known.at or accepted_at
    if isinstance(content, ReceivedText):
        model: SmsReceived | SmsReport = _received(content, owner, at, accepted_at)
        key = topology.received_key(acs.NAME)
        message_id = derive("sms.received", acs.NAME, content.message_id)
    else:
        model = _report(content, owner, at, accepted_at)
        key = topology.report_key(acs.NAME)
        message_id = derive(
            "sms.report", acs.NAME, content.message_id, content.status, at.isoformat()
        )
    return Outgoing.of(
        model,
        exchange=topology.INBOUND_EXCHANGE,
        key=key,
        message_id=message_id,
        traceparent=traceparent or trace.fresh(),
    )


def _received(
    text: ReceivedText, owner: RegisteredNumber, at: datetime, accepted_at: datetime
) -> SmsReceived:
    return SmsReceived(
        provider=acs.NAME,
        tenant_id=owner.tenant_id,
        connection_id=owner.connection_id,
        provider_message_id=text.message_id,
        number=text.number,
        remote=text.remote,
        body=text.body,
        segments=text.segments,
        at=at,
        accepted_at=accepted_at,
    )


def _report(
    report: DeliveryReport, owner: RegisteredNumber, at: datetime, accepted_at: datetime
) -> SmsReport:
    return SmsReport(
        provider=acs.NAME,
        tenant_id=owner.tenant_id,
        connection_id=owner.connection_id,
        provider_message_id=report.message_id,
        reference=report.reference,
        number=report.number,
        remote=report.remote,
        status=report.status,
        code=report.code,
        details=report.details,
        at=at,
        accepted_at=accepted_at,
    )


def parked(unreadable: Unreadable, at: datetime, traceparent: str | None) -> Outgoing:
    """The element as it was, on its way to the dead-letter queue, its reason in the headers."""
    body = write_item(unreadable.item)
    return Outgoing(
        exchange=wire.DEAD_EXCHANGE,
        key=topology.PROCESSOR_QUEUE,
        body=body,
        type=PARKED_TYPE,
        message_id=derive(PARKED_TYPE, body.decode("utf-8", "replace")),
        headers={
            wire.HEADER_TRACEPARENT: trace.follow(traceparent),
            topology.HEADER_REASON: UnreadableEvent.code,
            topology.HEADER_DETAIL: scrub(unreadable.reason),
            topology.HEADER_PARKED_FROM: topology.PROCESSOR_QUEUE,
            topology.HEADER_FIRST_SEEN: at.isoformat(),
        },
    )
