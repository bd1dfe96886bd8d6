"""Which numbers are connected, and which connections their providers may call back: the read side,
and all of the store that the webhook works with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from common.store.client import Database, Document, guarded
from common.store.connection_documents import LIVE
from common.store.control import CLEARED
from common.store.records import CalledConnection, RegisteredNumber
from common.store.schema import AGENTS, CONNECTIONS, NUMBERS, TENANTS

_FIELDS: Final = ("tenant_id", "connection_id", "provider", "address", "agent_id")
_PROJECTION: Final[dict[str, Any]] = {"_id": False} | dict.fromkeys(_FIELDS, True)


class MongoDirectory:
    """The directory in MongoDB."""

    def __init__(self, database: Database):
        self._database = database
        self._numbers = database.collection(NUMBERS)

    @guarded
    async def all_numbers(self) -> Sequence[RegisteredNumber]:
        found = self._numbers.find({"connected": True}, _PROJECTION)
        return [RegisteredNumber(**document) for document in await found.to_list(None)]

    @guarded
    async def find_number(self, address: str) -> RegisteredNumber | None:
        document = await self._numbers.find_one(
            {"address": address, "connected": True}, _PROJECTION
        )
        return RegisteredNumber(**document) if document else None

    async def ping(self) -> None:
        await self._database.ping()


@guarded
async def all_agents(database: Database) -> Sequence[tuple[str, str]]:
    """Tenant and ID of every agent, in order."""
    found = database.collection(AGENTS).find({}, {"tenant_id": True, "agent_id": True})
    return sorted([(one["tenant_id"], one["agent_id"]) async for one in found])


class MongoCallbacks:
    """The live connections of providers that call back, by connection ID; several tenants may have
    one of the same ID.

    Args:
        providers: names of these providers.
    """

    def __init__(self, database: Database, providers: Sequence[str]):
        self._connections = database.collection(CONNECTIONS)
        self._live: Document = {
            "status": {"$in": list(LIVE)},
            "provider": {"$in": list(providers)},
        }

    @guarded
    async def all(self) -> Mapping[str, tuple[CalledConnection, ...]]:
        """Every one of them."""
        return await self._read(self._live)

    @guarded
    async def find(self, key: str) -> tuple[CalledConnection, ...] | None:
        """Those of one ID, None where there is none."""
        return (await self._read({"connection_id": key} | self._live)).get(key)

    async def _read(self, which: Document) -> Mapping[str, tuple[CalledConnection, ...]]:
        found = self._connections.aggregate(
            [
                {"$match": which},
                {
                    "$lookup": {
                        "from": TENANTS,
                        "localField": "tenant_id",
                        "foreignField": "_id",
                        "as": "tenant",
                    }
                },
                {"$unwind": "$tenant"},
            ]
        )
        known: dict[str, tuple[CalledConnection, ...]] = {}
        for document in await found.to_list(None):
            one = _called(document)
            known[one.connection_id] = (*known.get(one.connection_id, ()), one)
        return known


def _called(document: Document) -> CalledConnection:
    return CalledConnection(
        tenant_id=document["tenant_id"],
        connection_id=document["connection_id"],
        provider=document["provider"],
        # Overwritten where the master key was lost: as good as sealed with a key that is not there.
        sealed=document["sealed"] if document["sealed"] != CLEARED else {},
        wrapped_key=document["tenant"]["wrapped_key"],
        credentials_version=document.get("credentials_version", ""),
    )
