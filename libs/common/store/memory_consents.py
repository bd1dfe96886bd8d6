"""The opt-out ledger in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.sending_rules import OptOutScope
from common.store.consent_documents import (
    CANCELLABLE,
    cancelled,
    entry_document,
    fence_of,
    is_cancelled,
    is_confirmation,
    notice_document,
    read_consent,
    superseded,
)
from common.store.consents import NewConsent
from common.store.control import Actor
from common.store.documents import OUTBOUND, read_outbound
from common.store.memory_database import Document, Memory
from common.store.records import Claim, Consent, NewOutbound, Outbound


class MemoryConsentLedger:
    """The services' side of the ledger in memory."""

    def __init__(self, memory: Memory):
        self._memory = memory

    async def note(self, entries: Sequence[NewConsent]) -> Sequence[Consent]:
        now = self._memory.now()
        consents = self._memory.consents
        for entry in entries:
            self._memory.consent_ledger.setdefault(entry.id, entry_document(entry, now))
            new = superseded(consents.get(entry.conversation_id), entry, now)
            if new is not None:
                consents[entry.conversation_id] = new
        return [read_consent(consents[entry.conversation_id]) for entry in entries]

    async def of_remote(self, tenant_id: str, remote: str) -> Sequence[Consent]:
        return await self.of_remotes([(tenant_id, remote)])

    async def of_remotes(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Consent]:
        return [read_consent(item) for item in self._documents(pairs)]

    def _documents(self, pairs: Sequence[tuple[str, str]]) -> list[Document]:
        wanted = set(pairs)
        return [
            item
            for item in self._memory.consents.values()
            if (item["tenant_id"], item["remote"]) in wanted
        ]

    async def scopes(self, tenant_ids: frozenset[str]) -> Mapping[str, OptOutScope]:
        tenants = self._memory.tenants
        return {
            tenant_id: OptOutScope(
                tenants.get(tenant_id, {}).get("opt_out_scope") or OptOutScope.NUMBER
            )
            for tenant_id in tenant_ids
        }

    async def cancel(self, entries: Sequence[NewConsent]) -> Sequence[Outbound]:
        out = [entry for entry in entries if entry.opted_out]
        scopes = await self.scopes(frozenset(entry.tenant_id for entry in out))
        changed = {
            text["_id"]: text
            for entry in out
            for text in self._cancel(entry, scopes[entry.tenant_id])
        }
        return [read_outbound(text, Claim.RESUMED) for text in changed.values()]

    def _cancel(self, entry: NewConsent, scope: OptOutScope) -> list[Document]:
        consents = self._documents([(entry.tenant_id, entry.remote)])
        fence = fence_of(consents, entry.number, scope)
        if fence is None:
            return []
        now = self._memory.now()
        texts = [
            text
            for text in self._open_texts(entry, scope)
            if text["claimed_at"] <= fence and not is_confirmation(text, consents)
        ]
        for text in texts:
            if not is_cancelled(text):
                text.update(cancelled(text, now))
        return texts

    def _open_texts(self, entry: NewConsent, scope: OptOutScope) -> list[Document]:
        return [
            text
            for text in self._memory.messages.values()
            if text["direction"] == OUTBOUND
            and text["open"]
            and text["state"] in CANCELLABLE
            and (text["tenant_id"], text["remote"]) == (entry.tenant_id, entry.remote)
            and (scope is OptOutScope.TENANT or text["number"] == entry.number)
        ]

    async def answer(self, text: NewOutbound, *, by: Actor) -> bool:
        now = self._memory.now()
        if text.id in self._memory.messages:
            return False
        seq = self._memory.next_seq()
        self._memory.messages[text.id] = notice_document(text, seq=seq, by=by, now=now)
        return True
