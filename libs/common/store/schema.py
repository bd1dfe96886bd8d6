"""Every collection and every index, named once.

`messages` holds one document per text and takes every insert of the two hot paths, so it has few
indexes, and each of them covers only the documents that it is for (MongoDB docs, "Partial
Indexes"): an inbound insert touches `_id` and two more. A query uses a partial index only if it
repeats the index's filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from common.store.client import Database, guarded

MESSAGES: Final = "messages"
CONSENTS: Final = "consents"
COUNTERS: Final = "counters"
TENANTS: Final = "tenants"
AGENTS: Final = "agents"
CONNECTIONS: Final = "connections"
NUMBERS: Final = "numbers"
LEASES: Final = "leases"

SEQ: Final = "seq"
"""The counter whose rising value orders texts."""

HISTORY_INDEX: Final = "history"
LATEST_INDEX: Final = "latest_inbound"
PROVIDER_ID_INDEX: Final = "provider_message_id"
ANSWERS_INDEX: Final = "in_reply_to"
HELD_INDEX: Final = "held"


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `only` is the filter of a partial one."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    only: dict[str, Any] | None = None
    unique: bool = False


INDEXES: Final = (
    Index(
        MESSAGES,
        HISTORY_INDEX,
        (("conversation_id", 1), ("at", -1), ("seq", -1)),
        only={"in_history": True},
    ),
    Index(
        MESSAGES,
        LATEST_INDEX,
        (("tenant_id", 1), ("seq", -1)),
        only={"direction": "INBOUND"},
    ),
    Index(
        MESSAGES,
        PROVIDER_ID_INDEX,
        (("tenant_id", 1), ("provider", 1), ("provider_message_id", 1)),
        only={"direction": "OUTBOUND", "provider_message_id": {"$gt": ""}},
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
    Index(AGENTS, "bus_user", (("bus_user", 1),), unique=True),
    Index(CONNECTIONS, "status", (("status", 1),)),
    Index(NUMBERS, "connection", (("connection", 1),)),
    Index(
        NUMBERS,
        "connected_address",
        (("address", 1),),
        only={"connected": True},
        unique=True,
    ),
)


@guarded
async def ensure_schema(database: Database) -> None:
    """Create what is missing; doing it again, or by several processes at once, changes nothing."""
    for index in INDEXES:
        options: dict[str, Any] = {"name": index.name, "unique": index.unique}
        if index.only is not None:
            options["partialFilterExpression"] = index.only
        await database.collection(index.collection).create_index(list(index.keys), **options)
    await database.collection(COUNTERS).update_one(
        {"_id": SEQ}, {"$setOnInsert": {"value": 0}}, upsert=True
    )
