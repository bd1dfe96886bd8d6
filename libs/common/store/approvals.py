"""Held texts and what is decided on them, as changes to their documents. Pure; both stores use it.

A held text says that nothing left: only the holder of its lease could say so, of a text that no
provider may have got. So whoever decides has nothing to wait for, and one change is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from common.store.clock import after
from common.store.control import Actor, Approval, NewBody
from common.store.records import ApprovalDecision, SendState
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeWarning

LONGEST_PAUSE: Final = 3600.0
"""Most seconds between two reminders of one text that no sender has begun with."""


def expires_at(held: Mapping[str, Any], ttl: float) -> datetime:
    """When nobody can approve it any more: with the command, or `ttl` seconds after it was held."""
    end: datetime = _held_at(held) + timedelta(seconds=ttl)
    with_command: datetime | None = held["expires_at"]
    return end if with_command is None else min(end, with_command)


def decided(
    held: Mapping[str, Any],
    decision: ApprovalDecision,
    *,
    body: NewBody | None,
    reason: str | None,
    by: Actor,
    now: datetime,
) -> dict[str, Any]:
    """The fields that a decision changes in a held text: it is the sender's again, unleased.

    Providers may refuse a repeatability ID whose first-sent time is long past, so a text that was
    never called for gets a new one; another body makes it another text.
    """
    changes: dict[str, Any] = {
        "state": SendState.RELEASED.value,
        "held_outcome": held["outcome"],
        "outcome": None,
        "lease_owner": None,
        "lease_until": None,
        "approval": {
            "decision": decision.value,
            "at": now,
            "by": {"kind": by.kind, "id": by.id, "name": by.name, "role": by.role},
            "reason": reason,
            "edited": body is not None,
            "whole": body.whole if body else None,
            "remind_at": now,
            "reminders": 0,
            "told_at": None,
        },
    }
    if held["attempts"] == 0 or body is not None:
        changes["first_sent"] = now
    if body is not None:
        changes |= {
            "body": body.body,
            "truncated": body.truncated,
            "encoding": body.encoding,
            "segments": body.segments,
            "parts": list(body.parts),
            "warnings": _warnings(held, body),
            "problem": None,
            "slot": None,
            "part": 0,
            "part_ids": [],
        }
    return changes


def _warnings(held: Mapping[str, Any], body: NewBody) -> list[str]:
    """What is odd about other words; about whom they are for, what was odd before."""
    landline = OutcomeWarning.LANDLINE
    kept = [landline] if landline.value in held.get("warnings", ()) else []
    return [warning.value for warning in (*kept, *body.warnings)]


def _held_at(document: Mapping[str, Any]) -> datetime:
    """When it was held; of a text that was never held (one of ours, or one that an opt-out
    cancelled while it waited for a limit), when it was decided on."""
    at: datetime = document["held_at"] or document["approval"]["at"]
    return at


def _held_code(document: Mapping[str, Any]) -> OutcomeCode:
    """Why it was held: its outcome says so while it waits, afterwards the outcome put aside."""
    waits = document["state"] == SendState.HELD.value
    outcome = document["outcome"] if waits else document.get("held_outcome")
    return OutcomeCode(outcome["code"]) if outcome else OutcomeCode.GATE_OFF


def reminded(approval: Mapping[str, Any], pause: float, now: datetime) -> datetime:
    """The `remind_at` of a text that is reminded of now: `pause` seconds after it the text comes
    again, and each time after twice as long."""
    doubled = pause * 2 ** min(approval["reminders"], 30)
    return after(now, min(doubled, max(pause, LONGEST_PAUSE)) - pause)


def read_approval(document: Mapping[str, Any], ttl: float) -> Approval:
    """A text that waits for a person, or was decided."""
    made = document.get("approval") or {}
    decision = made.get("decision")
    return Approval(
        message_id=document["_id"],
        tenant_id=document["tenant_id"],
        agent_id=document["agent_id"],
        connection_id=document["connection_id"],
        conversation_id=document["conversation_id"],
        number=document["number"],
        remote=document["remote"],
        body=document["body"],
        original_body=document["original_body"],
        truncated=document["truncated"],
        encoding=document["encoding"],
        segments=document["segments"],
        tag=document["tag"],
        held_at=_held_at(document),
        expires_at=expires_at(document, ttl),
        decision=ApprovalDecision(decision) if decision else None,
        decided_at=made.get("at"),
        decided_by=made["by"]["name"] if made else None,
        reason=made.get("reason"),
        edited=made.get("edited", False),
        code=_held_code(document),
        traceparent=document.get("traceparent"),
    )
