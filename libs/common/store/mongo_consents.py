"""The opt-out ledger in MongoDB: entries are inserted and never changed, what stands is kept beside
them, and what an opt-out cancels is decided on as a person would decide on it.

An entry is there before what stands follows from it. A crash in between is mended by noting the
entry again, which every redelivery of its message does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from common.sending_rules import OptOutScope
from common.store.client import DUPLICATE_KEY, Database, Document, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.consent_documents import (
    CANCELLABLE,
    cancelling,
    entry_document,
    fence_of,
    is_cancelled,
    is_confirmation,
    notice_document,
    read_consent,
    superseding,
)
from common.store.consents import NewConsent
from common.store.control import Actor
from common.store.documents import OUTBOUND, read_outbound
from common.store.records import ApprovalDecision, Claim, Consent, NewOutbound, Outbound
from common.store.schema import CONSENT_LEDGER, CONSENTS, COUNTERS, MESSAGES, TENANTS
from common.store.sequence import reserve


class MongoConsentLedger:
    """The services' side of the ledger in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._entries = database.collection(CONSENT_LEDGER)
        self._consents = database.collection(CONSENTS)
        self._standing = database.majority(CONSENTS)
        self._tenants = database.majority(TENANTS)
        self._messages = database.collection(MESSAGES)
        self._counters = database.collection(COUNTERS)
        self._clock = clock

    @guarded
    async def note(self, entries: Sequence[NewConsent]) -> Sequence[Consent]:
        if not entries:
            return []
        now = milliseconds(self._clock())
        await self._insert([entry_document(entry, now) for entry in entries])
        await self._consents.bulk_write(
            [
                UpdateOne({"_id": entry.conversation_id}, superseding(entry, now), upsert=True)
                for entry in entries
            ]
        )
        ids = {entry.conversation_id for entry in entries}
        tenants = {entry.tenant_id for entry in entries}
        found = self._standing.find(
            {"_id": {"$in": list(ids)}, "tenant_id": {"$in": list(tenants)}}
        )
        by_id = {document["_id"]: read_consent(document) for document in await found.to_list(None)}
        return [by_id[entry.conversation_id] for entry in entries]

    async def _insert(self, documents: list[Document]) -> None:
        """Insert all; one that is there already has been noted before."""
        try:
            await self._entries.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            errors = error.details.get("writeErrors", [])
            other = any(item["code"] != DUPLICATE_KEY for item in errors)
            if other or error.details.get("writeConcernErrors"):
                raise

    @guarded
    async def of_remote(self, tenant_id: str, remote: str) -> Sequence[Consent]:
        return [read_consent(item) for item in await self._documents([(tenant_id, remote)])]

    @guarded
    async def of_remotes(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Consent]:
        return [read_consent(item) for item in await self._documents(pairs)]

    async def _documents(self, pairs: Sequence[tuple[str, str]]) -> list[Document]:
        """One read of the index for each tenant."""
        if not pairs:
            return []
        remotes: dict[str, set[str]] = {}
        for tenant_id, remote in pairs:
            remotes.setdefault(tenant_id, set()).add(remote)
        each = [
            {"tenant_id": tenant_id, "remote": {"$in": list(theirs)}}
            for tenant_id, theirs in remotes.items()
        ]
        documents: list[Document] = await self._standing.find({"$or": each}).to_list(None)
        return documents

    @guarded
    async def scopes(self, tenant_ids: frozenset[str]) -> Mapping[str, OptOutScope]:
        found = self._tenants.find({"_id": {"$in": list(tenant_ids)}}, {"opt_out_scope": True})
        set_ones = {
            item["_id"]: OptOutScope(item["opt_out_scope"])
            for item in await found.to_list(None)
            if item.get("opt_out_scope")
        }
        return {tenant_id: set_ones.get(tenant_id, OptOutScope.NUMBER) for tenant_id in tenant_ids}

    @guarded
    async def cancel(self, entries: Sequence[NewConsent]) -> Sequence[Outbound]:
        targets = {
            (entry.tenant_id, entry.remote, entry.number): entry
            for entry in entries
            if entry.opted_out
        }
        if not targets:
            return []
        scopes = await self.scopes(frozenset(entry.tenant_id for entry in targets.values()))
        changed: dict[str, Outbound] = {}
        for entry in targets.values():
            for text in await self._cancel(entry, scopes[entry.tenant_id]):
                changed[text.id] = text
        return list(changed.values())

    async def _cancel(self, entry: NewConsent, scope: OptOutScope) -> list[Outbound]:
        consents = await self._documents([(entry.tenant_id, entry.remote)])
        fence = fence_of(consents, entry.number, scope)
        if fence is None:
            return []
        now = milliseconds(self._clock())
        found = await self._messages.find(open_texts(entry, scope, fence)).to_list(None)
        texts = [
            text if is_cancelled(text) else await self._cancel_one(text, now)
            for text in found
            if not is_confirmation(text, consents)
        ]
        return [read_outbound(text, Claim.RESUMED) for text in texts if text is not None]

    async def _cancel_one(self, text: Document, now: datetime) -> Document | None:
        """One step, whatever a person or a sender does meanwhile; None where a provider call has
        begun, the text has ended, or another opt-out has cancelled it. A sender that has it in hand
        loses its lease, and with it the right to begin a call."""
        changed: Document | None = await self._messages.find_one_and_update(
            {
                "_id": text["_id"],
                "tenant_id": text["tenant_id"],
                "open": True,
                "state": {"$in": list(CANCELLABLE)},
                "approval.decision": {"$ne": ApprovalDecision.CANCELLED.value},
            },
            cancelling(text, now),
            return_document=ReturnDocument.AFTER,
        )
        return changed

    @guarded
    async def answer(self, text: NewOutbound, *, by: Actor) -> bool:
        known = await self._messages.find_one(
            {"_id": text.id, "tenant_id": text.tenant_id}, {"_id": True}
        )
        if known is not None:
            return False
        seq = await reserve(self._counters, 1)
        now = milliseconds(self._clock())
        try:
            await self._messages.insert_one(notice_document(text, seq=seq, by=by, now=now))
        except DuplicateKeyError:
            return False
        return True


def open_texts(entry: NewConsent, scope: OptOutScope, fence: datetime) -> Document:
    """The texts that an opt-out cancels; found by the index of open texts."""
    wanted: Document = {
        "tenant_id": entry.tenant_id,
        "remote": entry.remote,
        "open": True,
        "direction": OUTBOUND,
        "state": {"$in": list(CANCELLABLE)},
        "claimed_at": {"$lte": fence},
    }
    return wanted if scope is OptOutScope.TENANT else wanted | {"number": entry.number}
