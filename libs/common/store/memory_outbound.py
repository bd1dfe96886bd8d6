"""Outbound texts in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from common.store.approvals import decided
from common.store.circuit_documents import detour_document
from common.store.claims import (
    LEFT_US,
    OUTCOME_RANK,
    claim_of_outbound,
    given_up,
    left_us,
    needs_lease,
    next_part,
)
from common.store.clock import after
from common.store.control import SYSTEM, NewBody
from common.store.documents import (
    OUTBOUND,
    outbound_document,
    outcome_document,
    read_outbound,
    read_outcome,
    read_route,
    refused_outbound,
)
from common.store.memory_database import Document, Memory
from common.store.ports import LeaseLost
from common.store.records import (
    RANK_FINAL,
    ApprovalDecision,
    Claim,
    Detour,
    NewOutbound,
    Outbound,
    Route,
    SendState,
)
from common.store.schema import SENDING_SWITCH
from heliograph.models import Outcome, OutcomeStatus


class MemoryOutbound:
    """Outbound texts in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def route(self, tenant_id: str, number: str) -> Route | None:
        found = self._memory.numbers.get(f"{tenant_id}/{number}")
        if found is None:
            return None
        connection = self._memory.connections.get(found["connection"])
        agent = self._memory.agents.get(found["agent"])
        return read_route(
            found
            | {
                "connection": [connection] if connection else [],
                "ways": [
                    self._memory.connections[key]
                    for key in found.get("failover") or ()
                    if key in self._memory.connections
                ],
                "agent": [agent] if agent else [],
                "tenant": [self._memory.tenants.get(tenant_id, {})],
                "switch": [self._memory.switches.get(SENDING_SWITCH, {})],
            }
        )

    async def agent_of_user(self, bus_user: str) -> tuple[str, str] | None:
        for agent in self._memory.agents.values():
            if agent["bus_user"] == bus_user:
                return agent["tenant_id"], agent["agent_id"]
        return None

    async def claim(
        self, texts: Sequence[NewOutbound], *, owner: str, lease: float
    ) -> Sequence[Outbound]:
        now = self._memory.now()
        known = {text.id: self._memory.messages.get(text.id) for text in texts}
        if any(self._is_other(document, text) for text in texts for document in self._of(text)):
            return [refused_outbound(text, known[text.id], now) for text in texts]
        in_order = sorted(texts, key=lambda text: text.index)
        claimed = {text.id: self._claim(text, now, owner, after(now, lease)) for text in in_order}
        return [claimed[text.id] for text in texts]

    def _of(self, text: NewOutbound) -> list[Document]:
        """All that is known of a text's command."""
        command = (text.tenant_id, text.agent_id, text.command_id)
        return [
            item
            for item in self._memory.messages.values()
            if item["direction"] == OUTBOUND
            and (item["tenant_id"], item["agent_id"], item["command_id"]) == command
        ]

    @staticmethod
    def _is_other(document: Document, text: NewOutbound) -> bool:
        return bool(document["digest"] != text.digest)

    def _claim(self, text: NewOutbound, now: datetime, owner: str, until: datetime) -> Outbound:
        document = self._memory.messages.get(text.id)
        if document is None:
            document = outbound_document(
                text,
                text_id=text.id,
                seq=self._memory.next_seq(),
                now=now,
                owner=owner,
                lease_until=until,
            )
            self._memory.messages[text.id] = document
            return read_outbound(document, Claim.FRESH)
        claim = claim_of_outbound(document, text.digest, now)
        if claim is Claim.RESUMED:
            document |= {"lease_owner": owner, "lease_until": until}
        return read_outbound(document, claim)

    def _in_hand(self, tenant_id: str, message_id: str, owner: str) -> Document | None:
        document = self._memory.messages.get(message_id)
        if (
            document is None
            or document["direction"] != OUTBOUND
            or document["outcome"] is not None
            or (document["tenant_id"], document["lease_owner"]) != (tenant_id, owner)
        ):
            return None
        return document

    async def take_decided(
        self, tenant_id: str, message_id: str, *, owner: str, lease: float
    ) -> Outbound | None:
        now = self._memory.now()
        document = self._decided(tenant_id, message_id)
        if document is None:
            return None
        claim = claim_of_outbound(document, document["digest"], now)
        if claim is Claim.RESUMED:
            document |= {"lease_owner": owner, "lease_until": after(now, lease)}
        return read_outbound(document, claim)

    async def mark_told(self, tenant_id: str, message_id: str) -> None:
        document = self._decided(tenant_id, message_id)
        if document is not None and document["outcome"] is not None:
            document["approval"]["told_at"] = self._memory.now()

    async def decide(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
    ) -> bool:
        """What a person does in the control plane, which has no stand-in; False where the text does
        not wait for it."""
        document = self._memory.messages.get(message_id)
        if (
            document is None
            or document["tenant_id"] != tenant_id
            or document.get("state") != SendState.HELD.value
        ):
            return False
        now = self._memory.now()
        document |= decided(document, decision, body=body, reason=reason, by=SYSTEM, now=now)
        return True

    def _decided(self, tenant_id: str, message_id: str) -> Document | None:
        """A text on which somebody has decided, and whose agent does not know the end yet."""
        document = self._memory.messages.get(message_id)
        if document is None or document["tenant_id"] != tenant_id:
            return None
        approval = document.get("approval")
        return document if approval is not None and approval["told_at"] is None else None

    async def begin(
        self,
        tenant_id: str,
        message_id: str,
        *,
        owner: str,
        lease: float,
        via: Route | None = None,
        unsent: bool = False,
        detour: Detour | None = None,
        again: bool = False,
    ) -> bool:
        now = self._memory.now()
        document = self._in_hand(tenant_id, message_id, owner)
        if document is None:
            return False
        if via is not None and (unsent or document["state"] != SendState.SENDING.value):
            for name in ("connection_id", "provider", "account"):
                document[name] = getattr(via, name)
        if via is not None and detour is not None:
            made = detour_document(detour, via.connection_id, now)
            document["detours"] = [*document.get("detours", ()), made]
        document |= {
            "state": SendState.SENDING.value,
            "begun_at": now,
            "lease_until": after(now, lease),
            "attempts": document["attempts"] + (0 if again else 1),
        }
        return True

    async def wait(
        self,
        tenant_id: str,
        message_id: str,
        *,
        owner: str,
        ambiguous: bool,
        slot: datetime | None = None,
    ) -> None:
        document = self._in_hand(tenant_id, message_id, owner)
        if document is not None:
            document |= given_up(ambiguous, slot)

    async def advance(
        self, tenant_id: str, message_id: str, *, owner: str, provider_message_id: str | None
    ) -> Outbound | None:
        document = self._in_hand(tenant_id, message_id, owner)
        if document is None:
            return None
        document |= next_part(self._memory.now())
        document["part"] += 1
        document["part_ids"] = [*document["part_ids"], provider_message_id or ""]
        return read_outbound(document, Claim.RESUMED)

    async def finish(
        self, tenant_id: str, message_id: str, *, owner: str, outcome: Outcome
    ) -> Outcome:
        now = self._memory.now()
        document = self._memory.messages.get(message_id)
        if (
            document is None
            or document["tenant_id"] != tenant_id
            or document["direction"] != OUTBOUND
        ):
            raise LeaseLost("The text is not leased to this owner.")
        recorded = read_outcome(document)
        if recorded is not None:
            return recorded
        if needs_lease(outcome) and document["lease_owner"] != owner:
            raise LeaseLost("The text is not leased to this owner.")
        _record(document, outcome, now)
        return outcome


def _record(document: Document, outcome: Outcome, now: datetime) -> None:
    rank, held = OUTCOME_RANK[outcome.status], outcome.status is OutcomeStatus.HELD
    document |= {
        "outcome": outcome_document(outcome),
        "state": SendState.HELD.value if held else SendState.FINISHED.value,
        "open": held,
        "lease_owner": None,
        "lease_until": None,
        "held_at" if held else "finished_at": now,
    }
    if document["rank"] <= rank:
        document |= {"status": outcome.status.value, "rank": rank}
    if outcome.provider_message_id is not None:
        document["provider_message_id"] = outcome.provider_message_id
    if outcome.status is OutcomeStatus.SENT:
        document["sent_at"] = now
    if left_us(outcome):
        document |= {"in_history": True, "at": now}
    if outcome.status in LEFT_US and document["rank"] < RANK_FINAL:
        document["report_due_at"] = now
