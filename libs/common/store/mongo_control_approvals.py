"""Held texts in MongoDB: who decides first has decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo import ASCENDING, ReturnDocument

from common.store.approvals import decided, expires_at, read_approval, reminded
from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import SYSTEM, Actor, Approval, NewBody, Page
from common.store.control_ports import AlreadyDecided, NotFound
from common.store.cursor import read_cursor, write_cursor
from common.store.documents import OUTBOUND
from common.store.mongo_audit import MongoAudit
from common.store.records import ApprovalDecision, SendState
from common.store.schema import MESSAGES

DAY: Final = 86_400.0
_WAITS: Final = {"state": SendState.HELD.value}
_RELEASED: Final = {"state": SendState.RELEASED.value}


class MongoApprovals:
    """Held texts in MongoDB.

    Args:
        ttl: seconds after which a text that nobody has decided on can no longer be approved.
    """

    def __init__(self, database: Database, *, ttl: float = DAY, clock: Clock = utc_now):
        self._database = database
        self._messages = database.collection(MESSAGES)
        self._audit = MongoAudit(database, clock=clock)
        self._ttl = ttl
        self._clock = clock

    @guarded
    async def list(
        self, tenant_id: str, *, number: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        wanted: Document = {"tenant_id": tenant_id} | _WAITS
        if number is not None:
            wanted["number"] = number
        if cursor is not None:
            at, message_id = read_cursor(cursor, datetime, str)
            wanted["$or"] = [
                {"held_at": {"$gt": at}},
                {"held_at": at, "_id": {"$gt": message_id}},
            ]
        found = self._messages.find(wanted).sort([("held_at", ASCENDING), ("_id", ASCENDING)])
        documents = await found.limit(limit + 1).to_list(None)
        items = tuple(self._read(document) for document in documents[:limit])
        more = len(documents) > limit
        last = items[-1] if items else None
        return Page(items, write_cursor(last.held_at, last.message_id) if more and last else None)

    @guarded
    async def get(self, tenant_id: str, message_id: str) -> Approval | None:
        document = await self._messages.find_one(_once_held(tenant_id, message_id))
        return self._read(document) if document is not None else None

    @guarded
    async def decide(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
        by: Actor,
    ) -> Approval:
        """As the port says."""

        async def work(session: Session) -> tuple[Document, bool]:
            held = await self._messages.find_one(_once_held(tenant_id, message_id), session=session)
            if held is None:
                raise NotFound("The tenant has no held text with this ID.")
            now = milliseconds(self._clock())
            if expires_at(held, self._ttl) <= now:
                expired = ApprovalDecision.EXPIRED
                document, mine = await self._record(session, held, expired, SYSTEM, now)
                return document, mine and decision is expired
            return await self._record(session, held, decision, by, now, body=body, reason=reason)

        document, as_wanted = await self._database.transact(work)
        approval = self._read(document)
        if not as_wanted:
            raise AlreadyDecided(approval)
        return approval

    async def _record(
        self,
        session: Session,
        held: Document,
        decision: ApprovalDecision,
        by: Actor,
        now: datetime,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
    ) -> tuple[Document, bool]:
        """Compare and set: the text as it is now, and whether this made it so. Where another
        decides meanwhile, the server ends the transaction, and it is done again."""
        changed: Document | None = await self._messages.find_one_and_update(
            {"_id": held["_id"], "tenant_id": held["tenant_id"]} | _WAITS,
            {"$set": decided(held, decision, body=body, reason=reason, by=by, now=now)},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if changed is None:
            return held, False
        await self._audit.note(
            session,
            tenant_id=held["tenant_id"],
            by=by,
            action=f"approval.{decision.value}",
            target=held["_id"],
            after={"edited": body is not None, "reason": reason},
        )
        return changed, True

    @guarded
    async def expire(self, *, limit: int) -> Sequence[Approval]:
        now = milliseconds(self._clock())
        old = {"held_at": {"$lte": now - timedelta(seconds=self._ttl)}}
        late = {"expires_at": {"$lte": now}}
        found = self._messages.find({"$or": [_WAITS | old, _WAITS | late]}, {"tenant_id": True})
        over = []
        for text in await found.limit(limit).to_list(None):
            try:
                over.append(
                    await self.decide(
                        text["tenant_id"], text["_id"], ApprovalDecision.EXPIRED, by=SYSTEM
                    )
                )
            except AlreadyDecided:
                continue
        return over

    @guarded
    async def unfinished(self, *, older_than: float, limit: int) -> Sequence[Approval]:
        now = milliseconds(self._clock())
        found = self._messages.find(
            _RELEASED
            | {"approval.remind_at": {"$lte": now - timedelta(seconds=older_than)}}
            | {"$or": [{"lease_until": None}, {"lease_until": {"$lt": now}}]}
        )
        due = await found.sort("approval.remind_at", ASCENDING).limit(limit).to_list(None)
        return [self._read(text) for text in due if await self._remind(text, older_than, now)]

    async def _remind(self, text: Document, pause: float, now: datetime) -> bool:
        """Put the next reminder off; False where another replica has done so."""
        approval: dict[str, Any] = text["approval"]
        changed = await self._messages.update_one(
            _RELEASED
            | {
                "_id": text["_id"],
                "tenant_id": text["tenant_id"],
                "approval.remind_at": approval["remind_at"],
            },
            {
                "$set": {"approval.remind_at": reminded(approval, pause, now)},
                "$inc": {"approval.reminders": 1},
            },
        )
        return changed.matched_count == 1

    def _read(self, document: Document) -> Approval:
        return read_approval(document, self._ttl)


def _once_held(tenant_id: str, message_id: str) -> Document:
    """A text that waits or was decided: whatever was held keeps the instant."""
    return {
        "_id": message_id,
        "tenant_id": tenant_id,
        "direction": OUTBOUND,
        "held_at": {"$ne": None},
    }
