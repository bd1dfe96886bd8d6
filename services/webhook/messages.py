"""What was told, as messages to the processor; what could not be read, as it is parked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from common import tracing
from common.bus import topology
from common.bus.messages import Outgoing
from common.events import SmsReceived, SmsReport
from common.ids import derive
from common.providers.callbacks import (
    DeliveryReport,
    Known,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from common.redact import scrub
from heliograph import wire
from webhook.eventgrid import write_item

PARKED_TYPE: Final = "sms.unreadable"
"""`type` of a parked event: it never became one of our own messages."""


class Party(NamedTuple):
    """Whose text or report it is."""

    tenant_id: str
    connection_id: str
    number: str | None = None
    """Of a text: the number as it is connected, which the provider may write in another way."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who told it and when we took it; `caller` where it came to a connection's own address."""

    provider: str
    accepted_at: datetime
    traceparent: str | None
    caller: Party | None = None


def outgoing(known: Known, owner: Party, source: Source) -> Outgoing:
    """The message to the processor. The provider is the one that told the event, also where the
    number has since moved to a connection of another provider."""
    content, at = known.content, known.at or source.accepted_at
    provider = source.provider
    if isinstance(content, ReceivedText):
        model: SmsReceived | SmsReport = _received(content, known, owner, at, source)
        key = topology.received_key(provider)
        message_id = derive("sms.received", provider, content.message_id)
    else:
        model = _report(content, owner, at, source)
        key = topology.report_key(provider)
        part = (content.part,) if content.part is not None else ()
        message_id = derive(
            "sms.report", provider, content.message_id, content.status, at.isoformat(), *part
        )
    return Outgoing.of(
        model,
        exchange=topology.INBOUND_EXCHANGE,
        key=key,
        message_id=message_id,
        traceparent=known.traceparent or source.traceparent,
    )


def _received(
    text: ReceivedText, known: Known, owner: Party, at: datetime, source: Source
) -> SmsReceived:
    return SmsReceived(
        provider=source.provider,
        tenant_id=owner.tenant_id,
        connection_id=owner.connection_id,
        provider_message_id=text.message_id,
        number=owner.number or text.number,
        remote=text.remote,
        body=text.body,
        segments=text.segments,
        keyword=text.keyword,
        at=at,
        event_at=known.event_at,
        accepted_at=source.accepted_at,
    )


def _report(report: DeliveryReport, owner: Party, at: datetime, source: Source) -> SmsReport:
    return SmsReport(
        provider=source.provider,
        tenant_id=owner.tenant_id,
        connection_id=owner.connection_id,
        provider_message_id=report.message_id,
        reference=report.reference,
        number=report.number,
        remote=report.remote,
        status=report.status,
        code=report.code,
        details=report.details,
        part=report.part,
        parts=report.parts,
        at=at,
        accepted_at=source.accepted_at,
    )


def parked(unreadable: Unreadable, source: Source) -> Outgoing:
    """The element as it was, on its way to the dead-letter queue, its reason in the headers."""
    item = unreadable.item
    body = item if isinstance(item, bytes) else write_item(item)
    whose = f"{source.provider} {source.caller.connection_id}: " if source.caller else ""
    return Outgoing(
        exchange=wire.DEAD_EXCHANGE,
        key=topology.PROCESSOR_QUEUE,
        body=body,
        type=PARKED_TYPE,
        message_id=derive(PARKED_TYPE, body.decode("utf-8", "replace")),
        headers={
            wire.HEADER_TRACEPARENT: tracing.joined(source.traceparent),
            topology.HEADER_REASON: UnreadableEvent.code,
            topology.HEADER_DETAIL: scrub(f"{whose}{unreadable.reason}"),
            topology.HEADER_PARKED_FROM: topology.PROCESSOR_QUEUE,
            topology.HEADER_FIRST_SEEN: source.accepted_at.isoformat(),
        },
    )
