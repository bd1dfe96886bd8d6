"""The way of a delivery: what it tells is read, each number found, and all of it published.

One event that cannot be read is parked with its reason and its neighbours go on. A fault of our
own ends the whole delivery with an exception, because Event Grid takes one answer for all its
events; it then sends all of them again, and the processor recognises those it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from logging import DEBUG
from typing import Final, Protocol

import structlog

from common import trace, tracing
from common.bus import topology
from common.bus.messages import Outgoing
from common.bus.verdicts import Publisher
from common.metrics import Children, Metrics
from common.providers import acs_events as acs
from common.providers.callbacks import (
    DeliveryReport,
    Ignored,
    Known,
    Reading,
    Unreadable,
    UnreadableEvent,
)
from common.providers.reading import parse_instant
from common.store.records import RegisteredNumber
from webhook.delivering import Event, delivering, event_of
from webhook.eventgrid import DELETED, NoEvent, read_event
from webhook.messages import Party, Source, outgoing, parked

log = structlog.get_logger(__name__)

TOGETHER: Final = 250
"""Events that are published at once: enough to fill the broker's pipeline, few enough to be
confirmed within one publish deadline."""

_NAMES: Final[Mapping[str, str]] = {acs.RECEIVED: "received", acs.REPORT: "report"}
_OTHER: Final = "other"


class Numbers(Protocol):
    """Where registered numbers are found (`common.numbers.NumberCache`)."""

    async def find(self, address: str) -> RegisteredNumber | None: ...
    async def find_for(self, tenant_id: str, address: str) -> RegisteredNumber | None: ...


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
    event_at = parse_instant(event.at)
    return Known(name, content, content.at or event_at, trace.valid(event.traceparent), event_at)


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
        self._events = Children(metrics.webhook_events)
        self._parked = metrics.parked.labels(topology.PROCESSOR_QUEUE, UnreadableEvent.code)
        self._now = now

    async def take(
        self,
        items: Sequence[object],
        *,
        traceparent: str | None,
        confirmed: Callable[[], None],
    ) -> None:
        """Make everything in a delivery of Event Grid safe; returns when the broker has confirmed
        it. A large delivery goes in parts of `TOGETHER` events; `confirmed` is called after each.

        Raises:
            BusError: the broker did not take a message.
            StoreUnavailable: a number is unknown here and cannot be looked up.
        """
        source = Source(acs.NAME, self._now(), traceparent)
        readings: list[Reading] = []
        counts: list[tuple[str, str]] = []
        for start in range(0, len(items), TOGETHER):
            part = [interpret(item) for item in items[start : start + TOGETHER]]
            counts += await self._take_part(part, source)
            readings += part
            confirmed()
        self._count(counts, readings)

    async def take_callback(
        self,
        readings: Sequence[Reading],
        *,
        provider: str,
        caller: Party,
        traceparent: str | None,
    ) -> None:
        """Make everything that a connection's callback tells safe; returns when the broker has
        confirmed it.

        Raises:
            BusError, StoreUnavailable: as `take`.
        """
        source = Source(provider, self._now(), traceparent, caller)
        self._count(await self._take_part(readings, source), readings)

    async def _take_part(
        self, readings: Sequence[Reading], source: Source
    ) -> list[tuple[str, str]]:
        """Publish what the readings say; what to count for each."""
        since = tracing.moment()
        owners = await self._owners(readings, source)
        messages: list[Outgoing] = []
        counts: list[tuple[str, str]] = []
        events: list[Event] = []
        with delivering(events):
            for reading in readings:
                message, name, result = _message(reading, owners, source)
                counts.append((name, result))
                if message is None:
                    continue
                if since is not None or log.is_enabled_for(DEBUG):
                    event = event_of(
                        reading,
                        message,
                        provider=source.provider,
                        tenant_id=_tenant_of(reading, owners, source),
                        traceparent=source.traceparent,
                        since=since,
                        together=len(readings),
                    )
                    events.append(event)
                    message = event.message
                messages.append(message)
            if messages:
                await self._publish(messages)
        return counts

    async def _owners(self, readings: Iterable[Reading], source: Source) -> dict[str, Party | None]:
        """By address, whose number it is. A connection's own address says whose reports come
        there, and only that tenant's numbers are texted through it."""
        addresses = {
            item.content.number
            for item in readings
            if isinstance(item, Known) and not _belongs(item, source)
        }
        found = await asyncio.gather(*(self._owner(address, source) for address in addresses))
        return dict(zip(addresses, found, strict=True))

    async def _owner(self, address: str, source: Source) -> Party | None:
        if source.caller is None:
            number = await self._numbers.find(address)
        else:
            number = await self._numbers.find_for(source.caller.tenant_id, address)
        if number is None:
            return None
        return Party(number.tenant_id, number.connection_id, number.address)

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        for fault in await self._bus.publish_all(messages):
            if fault is not None:
                raise fault

    def _count(self, counts: Iterable[tuple[str, str]], readings: Iterable[Reading]) -> None:
        for name, result in counts:
            self._events[name, result].inc()
            if result == "parked":
                self._parked.inc()
        for reading in readings:
            if isinstance(reading, Unreadable):
                log.warning("event.parked", type=reading.name, reason=reading.reason)
            elif isinstance(reading, Ignored) and reading.type == DELETED:
                log.warning("subscription.deleted")


def _belongs(known: Known, source: Source) -> bool:
    """Whether it is the calling connection's without asking: a report is on a text of its own."""
    return source.caller is not None and isinstance(known.content, DeliveryReport)


def _message(
    reading: Reading, owners: Mapping[str, Party | None], source: Source
) -> tuple[Outgoing | None, str, str]:
    """What is published for a reading, with the event's name and the result that are counted."""
    if isinstance(reading, Ignored):
        return None, _OTHER, "ignored"
    if isinstance(reading, Unreadable):
        return parked(reading, source), reading.name, "parked"
    owner = _owner_of(reading, owners, source)
    if owner is None:
        return None, reading.name, "unknown_number"
    return outgoing(reading, owner, source), reading.name, "published"


def _tenant_of(reading: Reading, owners: Mapping[str, Party | None], source: Source) -> str:
    owner = _owner_of(reading, owners, source) if isinstance(reading, Known) else None
    return owner.tenant_id if owner is not None else ""


def _owner_of(known: Known, owners: Mapping[str, Party | None], source: Source) -> Party | None:
    return source.caller if _belongs(known, source) else owners[known.content.number]
