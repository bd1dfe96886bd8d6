"""The opt-out ledger as people read it, and what they enter themselves, in MongoDB."""

from __future__ import annotations

from datetime import datetime

from pymongo import DESCENDING, ReturnDocument

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.consent_documents import (
    entry_document,
    read_consent,
    read_entry,
    superseding,
)
from common.store.consents import LedgerEntry, NewConsent
from common.store.control import Actor, Page
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_audit import MongoAudit
from common.store.records import Consent, conversation_id
from common.store.schema import CONSENT_LEDGER, CONSENTS


class MongoConsents:
    """People's side of the ledger in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._entries = database.collection(CONSENT_LEDGER)
        self._consents = database.collection(CONSENTS)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def list(
        self,
        tenant_id: str,
        *,
        opted_out: bool | None = None,
        in_doubt: bool | None = None,
        number: str | None = None,
        remote: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Consent]:
        wanted = _wanted(tenant_id, opted_out, in_doubt, number, remote)
        if cursor is not None:
            at, last_id = read_cursor(cursor, datetime, str)
            wanted["$or"] = [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": last_id}}]
        found = self._consents.find(wanted).sort([("at", DESCENDING), ("_id", DESCENDING)])
        documents = await found.limit(limit + 1).to_list(None)
        shown = documents[:limit]
        more = bool(shown) and len(documents) > limit
        return Page(
            tuple(map(read_consent, shown)),
            write_cursor(shown[-1]["at"], shown[-1]["_id"]) if more else None,
        )

    @guarded
    async def get(self, tenant_id: str, number: str, remote: str) -> Consent | None:
        document = await self._consents.find_one(
            {"_id": conversation_id(tenant_id, number, remote), "tenant_id": tenant_id}
        )
        return read_consent(document) if document is not None else None

    @guarded
    async def history(
        self, tenant_id: str, number: str, remote: str, *, limit: int, cursor: str | None = None
    ) -> Page[LedgerEntry]:
        conversation = conversation_id(tenant_id, number, remote)
        wanted: Document = {"tenant_id": tenant_id, "conversation_id": conversation}
        if cursor is not None:
            at, last_id = read_cursor(cursor, datetime, str)
            wanted["$or"] = [
                {"recorded_at": {"$lt": at}},
                {"recorded_at": at, "_id": {"$lt": last_id}},
            ]
        newest_first = [("recorded_at", DESCENDING), ("_id", DESCENDING)]
        found = self._entries.find(wanted).sort(newest_first).limit(limit + 1)
        documents = await found.to_list(None)
        shown = documents[:limit]
        more = bool(shown) and len(documents) > limit
        return Page(
            tuple(map(read_entry, shown)),
            write_cursor(shown[-1]["recorded_at"], shown[-1]["_id"]) if more else None,
        )

    @guarded
    async def enter(self, entry: NewConsent, *, action: str, by: Actor) -> Consent:
        """As the port says."""

        async def work(session: Session) -> Document:
            now = milliseconds(self._clock())
            which = {"_id": entry.conversation_id, "tenant_id": entry.tenant_id}
            before = await self._consents.find_one(which, session=session)
            await self._entries.update_one(
                {"_id": entry.id},
                {"$setOnInsert": entry_document(entry, now)},
                upsert=True,
                session=session,
            )
            after: Document = await self._consents.find_one_and_update(
                {"_id": entry.conversation_id},
                superseding(entry, now),
                upsert=True,
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            await self._audit.note(
                session,
                tenant_id=entry.tenant_id,
                by=by,
                action=action,
                target=entry.conversation_id,
                before=_facts(before),
                after=_facts(after),
                note=entry.note,
            )
            return after

        return read_consent(await self._database.transact(work))


def _wanted(
    tenant_id: str,
    opted_out: bool | None,
    in_doubt: bool | None,
    number: str | None,
    remote: str | None,
) -> Document:
    given = {"opted_out": opted_out, "in_doubt": in_doubt, "number": number, "remote": remote}
    wanted: Document = {name: value for name, value in given.items() if value is not None}
    if in_doubt is False:  # Documents of earlier releases do not say.
        wanted["in_doubt"] = {"$ne": True}
    return {"tenant_id": tenant_id} | wanted


def _facts(document: Document | None) -> Document | None:
    """What the audit trail tells of a standing."""
    if document is None:
        return None
    consent = read_consent(document)
    return {"opted_out": consent.opted_out, "in_doubt": consent.in_doubt}
