"""Texts as people look at them, read from their documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from common import tracing
from common.store.control import ApprovalDecision, TextView
from common.store.lives import detour_steps
from heliograph.models import Direction, ReportStatus

_SAME: Final = (
    "tenant_id",
    "direction",
    "conversation_id",
    "connection_id",
    "provider",
    "agent_id",
    "number",
    "remote",
    "body",
    "at",
    "status",
    "segments",
    "provider_message_id",
)
"""What every text has."""

_SOME: Final = (
    "original_body",
    "state",
    "keyword",
    "encoding",
    "command_id",
    "in_reply_to",
    "tag",
    "held_at",
    "sent_at",
)
"""What only an outbound text has, or only an inbound one."""


def read_text(document: Mapping[str, Any]) -> TextView:
    """A text with all that people are shown of it."""
    outcome: Mapping[str, Any] = document.get("outcome") or {}
    report: Mapping[str, Any] = document.get("report") or {}
    approval: Mapping[str, Any] = document.get("approval") or {}
    decision = approval.get("decision")
    fields = {name: document[name] for name in _SAME} | {name: document.get(name) for name in _SOME}
    return TextView(
        **fields
        | {
            "id": document["_id"],
            "seq": int(document["seq"]),
            "direction": Direction(document["direction"]),
            "code": outcome.get("code"),
            "truncated": bool(document.get("truncated")),
            "edited": bool(approval.get("edited")),
            "report_status": report.get("status"),
            "report_code": report.get("code"),
            "report_details": report.get("details"),
            "report_at": report.get("at"),
            "decision": ApprovalDecision(decision) if decision else None,
            "decided_by": approval["by"]["name"] if approval else None,
            "decided_at": approval.get("at"),
            "reason": approval.get("reason"),
            "report_missing_at": document.get("report_missing_at"),
            "trace_id": tracing.id_of(document.get("traceparent")),
            "failed_over": tuple(detour_steps(document)),
            "parts": len(document.get("parts") or ()) or 1,
            "parts_delivered": sum(
                item["status"] == ReportStatus.DELIVERED.value
                for item in document.get("part_reports") or ()
            ),
        }
    )
