"""Documents made from records, and read back. Both implementations keep these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from common.store.clock import milliseconds
from common.store.control import CLEARED
from common.store.records import (
    AppliedReport,
    ApprovalDecision,
    Claim,
    ConnectionRecord,
    ConnectionStatus,
    Inbound,
    NewInbound,
    NewOutbound,
    NewReport,
    Outbound,
    PastText,
    Route,
    SendState,
)
from heliograph.models import Direction, Keyword, Outcome

INBOUND: Final = Direction.INBOUND.value
OUTBOUND: Final = Direction.OUTBOUND.value
PAST_TEXT_FIELDS: Final = ("_id", "direction", "body", "at", "status")

_INBOUND_TEXT: Final = (
    "tenant_id",
    "connection_id",
    "provider",
    "provider_message_id",
    "agent_id",
    "number",
    "remote",
    "body",
    "segments",
    "accepted_at",
    "at",
    "traceparent",
)
_OUTBOUND_TEXT: Final = (
    "tenant_id",
    "agent_id",
    "command_id",
    "index",
    "digest",
    "connection_id",
    "provider",
    "number",
    "remote",
    "original_to",
    "body",
    "original_body",
    "truncated",
    "encoding",
    "segments",
    "in_reply_to",
    "tag",
    "expires_at",
    "traceparent",
)

_DIRECTIONS: Final = {direction.value: direction for direction in Direction}
"""A look-up is a third of the cost of the enum's own, for ten past texts a turn."""

_OPTED_OUT: Final[Mapping[Keyword | None, bool]] = {
    Keyword.OPT_OUT: True,
    Keyword.OPT_IN: False,
}


def inbound_document(
    text: NewInbound, *, text_id: str, seq: int, now: datetime, owner: str, lease_until: datetime
) -> dict[str, Any]:
    """A new inbound text, recorded `now` and leased to `owner`."""
    return {
        "_id": text_id,
        "tenant_id": text.tenant_id,
        "conversation_id": text.conversation_id,
        "direction": INBOUND,
        "provider": text.provider,
        "provider_message_id": text.provider_message_id,
        "connection_id": text.connection_id,
        "agent_id": text.agent_id,
        "number": text.number,
        "remote": text.remote,
        "body": text.body,
        "segments": text.segments,
        "keyword": text.keyword.value if text.keyword else None,
        "at": milliseconds(text.at),
        "seq": seq,
        "status": "received",
        "in_history": True,
        "accepted_at": milliseconds(text.accepted_at),
        "recorded_at": now,
        "lease_owner": owner,
        "lease_until": lease_until,
        "handed_over_at": None,
        "duplicates": 0,
        "duplicate_at": None,
        "traceparent": text.traceparent,
    }


def read_inbound(document: dict[str, Any], claim: Claim) -> Inbound:
    """A recorded inbound text."""
    keyword = document["keyword"]
    return Inbound(
        claim=claim,
        seq=int(document["seq"]),
        recorded_at=document["recorded_at"],
        text=NewInbound(
            keyword=Keyword(keyword) if keyword else None,
            **{name: document[name] for name in _INBOUND_TEXT},
        ),
    )


def outbound_document(
    text: NewOutbound, *, text_id: str, seq: int, now: datetime, owner: str, lease_until: datetime
) -> dict[str, Any]:
    """A new outbound text, claimed `now` and leased to `owner`. It is not in the history yet."""
    return {name: getattr(text, name) for name in _OUTBOUND_TEXT} | {
        "_id": text_id,
        "conversation_id": text.conversation_id,
        "direction": OUTBOUND,
        "expires_at": milliseconds(text.expires_at) if text.expires_at else None,
        "provider_message_id": None,
        "at": now,
        "seq": seq,
        "state": SendState.CLAIMED.value,
        "status": "claimed",
        "rank": 0,
        "in_history": False,
        "attempts": 0,
        "lease_owner": owner,
        "lease_until": lease_until,
        "claimed_at": now,
        "first_sent": now,
        "begun_at": None,
        "held_at": None,
        "sent_at": None,
        "finished_at": None,
        "outcome": None,
        "held_outcome": None,
        "approval": None,
        "report": None,
        "report_told": None,
    }


def read_outbound(document: dict[str, Any], claim: Claim) -> Outbound:
    """A claimed outbound text."""
    approval = document.get("approval") or {}
    decision = approval.get("decision")
    return Outbound(
        claim=claim,
        text=NewOutbound(**{name: document[name] for name in _OUTBOUND_TEXT}),
        state=SendState(document["state"]),
        seq=int(document["seq"]),
        attempts=document["attempts"],
        claimed_at=document["claimed_at"],
        first_sent=document["first_sent"],
        outcome=read_outcome(document),
        decision=ApprovalDecision(decision) if decision else None,
        edited=approval.get("edited", False),
        reason=approval.get("reason"),
    )


def read_outcome(document: dict[str, Any]) -> Outcome | None:
    """The recorded outcome of an outbound text."""
    recorded = document["outcome"]
    return Outcome.model_validate(recorded) if recorded is not None else None


def refused_outbound(text: NewOutbound, known: dict[str, Any] | None, now: datetime) -> Outbound:
    """A text whose command ID stands for another command; `known` is that one's text, if any."""
    if known is not None:
        return read_outbound(known, Claim.CONFLICT)
    return Outbound(
        claim=Claim.CONFLICT,
        text=text,
        state=SendState.CLAIMED,
        seq=0,
        attempts=0,
        claimed_at=now,
        first_sent=now,
        outcome=None,
    )


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """An outcome as its text keeps it."""
    fields = outcome.model_dump()
    return fields | {
        "status": outcome.status.value,
        "code": outcome.code.value,
        "at": milliseconds(outcome.at),
    }


def read_route(document: dict[str, Any]) -> Route | None:
    """A number with its connection and its agent, each in a list of at most one."""
    connection = next(iter(document["connection"]), None)
    if connection is None:
        return None
    agent: dict[str, Any] = next(iter(document["agent"]), {})
    status = connection["status"] if document["connected"] else ConnectionStatus.DISCONNECTED
    return Route(
        tenant_id=document["tenant_id"],
        connection_id=document["connection_id"],
        provider=document["provider"],
        address=document["address"],
        region=document["region"],
        agent_id=document["agent_id"],
        agent_active=bool(agent.get("active", False)),
        bus_user=agent.get("bus_user", ""),
        gate_on=document["gate_on"],
        connection_status=ConnectionStatus(status),
        credentials_version=connection["credentials_version"],
    )


def read_connection(document: dict[str, Any]) -> ConnectionRecord:
    """A connection with its tenant and its numbers, each in a list."""
    tenant: dict[str, Any] = next(iter(document["tenant"]), {})
    return ConnectionRecord(
        id=document["connection_id"],
        tenant_id=document["tenant_id"],
        name=document["name"],
        provider=document["provider"],
        status=ConnectionStatus(document["status"]),
        error=document["error"],
        sealed=document["sealed"] if document["sealed"] != CLEARED else None,
        wrapped_key=tenant.get("wrapped_key"),
        numbers=tuple(sorted(item["address"] for item in document["numbers"] if item["connected"])),
        partner=document.get("partner"),
        checked_at=document["checked_at"],
        credentials_version=document["credentials_version"],
    )


def past_text(document: dict[str, Any]) -> PastText:
    """A text as the history shows it."""
    return PastText(
        id=document["_id"],
        direction=_DIRECTIONS[document["direction"]],
        body=document["body"],
        at=document["at"],
        status=document["status"],
    )


def report_document(report: NewReport) -> dict[str, Any]:
    """A delivery report, as its text keeps it."""
    return {
        "id": report.id,
        "status": report.status.value,
        "code": report.code,
        "details": report.details,
        "at": milliseconds(report.at),
        "accepted_at": milliseconds(report.accepted_at),
    }


def applied_report(report: NewReport, document: dict[str, Any] | None) -> AppliedReport:
    """What a report did, told from its text as it is now."""
    if document is None:
        return AppliedReport(
            report=report, message_id=None, agent_id=None, command_id=None, tell=False
        )
    winner = (document["report"] or {}).get("id")
    return AppliedReport(
        report=report,
        message_id=document["_id"],
        agent_id=document["agent_id"],
        command_id=document["command_id"],
        tell=winner == report.id and document["report_told"] != report.id,
        traceparent=document.get("traceparent"),
    )


def consent_document(text: Inbound) -> dict[str, Any] | None:
    """What an inbound text says about its conversation's consent; None where it says nothing."""
    keyword = text.text.keyword
    if keyword not in _OPTED_OUT:
        return None
    return {
        "_id": text.text.conversation_id,
        "tenant_id": text.text.tenant_id,
        "number": text.text.number,
        "remote": text.text.remote,
        "opted_out": _OPTED_OUT[keyword],
        "at": milliseconds(text.text.at),
        "message_id": text.id,
    }
