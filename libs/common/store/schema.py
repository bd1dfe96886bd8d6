"""Every collection and every index, named once.

`messages` holds one document per text and takes every insert of the two hot paths, so it has few
indexes: an inbound insert touches `_id` and two more, in which every text stands, for turns and
people alike. The others cover only the documents that they are for (MongoDB docs, "Partial
Indexes"); a query uses a partial index only if it repeats the index's filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import OperationFailure

from common.store.client import Database, guarded

MESSAGES: Final = "messages"
CONSENTS: Final = "consents"
COUNTERS: Final = "counters"
TENANTS: Final = "tenants"
AGENTS: Final = "agents"
CONNECTIONS: Final = "connections"
NUMBERS: Final = "numbers"
LEASES: Final = "leases"
AUDIT: Final = "audit"
KEYS: Final = "keys"
SESSIONS: Final = "sessions"
TICKETS: Final = "tickets"
THROTTLES: Final = "throttles"
CONSENT_LEDGER: Final = "consent_ledger"
CONVERSATION_HOLDS: Final = "conversation_holds"
LIMITS: Final = "limits"
SWITCHES: Final = "switches"
SCHEMA: Final = "schema"
DEAD_LETTER_ORIGINALS: Final = "dead_letter_originals"
"""Parked messages as they were before somebody edited them, by what the edited one is called."""

SENDING_SWITCH: Final = "sending"
"""The one document of `switches`: the kill switch for all tenants."""

SCHEMA_DOCUMENT: Final = "version"
"""The one document of `schema`: which shape the documents have, and which indexes are retired."""

SEQ: Final = "seq"
"""The counter whose rising value orders texts."""

CONVERSATION_INDEX: Final = "conversation_newest"
"""A conversation's texts by their instants: histories, and threads as people read them."""
TENANT_INDEX: Final = "tenant_newest"
"""A tenant's texts as they were recorded. One that wants both directions names both, and MongoDB
merges two scans in order (MongoDB docs, "Sort and Non-prefix Subset of an Index")."""
PROVIDER_ID_INDEX: Final = "provider_message_id"
PART_ID_INDEX: Final = "part_ids"
ANSWERS_INDEX: Final = "in_reply_to"
HELD_INDEX: Final = "held"
HELD_SINCE_INDEX: Final = "held_since"
HELD_EXPIRY_INDEX: Final = "held_expiry"
RELEASED_INDEX: Final = "released"
OPEN_INDEX: Final = "open"
"""Outbound texts to a remote that have no outcome yet, or are held."""
REPORT_DUE_INDEX: Final = "report_due"
REPORT_MISSING_INDEX: Final = "report_missing"
UNCERTAIN_INDEX: Final = "uncertain"
HELD_COUNT_INDEX: Final = "held_count"
UNCERTAIN_COUNT_INDEX: Final = "uncertain_count"
REPORT_MISSING_SINCE_INDEX: Final = "report_missing_since"
"""These three are for counting over all tenants: what a partial index is about has to stand in its
keys, or each document is read to see it."""
CONNECTION_STATUS_INDEX: Final = "status_provider"
AGENT_INDEX: Final = "tenant_agent"
CONSENT_SYNC_INDEX: Final = "sync_due"
"""Standings that a provider's own opt-out list has still to be told of."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `only` is the filter of a partial one."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    only: dict[str, Any] | None = None
    unique: bool = False
    expire_at: bool = False
    """A document goes when the instant in its key has passed (MongoDB docs, "TTL Indexes")."""

    @property
    def full_name(self) -> str:
        """What tells it from those of other collections."""
        return f"{self.collection}.{self.name}"


INDEXES: Final = (
    Index(
        MESSAGES,
        CONVERSATION_INDEX,
        (("conversation_id", 1), ("at", -1), ("seq", -1)),
    ),
    Index(
        MESSAGES,
        TENANT_INDEX,
        (("tenant_id", 1), ("direction", 1), ("seq", -1)),
    ),
    Index(
        MESSAGES,
        PROVIDER_ID_INDEX,
        (("tenant_id", 1), ("provider", 1), ("provider_message_id", 1)),
        only={"direction": "OUTBOUND", "provider_message_id": {"$gt": ""}},
    ),
    Index(
        MESSAGES,
        PART_ID_INDEX,
        (("tenant_id", 1), ("provider", 1), ("part_ids", 1)),
        only={"direction": "OUTBOUND", "part_ids": {"$gt": ""}},
    ),
    Index(
        MESSAGES,
        ANSWERS_INDEX,
        (("tenant_id", 1), ("in_reply_to", 1)),
        only={"in_reply_to": {"$gt": ""}},
    ),
    Index(
        MESSAGES,
        HELD_INDEX,
        (("tenant_id", 1), ("held_at", 1)),
        only={"state": "held"},
    ),
    Index(MESSAGES, HELD_SINCE_INDEX, (("held_at", 1),), only={"state": "held"}),
    Index(MESSAGES, HELD_EXPIRY_INDEX, (("expires_at", 1),), only={"state": "held"}),
    Index(MESSAGES, RELEASED_INDEX, (("approval.remind_at", 1),), only={"state": "released"}),
    Index(MESSAGES, OPEN_INDEX, (("tenant_id", 1), ("remote", 1)), only={"open": True}),
    Index(
        MESSAGES,
        REPORT_DUE_INDEX,
        (("report_due_at", 1),),
        only={"report_due_at": {"$exists": True}},
    ),
    Index(
        MESSAGES,
        REPORT_MISSING_INDEX,
        (("tenant_id", 1), ("conversation_id", 1)),
        only={"report_missing_at": {"$exists": True}},
    ),
    Index(
        MESSAGES,
        UNCERTAIN_INDEX,
        (("tenant_id", 1), ("conversation_id", 1)),
        only={"status": "uncertain"},
    ),
    Index(MESSAGES, HELD_COUNT_INDEX, (("state", 1),), only={"state": "held"}),
    Index(MESSAGES, UNCERTAIN_COUNT_INDEX, (("status", 1),), only={"status": "uncertain"}),
    Index(
        MESSAGES,
        REPORT_MISSING_SINCE_INDEX,
        (("report_missing_at", 1),),
        only={"report_missing_at": {"$exists": True}},
    ),
    Index(CONSENTS, "remote", (("tenant_id", 1), ("remote", 1))),
    Index(CONSENTS, "newest", (("tenant_id", 1), ("at", -1), ("_id", -1))),
    Index(
        CONSENTS,
        "in_doubt",
        (("tenant_id", 1), ("at", -1), ("_id", -1)),
        only={"in_doubt": True},
    ),
    Index(
        CONSENTS,
        CONSENT_SYNC_INDEX,
        (("sync.next_at", 1),),
        only={"sync.next_at": {"$exists": True}},
    ),
    Index(
        CONSENT_LEDGER,
        "newest",
        (("tenant_id", 1), ("conversation_id", 1), ("recorded_at", -1), ("_id", -1)),
    ),
    Index(CONVERSATION_HOLDS, "newest", (("tenant_id", 1), ("held_since", -1))),
    Index(AGENTS, "bus_user", (("bus_user", 1),), unique=True),
    Index(CONNECTIONS, CONNECTION_STATUS_INDEX, (("status", 1), ("provider", 1))),
    Index(NUMBERS, "connection", (("connection", 1),)),
    Index(
        NUMBERS,
        "connected_address",
        (("address", 1),),
        only={"connected": True},
        unique=True,
    ),
    Index(NUMBERS, "tenant_address", (("tenant_id", 1), ("address", 1))),
    Index(AGENTS, AGENT_INDEX, (("tenant_id", 1), ("agent_id", 1))),
    Index(CONNECTIONS, "tenant_created", (("tenant_id", 1), ("created_at", -1), ("_id", -1))),
    Index(AUDIT, "tenant_newest", (("tenant_id", 1), ("_id", -1))),
    Index(KEYS, "tenant_newest", (("tenant_id", 1), ("created_at", -1), ("_id", -1))),
    Index(SESSIONS, "key", (("key_id", 1),)),
    Index(SESSIONS, "expiry", (("expires_at", 1),), expire_at=True),
    Index(TICKETS, "expiry", (("expires_at", 1),), expire_at=True),
    Index(THROTTLES, "expiry", (("expires_at", 1),), expire_at=True),
    Index(DEAD_LETTER_ORIGINALS, "expiry", (("expires_at", 1),), expire_at=True),
    Index(DEAD_LETTER_ORIGINALS, "of", (("of", 1),)),
)

RETIRED: Final = ((MESSAGES, "history"), (MESSAGES, "latest_inbound"), (CONNECTIONS, "status"))
"""Indexes of earlier releases, whose queries the present ones serve as well."""

COLLECTIONS: Final = (
    MESSAGES,
    CONSENTS,
    CONSENT_LEDGER,
    CONVERSATION_HOLDS,
    DEAD_LETTER_ORIGINALS,
    TENANTS,
    AGENTS,
    CONNECTIONS,
    NUMBERS,
    AUDIT,
    KEYS,
    SESSIONS,
    TICKETS,
    THROTTLES,
    LIMITS,
    SWITCHES,
    COUNTERS,
    LEASES,
    SCHEMA,
)
"""Every collection there is."""

_INDEX_NOT_FOUND: Final = 27
_NO_COLLECTION: Final = 26


@guarded
async def ensure_schema(database: Database) -> None:
    """Create what is missing; doing it again, or by several processes at once, changes nothing."""
    for index in INDEXES:
        await create(database, index)
    await note_retired(database)
    for collection, name in RETIRED:
        await retire(database, collection, name)
    await begin_counting(database)


@guarded
async def create(database: Database, index: Index) -> None:
    """Create an index where it is missing.

    Raises:
        WriteRefused: there is another one of its name or with its keys, or documents contradict it.
    """
    options: dict[str, Any] = {"name": index.name, "unique": index.unique}
    if index.only is not None:
        options["partialFilterExpression"] = index.only
    if index.expire_at:
        options["expireAfterSeconds"] = 0
    await database.collection(index.collection).create_index(list(index.keys), **options)


@guarded
async def note_retired(database: Database) -> None:
    """Write down which indexes are about to go: a service of an earlier release that starts again
    misses none of them. Those of this release are there, whatever a newer one had noted."""
    earlier = {"$ifNull": ["$retired", []]}
    without_ours = {"$setDifference": [earlier, [index.full_name for index in INDEXES]]}
    retired = [f"{collection}.{name}" for collection, name in RETIRED]
    await database.collection(SCHEMA).update_one(
        {"_id": SCHEMA_DOCUMENT},
        [{"$set": {"retired": {"$setUnion": [without_ours, retired]}}}],
        upsert=True,
    )


@guarded
async def retire(database: Database, collection: str, name: str) -> bool:
    """Drop an index of an earlier release; False where it is gone already."""
    try:
        await database.collection(collection).drop_index(name)
    except OperationFailure as error:
        if error.code not in (_INDEX_NOT_FOUND, _NO_COLLECTION):
            raise
        return False
    return True


@guarded
async def begin_counting(database: Database) -> None:
    """The counter of `seq`, which must be there before the first text."""
    await database.collection(COUNTERS).update_one(
        {"_id": SEQ}, {"$setOnInsert": {"value": 0}}, upsert=True
    )
