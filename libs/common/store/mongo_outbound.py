"""Outbound texts in MongoDB: claimed before anything leaves, finished once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError

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
from common.store.client import DUPLICATE_KEY, Database, Document, guarded
from common.store.clock import Clock, after, milliseconds, utc_now
from common.store.documents import (
    OUTBOUND,
    outbound_document,
    outcome_document,
    read_outbound,
    read_outcome,
    read_route,
    refused_outbound,
)
from common.store.ports import LeaseLost
from common.store.records import (
    RANK_FINAL,
    Claim,
    Detour,
    NewOutbound,
    Outbound,
    Route,
    SendState,
    outbound_id,
)
from common.store.schema import (
    AGENTS,
    CONNECTIONS,
    COUNTERS,
    MESSAGES,
    NUMBERS,
    SENDING_SWITCH,
    SWITCHES,
    TENANTS,
)
from common.store.sequence import reserve
from heliograph.models import MAX_RECIPIENTS, Outcome, OutcomeStatus


class MongoOutbound:
    """Outbound texts in MongoDB."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._messages = database.collection(MESSAGES)
        self._counters = database.collection(COUNTERS)
        self._numbers = database.majority(NUMBERS)
        self._agents = database.majority(AGENTS)
        self._clock = clock

    @guarded
    async def route(self, tenant_id: str, number: str) -> Route | None:
        found = self._numbers.aggregate(
            [
                {"$match": {"_id": f"{tenant_id}/{number}", "tenant_id": tenant_id}},
                _join(CONNECTIONS, "connection"),
                _join(CONNECTIONS, "failover", "ways"),
                _join(AGENTS, "agent"),
                {"$set": {"tenant": "$tenant_id", "switch": SENDING_SWITCH}},
                _join(TENANTS, "tenant"),
                _join(SWITCHES, "switch"),
            ]
        )
        documents = await found.to_list(None)
        return read_route(documents[0]) if documents else None

    @guarded
    async def agent_of_user(self, bus_user: str) -> tuple[str, str] | None:
        agent = await self._agents.find_one({"bus_user": bus_user})
        return (agent["tenant_id"], agent["agent_id"]) if agent else None

    @guarded
    async def claim(
        self, texts: Sequence[NewOutbound], *, owner: str, lease: float
    ) -> Sequence[Outbound]:
        """As the port says. A lease of the same owner is live for it as well: the text is in its
        hand already."""
        if not texts:
            return []
        now = milliseconds(self._clock())
        until = after(now, lease)
        fresh: dict[str, Document] = {}
        known = await self._of_command(texts[0])
        while True:
            if any(item["digest"] != texts[0].digest for item in known.values()):
                return [refused_outbound(text, known.get(text.id), now) for text in texts]
            new = {text.id: text for text in texts if text.id not in known}
            if not new:
                break
            in_order = sorted(new.items(), key=lambda item: item[1].index)
            first = await reserve(self._counters, len(in_order))
            fresh |= await self._insert(
                [
                    outbound_document(
                        text, text_id=text_id, seq=seq, now=now, owner=owner, lease_until=until
                    )
                    for seq, (text_id, text) in enumerate(in_order, first)
                ]
            )
            # Most often that is all; otherwise a twin of the command was at the same point.
            known |= fresh if new.keys() <= fresh.keys() else await self._of_command(texts[0])
        return [
            read_outbound(fresh[text.id], Claim.FRESH)
            if text.id in fresh
            else await self._take_known(known[text.id], text.digest, now, owner, until)
            for text in texts
        ]

    async def _of_command(self, text: NewOutbound) -> dict[str, Document]:
        """All that is known of a text's command, whatever its recipients were. Its texts have IDs
        that follow from the index, so no index on the command is needed."""
        ids = [
            outbound_id(text.tenant_id, text.agent_id, text.command_id, index)
            for index in range(MAX_RECIPIENTS)
        ]
        found = self._messages.find({"_id": {"$in": ids}, "tenant_id": text.tenant_id})
        return {document["_id"]: document for document in await found.to_list(None)}

    async def _insert(self, documents: list[Document]) -> dict[str, Document]:
        """Insert in order up to the first that is there already; returns those inserted.

        In order, because the command's first text stands for the command: where another command
        with this ID came first, nothing of this one is inserted.
        """
        try:
            await self._messages.insert_many(documents, ordered=True)
        except BulkWriteError as error:
            failed = error.details.get("writeErrors", [])
            other = any(item["code"] != DUPLICATE_KEY for item in failed)
            if not failed or other or error.details.get("writeConcernErrors"):
                raise
            documents = documents[: failed[0]["index"]]
        return {document["_id"]: document for document in documents}

    async def _take_known(
        self, document: Document, digest: str, now: datetime, owner: str, until: datetime
    ) -> Outbound:
        claim = claim_of_outbound(document, digest, now)
        if claim is not Claim.RESUMED:
            return read_outbound(document, claim)
        taken: Document | None = await self._messages.find_one_and_update(
            {
                "_id": document["_id"],
                "tenant_id": document["tenant_id"],
                "outcome": None,
                "$or": [{"lease_until": None}, {"lease_until": {"$lt": now}}],
            },
            {"$set": {"lease_owner": owner, "lease_until": until}},
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            return read_outbound(document, Claim.BUSY)
        return read_outbound(taken, Claim.RESUMED)

    @guarded
    async def take_decided(
        self, tenant_id: str, message_id: str, *, owner: str, lease: float
    ) -> Outbound | None:
        """As the port says. What is taken was decided for good: the write that takes it waits for
        a majority, and with it for all that it rests on."""
        document = await self._messages.find_one(_decided(tenant_id, message_id))
        if document is None:
            return None
        now = milliseconds(self._clock())
        return await self._take_known(document, document["digest"], now, owner, after(now, lease))

    @guarded
    async def mark_told(self, tenant_id: str, message_id: str) -> None:
        await self._messages.update_one(
            _decided(tenant_id, message_id) | {"state": SendState.FINISHED.value},
            {"$set": {"approval.told_at": milliseconds(self._clock())}},
        )

    @guarded
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
        now = milliseconds(self._clock())
        fields: dict[str, Any] = {
            "state": SendState.SENDING.value,
            "begun_at": now,
            "lease_until": after(now, lease),
            "attempts": {"$add": ["$attempts", 0 if again else 1]},
        }
        if via is not None:
            bound = False if unsent else {"$eq": ["$state", SendState.SENDING.value]}
            for name in ("connection_id", "provider", "account"):
                fields[name] = {"$cond": [bound, f"${name}", {"$literal": getattr(via, name)}]}
            if detour is not None:
                made = {"$literal": [detour_document(detour, via.connection_id, now)]}
                fields["detours"] = {"$concatArrays": [{"$ifNull": ["$detours", []]}, made]}
        begun = await self._messages.update_one(
            _in_hand(tenant_id, message_id, owner), [{"$set": fields}]
        )
        return begun.matched_count == 1

    @guarded
    async def wait(
        self,
        tenant_id: str,
        message_id: str,
        *,
        owner: str,
        ambiguous: bool,
        slot: datetime | None = None,
    ) -> None:
        await self._messages.update_one(
            _in_hand(tenant_id, message_id, owner), {"$set": given_up(ambiguous, slot)}
        )

    @guarded
    async def advance(
        self, tenant_id: str, message_id: str, *, owner: str, provider_message_id: str | None
    ) -> Outbound | None:
        fields = next_part(milliseconds(self._clock()))
        document: Document | None = await self._messages.find_one_and_update(
            _in_hand(tenant_id, message_id, owner),
            {
                "$set": fields,
                "$inc": {"part": 1},
                "$push": {"part_ids": provider_message_id or ""},
            },
            return_document=ReturnDocument.AFTER,
        )
        return read_outbound(document, Claim.RESUMED) if document is not None else None

    @guarded
    async def finish(
        self, tenant_id: str, message_id: str, *, owner: str, outcome: Outcome
    ) -> Outcome:
        text = {"_id": message_id, "tenant_id": tenant_id, "direction": OUTBOUND}
        mine = {"lease_owner": owner} if needs_lease(outcome) else {}
        finished = await self._messages.update_one(
            text | mine | {"outcome": None},
            _outcome_pipeline(outcome, milliseconds(self._clock())),
        )
        if finished.matched_count == 1:
            return outcome
        document = await self._messages.find_one(text, {"outcome": True})
        recorded = read_outcome(document) if document else None
        if recorded is None:
            raise LeaseLost("The text is not leased to this owner.")
        return recorded


def _join(collection: str, field: str, name: str | None = None) -> Document:
    """Replace a key by a list with the document that it names, or put that under a name. Of several
    keys it names several documents, in no order."""
    return {
        "$lookup": {
            "from": collection,
            "localField": field,
            "foreignField": "_id",
            "as": name or field,
        }
    }


def _in_hand(tenant_id: str, message_id: str, owner: str) -> Document:
    text = {"_id": message_id, "tenant_id": tenant_id, "direction": OUTBOUND}
    return text | {"lease_owner": owner, "outcome": None}


def _decided(tenant_id: str, message_id: str) -> Document:
    """A text on which somebody has decided, and whose agent does not know the end yet."""
    return {
        "_id": message_id,
        "tenant_id": tenant_id,
        "direction": OUTBOUND,
        "approval": {"$ne": None},
        "approval.told_at": None,
    }


def _outcome_pipeline(outcome: Outcome, now: datetime) -> list[Document]:
    """Record an outcome, and its delivery state unless a report has told a later one already."""
    rank = OUTCOME_RANK[outcome.status]
    reported = {"$gt": ["$rank", rank]}
    held = outcome.status is OutcomeStatus.HELD
    fields: dict[str, Any] = {
        "outcome": {"$literal": outcome_document(outcome)},
        "state": SendState.HELD.value if held else SendState.FINISHED.value,
        "status": {"$cond": [reported, "$status", outcome.status.value]},
        "rank": {"$cond": [reported, "$rank", rank]},
        "open": held,
        "lease_owner": None,
        "lease_until": None,
        "held_at" if held else "finished_at": now,
    }
    if outcome.provider_message_id is not None:
        fields["provider_message_id"] = {"$literal": outcome.provider_message_id}
    if outcome.status is OutcomeStatus.SENT:
        fields["sent_at"] = now
    if left_us(outcome):
        fields |= {"in_history": True, "at": now}
    if outcome.status in LEFT_US:
        fields["report_due_at"] = {"$cond": [{"$gte": ["$rank", RANK_FINAL]}, "$$REMOVE", now]}
    return [{"$set": fields}]
