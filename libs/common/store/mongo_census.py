"""How much there is of something over all tenants. For operators' gauges and nothing else: it names
nobody, and no request of a tenant gets here.

Everything is counted in indexes, without reading a document, because it is counted again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from common.store.client import Database, Document, guarded
from common.store.records import ConnectionStatus
from common.store.schema import (
    AGENT_INDEX,
    AGENTS,
    CONNECTION_STATUS_INDEX,
    CONNECTIONS,
    HELD_COUNT_INDEX,
    MESSAGES,
    REPORT_MISSING_SINCE_INDEX,
    UNCERTAIN_COUNT_INDEX,
)

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

HELD: Final[Document] = {"state": "held"}
UNCERTAIN: Final[Document] = {"status": "uncertain"}
MISSING: Final[Document] = {"report_missing_at": {"$gt": _EVER}}
"""Not `$exists`, which an index cannot answer: absent and null are one key."""

BY_STATUS: Final[list[Document]] = [
    {"$match": {"status": {"$in": [status.value for status in ConnectionStatus]}}},
    {
        "$group": {
            "_id": {"provider": "$provider", "status": "$status"},
            "number": {"$sum": 1},
        }
    },
]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted. Connections by provider and status."""

    held: int
    uncertain: int
    missing: int
    connections: Mapping[tuple[str, str], int]


class MongoCensus:
    """Counts over all tenants in MongoDB."""

    def __init__(self, database: Database):
        self._messages = database.collection(MESSAGES)
        self._connections = database.collection(CONNECTIONS)
        self._agents = database.collection(AGENTS)

    @guarded
    async def count(self) -> Counted:
        """Count now.

        Raises:
            StoreUnavailable: nothing is known.
        """
        return Counted(
            held=await self._number(HELD, HELD_COUNT_INDEX),
            uncertain=await self._number(UNCERTAIN, UNCERTAIN_COUNT_INDEX),
            missing=await self._number(MISSING, REPORT_MISSING_SINCE_INDEX),
            connections=await self._by_status(),
        )

    @guarded
    async def agents(self) -> Sequence[tuple[str, str]]:
        """Tenant and ID of every agent.

        Raises:
            StoreUnavailable: they are not known.
        """
        fields = {"_id": False, "tenant_id": True, "agent_id": True}
        found = await self._agents.find({}, fields).hint(AGENT_INDEX).to_list(None)
        return [(one["tenant_id"], one["agent_id"]) for one in found]

    async def _number(self, of: Document, index: str) -> int:
        return int(await self._messages.count_documents(of, hint=index))

    async def _by_status(self) -> dict[tuple[str, str], int]:
        found = self._connections.aggregate(BY_STATUS, hint=CONNECTION_STATUS_INDEX)
        return {
            (one["_id"]["provider"], one["_id"]["status"]): int(one["number"])
            for one in await found.to_list(None)
        }
