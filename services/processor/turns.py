"""What an agent is told, built from what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from common.events import SmsReceived, SmsReport
from common.optout.wording import Matches
from common.store.records import (
    AppliedReport,
    Inbound,
    NewInbound,
    NewReport,
    PastText,
    turn_id,
)
from heliograph.codes import OutcomeCode
from heliograph.models import Report, Turn
from processor.hearing import hear


def to_record(
    event: SmsReceived, *, agent_id: str, traceparent: str | None, matches: Matches
) -> NewInbound:
    """An inbound text as it is recorded, marked with its keyword, or as an opt-out where it says so
    in other words. What the provider itself took it for counts before what we hear: it has blocked,
    or let through again, by that."""
    heard = hear(event.body, matches)
    keyword = event.keyword or (heard.keyword if heard is not None else None)
    return NewInbound(
        tenant_id=event.tenant_id,
        connection_id=event.connection_id,
        provider=event.provider,
        provider_message_id=event.provider_message_id,
        agent_id=agent_id,
        number=event.number,
        remote=event.remote,
        body=event.body,
        segments=event.segments,
        keyword=keyword,
        keyword_told=event.keyword is not None,
        at=event.at,
        event_at=event.event_at,
        accepted_at=event.accepted_at,
        traceparent=traceparent,
    )


def to_apply(event: SmsReport, *, traceparent: str | None = None) -> NewReport:
    """A delivery report as it is applied; the trace is that of its own delivery."""
    return NewReport(
        tenant_id=event.tenant_id,
        provider=event.provider,
        provider_message_id=event.provider_message_id,
        reference=event.reference,
        number=event.number,
        remote=event.remote,
        status=event.status,
        code=event.code,
        details=event.details,
        part=event.part,
        parts=event.parts,
        at=event.at,
        accepted_at=event.accepted_at,
        traceparent=traceparent,
    )


def build_turn(
    inbound: Inbound, history: Sequence[PastText], *, refusal: OutcomeCode | None = None
) -> Turn:
    """The turn that hands a text to its agent. `refusal` says why it cannot be answered, with this
    text taken into account."""
    text = inbound.text
    content = {
        "turn_id": turn_id(inbound.id),
        "seq": inbound.seq,
        "tenant_id": text.tenant_id,
        "agent_id": text.agent_id,
        "connection_id": text.connection_id,
        "number": text.number,
        "remote": text.remote,
        "message": text,
        "history": history,
        "keyword": text.keyword,
        "can_send": refusal is None,
        "cannot_send_reason": refusal,
    }
    # Read off the records in one go: a model built from a dozen models costs three times as much,
    # and this is the most expensive step of a text.
    return Turn.model_validate(content, from_attributes=True)


def build_report(applied: AppliedReport) -> Report:
    """The report as the agent reads it.

    Raises:
        ValueError: the report belongs to no text of ours.
    """
    if applied.message_id is None or applied.command_id is None:
        raise ValueError("a report without a text has no reader")
    report = applied.report
    return Report(
        message_id=applied.message_id,
        command_id=applied.command_id,
        status=report.status,
        code=report.code,
        details=report.details,
        at=report.at,
    )
