"""What a small company's console shows: two connections, three conversations, held texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from common.store.consents import ConsentSource, LedgerEntry, NewConsent
from common.store.control import (
    Actor,
    Approval,
    AuditEntry,
    ConnectionView,
    ConversationView,
    Hour,
    TenantRecord,
    TextView,
    Unsettled,
)
from common.store.records import (
    ApprovalDecision,
    ConnectionStatus,
    Consent,
    Execution,
    SendState,
    Step,
)
from heliograph.codes import OutcomeCode
from heliograph.models import Direction

NOW: Final = datetime(2026, 3, 1, 15, 42, tzinfo=UTC)
TENANT: Final = "acme"
NUMBER: Final = "+18005550100"
ANNA: Final = "+14255550123"
BEN: Final = "+442079460018"
CLEO: Final = "+12065550171"
TALK: Final = "c-anna"


def ago(**distance: float) -> datetime:
    """An instant before now."""
    return NOW - timedelta(**distance)


def tenant(**given: Any) -> TenantRecord:
    known: dict[str, Any] = {
        "id": TENANT,
        "name": "Acme Appliances",
        "features": ("custom.acs_sms", "custom.twilio_sms"),
        "opt_out_accepted_at": ago(days=20),
        "opt_out_accepted_by": "Jane Smith",
        "created_at": ago(days=30),
        "version": 1,
    }
    return TenantRecord(**known | given)


def connection(**given: Any) -> ConnectionView:
    known: dict[str, Any] = {
        "id": "con-support",
        "tenant_id": TENANT,
        "name": "Support line",
        "description": "Customers text here about repairs.",
        "provider": "acs",
        "partner": None,
        "public": {},
        "secrets": ("connection_string",),
        "status": ConnectionStatus.ACTIVE,
        "error": None,
        "checked_at": ago(hours=3),
        "created_at": ago(days=20),
        "created_by": "Jane Smith",
        "disconnected_at": None,
        "numbers": 2,
        "version": 3,
    }
    return ConnectionView(**known | given)


def text(identifier: str, body: str, *, at: datetime, inbound: bool = True, **given: Any) -> Any:
    direction = Direction.INBOUND if inbound else Direction.OUTBOUND
    known: dict[str, Any] = {
        "id": identifier,
        "tenant_id": TENANT,
        "seq": 1,
        "direction": direction,
        "conversation_id": TALK,
        "connection_id": "con-support",
        "provider": "acs",
        "agent_id": "front-desk",
        "number": NUMBER,
        "remote": ANNA,
        "body": body,
        "original_body": None if inbound else body,
        "at": at,
        "state": None if inbound else SendState.FINISHED.value,
        "status": "received" if inbound else "sent",
        "code": None if inbound else OutcomeCode.SENT.value,
        "keyword": None,
        "segments": 1,
        "encoding": None if inbound else "GSM-7",
        "truncated": False,
        "edited": False,
        "command_id": None if inbound else f"turn-{identifier}",
        "in_reply_to": None,
        "tag": None,
        "provider_message_id": f"acs-{identifier}",
        "report_status": None,
        "report_code": None,
        "report_details": None,
        "report_at": None,
        "held_at": None,
        "sent_at": None if inbound else at,
        "decision": None,
        "decided_by": None,
        "decided_at": None,
        "reason": None,
    }
    return TextView(**known | given)


def approval(identifier: str = "m-held", **given: Any) -> Approval:
    body = "Your technician can come tomorrow between 9 and 11. Shall I book that for you?"
    known: dict[str, Any] = {
        "message_id": identifier,
        "tenant_id": TENANT,
        "agent_id": "front-desk",
        "connection_id": "con-support",
        "conversation_id": TALK,
        "number": NUMBER,
        "remote": ANNA,
        "body": body,
        "original_body": body,
        "truncated": False,
        "encoding": "GSM-7",
        "segments": 1,
        "tag": None,
        "held_at": ago(minutes=4),
        "expires_at": NOW + timedelta(hours=20),
        "decision": None,
        "decided_at": None,
        "decided_by": None,
        "reason": None,
        "edited": False,
    }
    return Approval(**known | given)


def consent(**given: Any) -> Consent:
    known: dict[str, Any] = {
        "tenant_id": TENANT,
        "number": NUMBER,
        "remote": BEN,
        "opted_out": True,
        "at": ago(hours=2),
        "opted_out_at": ago(hours=2),
        "in_doubt": True,
        "cause": "e1",
    }
    return Consent(**known | given)


def entries() -> tuple[LedgerEntry, ...]:
    """What Ben has said to the number, newest first."""
    known: dict[str, Any] = {"tenant_id": TENANT, "number": NUMBER, "remote": BEN}
    doubtful = NewConsent(
        opted_out=True,
        at=ago(hours=2),
        source=ConsentSource.WORDING,
        rule="take-me-off",
        who="remote",
        message_id="m20",
        in_doubt=True,
        **known,
    )
    agreed = NewConsent(
        opted_out=False,
        at=ago(days=9),
        source=ConsentSource.PERSON,
        rule="opt_in",
        who="Jane Smith",
        note="Agreed at the counter.",
        **known,
    )
    return tuple(LedgerEntry(entry=it, recorded_at=it.at) for it in (doubtful, agreed))


def unsettled() -> Unsettled:
    return Unsettled(uncertain=2, report_missing=1)


def thread() -> tuple[TextView, ...]:
    """A conversation with one text of each kind, newest first."""
    held = approval()
    out: dict[str, Any] = {"inbound": False}
    texts = (
        text("m1", "Hi, my dishwasher shows E24 again.", at=ago(days=1, minutes=40)),
        text(
            "m2",
            "Hello! E24 means that the water does not drain. Is the hose behind it bent?",
            at=ago(days=1, minutes=39),
            report_status="delivered",
            report_at=ago(days=1, minutes=38),
            **out,
        ),
        text("m3", "No, I checked that 🙈", at=ago(days=1, minutes=30)),
        text(
            "m4",
            "Buy a new one.",
            at=ago(days=1, minutes=29),
            code=OutcomeCode.APPROVAL_REJECTED.value,
            status="blocked",
            decision=ApprovalDecision.REJECTED,
            decided_by="Jane Smith",
            decided_at=ago(days=1, minutes=25),
            reason="Not our tone.",
            sent_at=None,
            held_at=ago(days=1, minutes=29),
            **out,
        ),
        text(
            "m5",
            "Then a technician should look at it. Would tomorrow suit you?",
            at=ago(days=1, minutes=20),
            report_status="sent",
            edited=True,
            decided_by="Jane Smith",
            decision=ApprovalDecision.APPROVED,
            decided_at=ago(days=1, minutes=19),
            **out,
        ),
        text("m6", "Yes please!\nIn the morning?", at=ago(minutes=6)),
        text(
            "m7",
            "Let me check.",
            at=ago(minutes=5),
            status="failed",
            code=OutcomeCode.PROVIDER_UNAVAILABLE.value,
            sent_at=None,
            **out,
        ),
        text(
            held.message_id,
            held.body,
            at=ago(minutes=4),
            state=SendState.HELD.value,
            status="held",
            code=OutcomeCode.GATE_OFF.value,
            held_at=ago(minutes=4),
            sent_at=None,
            **out,
        ),
    )
    return tuple(reversed(texts))


def conversations() -> tuple[ConversationView, ...]:
    newest = thread()[0]
    ben = text(
        "m20", "STOP", at=ago(hours=2), remote=BEN, conversation_id="c-ben", keyword="opt_out"
    )
    cleo = text(
        "m30",
        "It is on its way and will be with you on Tuesday, as promised. Thank you for waiting!",
        at=ago(hours=9),
        inbound=False,
        remote=CLEO,
        conversation_id="c-cleo",
        report_status="delivered",
    )
    return tuple(
        ConversationView(
            id=item.conversation_id,
            tenant_id=TENANT,
            number=NUMBER,
            remote=item.remote,
            newest=item,
            opted_out=item is ben,
            held=1 if item is newest else 0,
        )
        for item in (newest, ben, cleo)
    )


def hours() -> tuple[Hour, ...]:
    counts = (2, 0, 0, 1, 4, 9, 14, 11, 8, 12, 19, 16, 7)
    return tuple(
        Hour(
            start=NOW.replace(minute=0) - timedelta(hours=back),
            connection_id="con-support",
            received=count,
            sent=count * 4 // 5,
            held=count // 9,
            blocked=count // 12,
            failed=1 if count == 14 else 0,
            uncertain=1 if count == 19 else 0,
        )
        for back, count in enumerate(counts)
    )


def execution(identifier: str = "m6", **given: Any) -> Execution:
    began = ago(minutes=6)
    lasted = (
        ("accepted", 0.0, "acs"),
        ("recorded", 0.012, ""),
        ("handed_over", 0.019, "front-desk"),
        ("answered", 1.42, "turn-m6"),
        ("held", 1.431, "gate_off"),
        ("approved", 64.2, "Jane Smith, with other words"),
        ("sent", 64.51, "acs"),
        ("reported", 66.9, "delivered"),
    )
    steps = tuple(
        Step(what=what, at=began + timedelta(seconds=after), detail=detail)
        for what, after, detail in lasted
    )
    known: dict[str, Any] = {
        "message_id": identifier,
        "tenant_id": TENANT,
        "number": NUMBER,
        "remote": ANNA,
        "duplicates": 0,
        "steps": steps,
    }
    return Execution(**known | given)


def audit() -> tuple[AuditEntry, ...]:
    jane = Actor(kind="key", id="k-jane", name="Jane Smith", role="admin")
    health = Actor(kind="system", id="health", name="Heliograph", role="system")
    return (
        AuditEntry(
            id="a3",
            tenant_id=TENANT,
            at=ago(minutes=12),
            actor=jane,
            action="number.gate_on",
            target=NUMBER,
            before={"gate_on": False},
            after={"gate_on": True},
        ),
        AuditEntry(
            id="a2",
            tenant_id=TENANT,
            at=ago(hours=3),
            actor=health,
            action="connection.checked",
            target="con-orders",
            before={"status": "active", "error": None},
            after={"status": "error", "error": "The access key is not one of the resource's."},
        ),
        AuditEntry(
            id="a1",
            tenant_id=TENANT,
            at=ago(days=1),
            actor=jane,
            action="key.signed_in",
            target="k-jane",
            note="with the key, from 192.0.2.7",
        ),
    )
