"""Documents made from records, and read back. Both implementations keep these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from common.addresses import usual_type
from common.sender_types import NumberType
from common.sending_rules import OptOutScope, read_rules
from common.store.circuit_documents import account_of, read_circuit, ways_of
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
from heliograph.codes import OutcomeCode
from heliograph.models import (
    Direction,
    Keyword,
    Outcome,
    OutcomeStatus,
    OutcomeWarning,
    ReportStatus,
)

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
_LATER_TEXT: Final[Mapping[str, Any]] = {
    "ordered_at": None,
    "parts": (),
    "problem": None,
    "warnings": (),
    "notice": None,
}
"""Fields of an outbound text that earlier releases did not write, and what is read instead."""

_DIRECTIONS: Final = {direction.value: direction for direction in Direction}
"""A look-up is a third of the cost of the enum's own, for ten past texts a turn."""


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
        "keyword_told": text.keyword_told,
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
            keyword_told=document.get("keyword_told", False),
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
        "ordered_at": milliseconds(text.ordered_at) if text.ordered_at else None,
        "parts": list(text.parts),
        "problem": text.problem.value if text.problem else None,
        "warnings": [warning.value for warning in text.warnings],
        "notice": text.notice.value if text.notice else None,
        "open": True,
        "slot": None,
        "part": 0,
        "part_ids": [],
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
        text=_read_text(document),
        state=SendState(document["state"]),
        seq=int(document["seq"]),
        attempts=document["attempts"],
        claimed_at=document["claimed_at"],
        first_sent=document["first_sent"],
        outcome=read_outcome(document),
        decision=ApprovalDecision(decision) if decision else None,
        edited=approval.get("edited", False),
        reason=approval.get("reason"),
        slot=document.get("slot"),
        part=document.get("part", 0),
        part_ids=tuple(document.get("part_ids", ())),
        account=document.get("account"),
    )


def _read_text(document: dict[str, Any]) -> NewOutbound:
    later = {name: document.get(name, default) for name, default in _LATER_TEXT.items()}
    problem, notice = later["problem"], later["notice"]
    return NewOutbound(
        **{name: document[name] for name in _OUTBOUND_TEXT},
        ordered_at=later["ordered_at"],
        parts=tuple(later["parts"]),
        problem=OutcomeCode(problem) if problem else None,
        warnings=tuple(map(OutcomeWarning, later["warnings"])),
        notice=Keyword(notice) if notice else None,
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
    """A number with its connection, its agent, its tenant and the switch for all, each in a list of
    at most one, and the connections to fall back on as `ways`."""
    connection = next(iter(document["connection"]), None)
    if connection is None:
        return None
    agent: dict[str, Any] = next(iter(document["agent"]), {})
    tenant: dict[str, Any] = next(iter(document.get("tenant", ())), {})
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
        account=account_of(connection),
        type=NumberType(document.get("type") or usual_type(document["address"])),
        partner=connection.get("partner"),
        rules=read_rules(document.get("rules")),
        opt_out_scope=OptOutScope(tenant.get("opt_out_scope") or OptOutScope.NUMBER),
        stopped=_stopped(tenant, next(iter(document.get("switch", ())), {})),
        circuit=read_circuit(connection.get("circuit")),
        alternatives=ways_of(_others(document, connection), document.get("ways") or ()),
        ways_since=document.get("ways_since"),
    )


def _others(document: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """The keys of the connections to fall back on. A number may have come to one of them since."""
    return [key for key in document.get("failover") or () if key != own["_id"]]


def _stopped(tenant: Mapping[str, Any], switch: Mapping[str, Any]) -> str | None:
    """Whose kill switch is on: that for all, or else the tenant's own."""
    if switch.get("stopped"):
        return "all"
    return "tenant" if tenant.get("sending_stopped") else None


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
        circuit=read_circuit(document.get("circuit")),
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
            report=report, message_id=None, agent_id=None, command_id=None, news=False, tell=False
        )
    winner = (document["report"] or {}).get("id")
    # Good news of a part is kept as `sent` where it is no more than that for the text.
    of_the_text = replace(report, status=ReportStatus.SENT)
    news = of_the_text if winner == of_the_text.id else report
    is_news = winner == news.id and document["report_told"] != news.id
    return AppliedReport(
        report=news,
        message_id=document["_id"],
        agent_id=document["agent_id"],
        command_id=document["command_id"],
        news=is_news,
        tell=is_news and document.get("notice") is None,
        traceparent=document.get("traceparent"),
        sent_at=document.get("sent_at") or document.get("begun_at"),
        number=document["number"],
        remote=document["remote"],
        was_uncertain=(document.get("outcome") or {}).get("status") == OutcomeStatus.UNCERTAIN,
    )
