"""What MongoDB knows of parked messages, and where it is kept what people have done with them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from common.command_digest import digest_of
from common.store.client import Database, Document, Session, guarded
from common.store.clock import Clock, milliseconds, utc_now
from common.store.control import Actor
from common.store.dead_letter_ports import Deed, Original, ParkedAct, Standing
from common.store.documents import INBOUND, OUTBOUND
from common.store.mongo_audit import MongoAudit
from common.store.mongo_reports import MongoReports
from common.store.records import REPORT_RANK, NewReport, inbound_id, outbound_id
from common.store.schema import DEAD_LETTER_ORIGINALS, MESSAGES
from heliograph.models import MAX_RECIPIENTS, SendCommand

ORIGINALS_KEPT: Final = timedelta(days=90)
"""For so long it can be seen what an edit replaced: it may hold a person's words."""

_DONE: Final = {
    Deed.READ: "read",
    Deed.EDIT: "edited",
    Deed.REPLAY: "replayed",
    Deed.DROP: "dropped",
}


def begun_action(deed: Deed) -> str:
    """The audit trail's name of a deed that was begun."""
    return f"dead_letter.{deed.value}_begun"


def done_action(deed: Deed) -> str:
    """The audit trail's name of a deed that was done."""
    return f"dead_letter.{_DONE[deed]}"


class MongoParked:
    """The store behind the desk for dead letters, in MongoDB. Every reading is from a majority, so
    that no failover undoes what a forecast rests on."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._database = database
        self._messages = database.majority(MESSAGES)
        self._originals = database.collection(DEAD_LETTER_ORIGINALS)
        self._edits = database.majority(DEAD_LETTER_ORIGINALS)
        self._reports = MongoReports(database)
        self._audit = MongoAudit(database, clock=clock)
        self._clock = clock

    @guarded
    async def inbound(self, tenant_id: str, provider: str, provider_message_id: str) -> Standing:
        text_id = inbound_id(tenant_id, provider, provider_message_id)
        found = await self._one(tenant_id, INBOUND, text_id, handed_over_at=True)
        if found is None:
            return Standing.UNKNOWN
        return Standing.OPEN if found["handed_over_at"] is None else Standing.FINISHED

    @guarded
    async def command(self, command: SendCommand) -> Standing:
        ids = [
            outbound_id(command.tenant_id, command.agent_id, command.command_id, index)
            for index in range(MAX_RECIPIENTS)
        ]
        found = self._messages.find(
            {"_id": {"$in": ids}, "tenant_id": command.tenant_id, "direction": OUTBOUND},
            {"digest": True, "outcome.status": True},
        )
        texts = await found.to_list(None)
        if not texts:
            return Standing.UNKNOWN
        if any(text["digest"] != digest_of(command) for text in texts):
            return Standing.OTHER_CONTENT
        finished = all(text.get("outcome") for text in texts)
        # Fewer where a crash came between two inserts: the rest is still to be claimed. More than
        # there are texts where a recipient is named twice; such a command counts as open.
        whole = len(texts) >= len(set(command.recipients))
        return Standing.FINISHED if finished and whole else Standing.OPEN

    @guarded
    async def report(self, report: NewReport) -> Standing:
        text_id = await self._reports.text_of(report)
        if text_id is None:
            return Standing.UNKNOWN
        found = await self._one(
            report.tenant_id, OUTBOUND, text_id, rank=True, report=True, part_reports=True
        )
        if found is None:
            return Standing.UNKNOWN
        noted = {(item or {}).get("id") for item in found.get("part_reports") or ()}
        known = report.id in noted or found.get("rank", -1) >= REPORT_RANK[report.status]
        return Standing.FINISHED if known else Standing.OPEN

    @guarded
    async def decided(self, tenant_id: str, message_id: str) -> Standing:
        found = await self._one(tenant_id, OUTBOUND, message_id, approval=True)
        approval = (found or {}).get("approval")
        if not approval:
            return Standing.UNKNOWN
        return Standing.OPEN if approval.get("told_at") is None else Standing.FINISHED

    @guarded
    async def answered(self, tenant_id: str, message_id: str) -> bool:
        answer = {"tenant_id": tenant_id, "in_reply_to": {"$eq": message_id, "$gt": ""}}
        return await self._messages.find_one(answer, {"_id": True}) is not None

    async def _one(
        self, tenant_id: str, direction: str, text_id: str, **fields: bool
    ) -> Document | None:
        wanted = {"_id": text_id, "tenant_id": tenant_id, "direction": direction}
        found: Document | None = await self._messages.find_one(wanted, fields)
        return found

    @guarded
    async def original(self, ref: str) -> Original | None:
        found = await self._originals.find_one({"_id": ref})
        if found is None:
            return None
        names = ("of", "type", "edited_at", "edited_by", "why")
        return Original(ref=ref, body=bytes(found["body"]), **{name: found[name] for name in names})

    @guarded
    async def edited(self, ref: str) -> Standing:
        found = await self._edits.find({"of": ref}, {"done": True}).to_list(None)
        if not found:
            return Standing.UNKNOWN
        return Standing.FINISHED if any(it.get("done") for it in found) else Standing.OPEN

    @guarded
    async def begin(
        self,
        deed: Deed,
        acts: Sequence[ParkedAct],
        *,
        by: Actor,
        why: str,
        original: Original | None = None,
    ) -> str:
        deed_id = uuid.uuid4().hex

        async def work(session: Session) -> None:
            if original is not None:
                await self._keep(original, acts[0], session)
            await self._note(session, begun_action(deed), deed_id, acts, by=by, why=why)

        await self._database.transact(work)
        return deed_id

    @guarded
    async def end(
        self, deed: Deed, deed_id: str, acts: Sequence[ParkedAct], *, by: Actor, why: str
    ) -> None:
        async def work(session: Session) -> None:
            if deed is Deed.EDIT:
                await self._originals.update_many(
                    {"of": {"$in": [act.ref for act in acts]}},
                    {"$set": {"done": True}},
                    session=session,
                )
            await self._note(session, done_action(deed), deed_id, acts, by=by, why=why)

        await self._database.transact(work)

    async def _keep(self, original: Original, act: ParkedAct, session: Session) -> None:
        document: dict[str, Any] = {
            "tenant_id": act.tenant_id,
            "queue": act.queue,
            "of": original.of,
            "type": original.type,
            "body": original.body,
            "edited_at": milliseconds(original.edited_at),
            "edited_by": original.edited_by,
            "why": original.why,
            "expires_at": milliseconds(original.edited_at + ORIGINALS_KEPT),
        }
        # Edited back to what it was: the message that was edited away is the one that counts again.
        await self._originals.delete_many({"of": original.ref}, session=session)
        # The same edit again, after a crash: what it replaced was kept by the first.
        await self._originals.update_one(
            {"_id": original.ref}, {"$setOnInsert": document}, upsert=True, session=session
        )

    async def _note(
        self,
        session: Session,
        action: str,
        deed_id: str,
        acts: Sequence[ParkedAct],
        *,
        by: Actor,
        why: str,
    ) -> None:
        for act in acts:
            await self._audit.note(
                session,
                tenant_id=act.tenant_id,
                by=by,
                action=action,
                target=act.ref,
                after={
                    "deed": deed_id,
                    "queue": act.queue,
                    "message_id": act.message_id,
                    "type": act.type,
                    "parked_for": act.reason,
                },
                note=why or None,
            )
