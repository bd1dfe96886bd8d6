"""The audit trail in MongoDB: written in the transaction of what it tells of, never changed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import DESCENDING

from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor, AuditEntry, Page
from common.store.cursor import read_cursor, write_cursor
from common.store.mongo_walk import between
from common.store.schema import AUDIT

_SLACK: Final = 60.0
"""Seconds."""


class MongoAudit:
    """The audit trail in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._entries = database.collection(AUDIT)
        self._clock = clock

    async def note(
        self,
        session: Session | None,
        *,
        tenant_id: str | None,
        by: Actor,
        action: str,
        target: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> None:
        """Add an entry, in the transaction of `session`. Of `before` and `after`, which hold no
        secrets, only what differs is kept."""
        before, after = difference(before, after)
        await self._entries.insert_one(
            {
                "_id": _rising_id(),
                "tenant_id": tenant_id,
                "at": milliseconds(self._clock()),
                "actor": {"kind": by.kind, "id": by.id, "name": by.name, "role": by.role},
                "action": action,
                "target": target,
                "before": before,
                "after": after,
                "note": note,
            },
            session=session,
        )

    @guarded
    async def append(
        self,
        *,
        tenant_id: str | None,
        actor: Actor,
        action: str,
        target: str,
        note: str | None = None,
    ) -> None:
        await self.note(
            None, tenant_id=tenant_id, by=actor, action=action, target=target, note=note
        )

    @guarded
    async def list(
        self,
        tenant_id: str | None,
        *,
        action: str | None = None,
        target: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        wanted: Document = {} if tenant_id is None else {"tenant_id": tenant_id}
        if action is not None:
            wanted["action"] = action
        if target is not None:
            wanted["target"] = target
        if actor is not None:
            wanted["$or"] = [{"actor.id": actor}, {"actor.name": actor}]
        wanted |= between(since, until)
        ids = ids_between(since, until)
        if cursor is not None:
            (after,) = read_cursor(cursor, str)
            ids["$lt"] = min(after, ids.get("$lt", after))
        if ids:
            wanted["_id"] = ids
        found = self._entries.find(wanted).sort("_id", DESCENDING).limit(limit + 1)
        documents = await found.to_list(None)
        items = tuple(_read(document) for document in documents[:limit])
        more = len(documents) > limit
        return Page(items, write_cursor(items[-1].id) if more and items else None)


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The fields that differ, on both sides; all of them where one side is missing."""
    if before is None or after is None:
        return (
            dict(before) if before is not None else None,
            dict(after) if after is not None else None,
        )
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def _rising_id() -> str:
    """An ID that sorts by the instant: 48 bits of milliseconds, then chance (as UUID version 7, RFC
    9562, section 5.7)."""
    return f"{_first_id(time.time_ns() // 1_000_000)}{uuid.uuid4().hex[:20]}"


def _first_id(ms: int) -> str:
    """What every ID of this millisecond and of later ones sorts behind."""
    return f"{min(max(ms, 0), 2**48 - 1):012x}"


def ids_between(since: datetime | None, until: datetime | None) -> dict[str, str]:
    """The IDs of a time, which the index finds. An entry's ID and its instant are read from the
    clock one after the other, hence the slack."""
    ids = {}
    if since is not None:
        ids["$gte"] = _first_id(int((since.timestamp() - _SLACK) * 1_000))
    if until is not None:
        ids["$lt"] = _first_id(int((until.timestamp() + _SLACK) * 1_000))
    return ids


def _read(document: Document) -> AuditEntry:
    at: datetime = document["at"]
    return AuditEntry(
        id=document["_id"],
        tenant_id=document["tenant_id"],
        at=at,
        actor=Actor(**document["actor"]),
        action=document["action"],
        target=document["target"],
        before=document["before"],
        after=document["after"],
        note=document["note"],
    )
