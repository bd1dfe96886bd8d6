"""Which numbers are connected: the read side, and all of the store that the webhook works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from common.store.client import Database, guarded
from common.store.records import RegisteredNumber
from common.store.schema import NUMBERS

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
