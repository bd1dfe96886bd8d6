"""The store in memory, for unit tests: the same documents as in MongoDB, the same answers.

One `Memory` is the database; the classes over it stand for the MongoDB ones. Nothing awaits in the
middle of a change, so each method is atomic on one event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.store.claims import claim_of_inbound, settle_repeats
from common.store.clock import after
from common.store.control import Page
from common.store.cursor import read_cursor, write_cursor
from common.store.documents import (
    INBOUND,
    inbound_document,
    past_text,
    read_inbound,
)
from common.store.lives import executions, names_of
from common.store.memory_connections import MemoryConnections, MemoryLeases
from common.store.memory_consents import MemoryConsentLedger
from common.store.memory_conversations import MemoryConversationFacts
from common.store.memory_database import Document, Memory
from common.store.memory_outbound import MemoryOutbound
from common.store.memory_reports import MemoryReports
from common.store.records import (
    Claim,
    Execution,
    Inbound,
    NewInbound,
    PastText,
    RegisteredNumber,
)

__all__ = [
    "Memory",
    "MemoryConnections",
    "MemoryConsentLedger",
    "MemoryConversationFacts",
    "MemoryDirectory",
    "MemoryExecutions",
    "MemoryInbound",
    "MemoryLeases",
    "MemoryOutbound",
]


class MemoryDirectory:
    """The directory in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def all_numbers(self) -> Sequence[RegisteredNumber]:
        return [
            RegisteredNumber(
                tenant_id=number["tenant_id"],
                connection_id=number["connection_id"],
                provider=number["provider"],
                address=number["address"],
                agent_id=number["agent_id"],
            )
            for number in self._memory.numbers.values()
            if number["connected"]
        ]

    async def find_number(self, address: str) -> RegisteredNumber | None:
        numbers = await self.all_numbers()
        return next((number for number in numbers if number.address == address), None)

    async def ping(self) -> None:
        self._memory.require()


class MemoryInbound(MemoryReports):
    """Inbound texts and delivery reports in memory."""

    async def record(
        self, texts: Sequence[NewInbound], *, owner: str, lease: float
    ) -> Sequence[Inbound]:
        now = self._memory.now()
        ids = [text.id for text in texts]
        unique = dict(zip(reversed(ids), reversed(texts), strict=True))
        recorded = {
            text_id: self._record(text_id, text, now, owner, after(now, lease))
            for text_id, text in sorted(unique.items(), key=lambda item: item[1].at)
        }
        results = settle_repeats(ids, recorded)
        for item in results:
            if item.claim is Claim.FINISHED:
                document = self._memory.messages[item.id]
                document["duplicates"] += 1
                document["duplicate_at"] = now
        return results

    def _record(
        self, text_id: str, text: NewInbound, now: datetime, owner: str, until: datetime
    ) -> Inbound:
        document = self._memory.messages.get(text_id)
        if document is None:
            document = inbound_document(
                text,
                text_id=text_id,
                seq=self._memory.next_seq(),
                now=now,
                owner=owner,
                lease_until=until,
            )
            self._memory.messages[text_id] = document
            return read_inbound(document, Claim.FRESH)
        claim = claim_of_inbound(document, now, owner)
        if claim is Claim.RESUMED:
            document |= {"lease_owner": owner, "lease_until": until}
        return read_inbound(document, claim)

    async def histories(
        self, texts: Sequence[Inbound], *, limit: int
    ) -> Mapping[str, Sequence[PastText]]:
        in_history = [item for item in self._memory.messages.values() if item["in_history"]]
        in_history.sort(key=lambda item: (item["at"], item["seq"]))
        return {
            text.id: [
                past_text(item)
                for item in in_history
                if item["conversation_id"] == text.text.conversation_id and item["seq"] < text.seq
            ][-limit:]
            if limit > 0
            else []
            for text in texts
        }

    async def mark_handed_over(self, ids: Sequence[str], *, tenant_ids: frozenset[str]) -> None:
        now = self._memory.now()
        for text_id in ids:
            document = self._memory.messages.get(text_id)
            if (
                document is not None
                and document["tenant_id"] in tenant_ids
                and document["direction"] == INBOUND
                and document["handed_over_at"] is None
            ):
                document |= {"handed_over_at": now, "lease_owner": None}


class MemoryExecutions:
    """Executions in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def of_message(self, tenant_id: str, message_id: str) -> Execution | None:
        document = self._memory.messages.get(message_id)
        if not document or (document["tenant_id"], document["direction"]) != (tenant_id, INBOUND):
            return None
        return self._with_answers(tenant_id, [document])[0]

    async def latest(self, tenant_id: str, *, limit: int) -> Sequence[Execution]:
        return self._with_answers(tenant_id, self._newest(tenant_id)[: max(limit, 0)])

    async def page(
        self,
        tenant_id: str,
        *,
        number: str | None = None,
        remote: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Execution]:
        found = [
            item
            for item in self._newest(tenant_id)
            if (number is None or item["number"] == number)
            and (remote is None or item["remote"] == remote)
            and (since is None or item["at"] >= since)
            and (until is None or item["at"] <= until)
        ]
        if cursor is not None:
            (below,) = read_cursor(cursor, int)
            found = [item for item in found if item["seq"] < below]
        shown = found[:limit]
        items = tuple(self._with_answers(tenant_id, shown))
        return Page(items, write_cursor(shown[-1]["seq"]) if len(found) > limit else None)

    def _newest(self, tenant_id: str) -> list[Document]:
        texts = [
            item
            for item in self._memory.messages.values()
            if (item["tenant_id"], item["direction"]) == (tenant_id, INBOUND)
        ]
        return sorted(texts, key=lambda item: item["seq"], reverse=True)

    def _with_answers(self, tenant_id: str, inbounds: list[Document]) -> list[Execution]:
        names = {name for inbound in inbounds for name in names_of(inbound["_id"])}
        answers = [
            item
            for item in self._memory.messages.values()
            if item["tenant_id"] == tenant_id and item.get("in_reply_to") in names
        ]
        return executions(inbounds, answers)
