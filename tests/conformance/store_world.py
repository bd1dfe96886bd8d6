"""What the conformance tests of the store work with: the ports over one database, and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from common.sending_rules import OptOutScope
from common.store.consent_ports import ConsentLedger, Conversations
from common.store.consents import ConsentSource, NewConsent
from common.store.control import NewBody
from common.store.limit_ports import Limits
from common.store.ports import (
    Circuits,
    Connections,
    Directory,
    Executions,
    InboundStore,
    Leases,
    OutboundStore,
)
from common.store.records import ApprovalDecision, Inbound, NewInbound, NewOutbound, NewReport
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus, ReportStatus

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBER = "+15550100001"
REMOTE = "+15550200002"
LEASE = 30.0
DECISIVE_CODES = {
    OutcomeStatus.SENT: OutcomeCode.SENT,
    OutcomeStatus.HELD: OutcomeCode.GATE_OFF,
    OutcomeStatus.BLOCKED: OutcomeCode.RECIPIENT_OPTED_OUT,
    OutcomeStatus.FAILED: OutcomeCode.PROVIDER_REJECTED,
    OutcomeStatus.UNCERTAIN: OutcomeCode.AMBIGUOUS,
}


class FakeClock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.instant = START

    def __call__(self) -> datetime:
        return self.instant

    def advance(self, seconds: float) -> datetime:
        self.instant += timedelta(seconds=seconds)
        return self.instant


class Decide(Protocol):
    """Decides on a held text, as the control plane does; False where it does not wait."""

    async def __call__(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
    ) -> bool: ...


class SetScope(Protocol):
    """Sets of which numbers of a tenant an opt-out is, as the control plane does."""

    async def __call__(self, tenant_id: str, scope: OptOutScope) -> None: ...


class SetFailover(Protocol):
    """Sets the connections that a number falls back on, as the control plane does."""

    async def __call__(
        self, tenant_id: str, address: str, connection_ids: Sequence[str]
    ) -> None: ...


@dataclass(frozen=True)
class Stores:
    """Every port over one empty database."""

    clock: FakeClock
    directory: Directory
    inbound: InboundStore
    outbound: OutboundStore
    executions: Executions
    connections: Connections
    leases: Leases
    decide: Decide
    consents: ConsentLedger
    conversations: Conversations
    scope: SetScope
    limits: Limits
    circuits: Circuits
    failover: SetFailover


def new_text(key: str = "1", *, at: float = 0, **changes: Any) -> NewInbound:
    """An inbound text; `key` is the provider's message ID, `at` seconds after the start."""
    instant = START + timedelta(seconds=at)
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "connection_id": "line",
        "provider": "acs",
        "provider_message_id": key,
        "agent_id": "support",
        "number": NUMBER,
        "remote": REMOTE,
        "body": f"text {key}",
        "segments": 1,
        "keyword": None,
        "at": instant,
        "accepted_at": instant,
        "traceparent": None,
    }
    return NewInbound(**(fields | changes))


def new_outbound(command: str = "answer", index: int = 0, **changes: Any) -> NewOutbound:
    """An outbound text of a command."""
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "agent_id": "support",
        "command_id": command,
        "index": index,
        "digest": "d1",
        "connection_id": "line",
        "provider": "acs",
        "number": NUMBER,
        "remote": REMOTE,
        "original_to": "0555 0200002",
        "body": "$shortened: {ok}",
        "original_body": "$shortened: {ok} and more",
        "truncated": True,
        "encoding": "GSM-7",
        "segments": 1,
        "in_reply_to": None,
        "tag": None,
        "expires_at": None,
        "traceparent": None,
    }
    return NewOutbound(**(fields | changes))


def new_consent(
    about: str | None = "stop", *, at: float = 0, opted_out: bool = True, **changes: Any
) -> NewConsent:
    """An entry of the ledger; `about` is the inbound text, `at` seconds after the start."""
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "number": NUMBER,
        "remote": REMOTE,
        "opted_out": opted_out,
        "at": START + timedelta(seconds=at),
        "source": ConsentSource.KEYWORD,
        "rule": "STOP" if opted_out else "START",
        "who": "remote",
        "message_id": about,
    }
    return NewConsent(**(fields | changes))


def outcome_of(
    text: NewOutbound, status: OutcomeStatus = OutcomeStatus.SENT, **changes: Any
) -> Outcome:
    """An outcome of a text; a sent one has the provider's ID `p-<command>-<index>`."""
    sent = status is OutcomeStatus.SENT
    fields: dict[str, Any] = {
        "command_id": text.command_id,
        "status": status,
        "code": DECISIVE_CODES[status],
        "message": "$told {to} a model",
        "message_id": text.id,
        "provider_message_id": f"p-{text.command_id}-{text.index}" if sent else None,
        "to": text.remote,
        "original_to": text.original_to,
        "body": text.body,
        "original_body": text.original_body,
        "truncated": text.truncated,
        "encoding": text.encoding,
        "segments": text.segments,
        "at": START,
    }
    return Outcome(**(fields | changes))


def new_report(
    text: NewOutbound, status: ReportStatus = ReportStatus.DELIVERED, **changes: Any
) -> NewReport:
    """A report on a text, which names it both ways."""
    fields: dict[str, Any] = {
        "tenant_id": text.tenant_id,
        "provider": text.provider,
        "provider_message_id": f"p-{text.command_id}-{text.index}",
        "reference": text.id,
        "status": status,
        "code": "2000",
        "details": "$detail",
        "at": START + timedelta(seconds=5),
        "accepted_at": START + timedelta(seconds=6),
    }
    return NewReport(**(fields | changes))


async def record(stores: Stores, *texts: NewInbound, owner: str = "one") -> list[Inbound]:
    """Record inbound texts with the usual lease."""
    return list(await stores.inbound.record(texts, owner=owner, lease=LEASE))


async def send(
    stores: Stores, text: NewOutbound, status: OutcomeStatus = OutcomeStatus.SENT
) -> Outcome:
    """Claim a text, begin its call and finish it."""
    await stores.outbound.claim([text], owner="one", lease=LEASE)
    assert await stores.outbound.begin(text.tenant_id, text.id, owner="one", lease=LEASE)
    outcome = outcome_of(text, status)
    return await stores.outbound.finish(text.tenant_id, text.id, owner="one", outcome=outcome)


async def history(stores: Stores, after: Inbound, limit: int = 10) -> list[tuple[str, str]]:
    """Body and status of the texts before one, as its turn would show them."""
    histories = await stores.inbound.histories([after], limit=limit)
    return [(past.body, past.status) for past in histories[after.id]]
