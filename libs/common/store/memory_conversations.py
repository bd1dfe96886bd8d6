"""What the policy asks of a conversation, in memory, and the hold of a suspected loop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from common.store.clock import milliseconds
from common.store.consent_documents import conversation_facts
from common.store.documents import OUTBOUND, past_text
from common.store.memory_database import Memory
from common.store.records import ConversationFacts, conversation_id


class MemoryConversationFacts:
    """Facts and holds of conversations in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def facts(
        self,
        tenant_id: str,
        number: str,
        remote: str,
        *,
        limit: int,
        replies_since: datetime | None = None,
        replies_limit: int = 0,
    ) -> ConversationFacts:
        conversation = conversation_id(tenant_id, number, remote)
        texts = [
            item
            for item in self._memory.messages.values()
            if item["conversation_id"] == conversation and item["in_history"]
        ]
        texts.sort(key=lambda item: (item["at"], item["seq"]), reverse=True)
        newest = [past_text(item) for item in texts[: max(limit, 0)]]
        ours = [
            item["at"]
            for item in texts
            if item["direction"] == OUTBOUND
            and replies_since is not None
            and item["at"] > replies_since
        ]
        hold = self._memory.conversation_holds.get(conversation)
        return conversation_facts(hold, newest, ours[: max(replies_limit, 0)])

    async def hold(
        self, tenant_id: str, number: str, remote: str, *, reason: str, at: datetime
    ) -> None:
        conversation = conversation_id(tenant_id, number, remote)
        known = self._memory.conversation_holds.setdefault(
            conversation,
            {"_id": conversation, "tenant_id": tenant_id, "number": number, "remote": remote},
        )
        if known.get("held_since") is None:
            known |= {"held_since": milliseconds(at), "reason": reason}

    async def carried_by(
        self, tenant_id: str, number: str, remote: str, *, since: datetime
    ) -> str | None:
        conversation = conversation_id(tenant_id, number, remote)
        taken = [
            item
            for item in self._memory.messages.values()
            if item["conversation_id"] == conversation
            and item["in_history"]
            and item["direction"] == OUTBOUND
            and item["at"] > since
            and item["begun_at"] is not None
            and item["begun_at"] > since
            and item["sent_at"] is not None
        ]
        newest = max(taken, key=lambda item: (item["at"], item["seq"]), default=None)
        return newest["connection_id"] if newest is not None else None

    async def held(self, conversation_ids: Sequence[str]) -> frozenset[str]:
        holds = self._memory.conversation_holds
        return frozenset(
            key for key in conversation_ids if holds.get(key, {}).get("held_since") is not None
        )
