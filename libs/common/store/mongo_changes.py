"""What happens to texts, opt-outs, connections and numbers, told by a MongoDB change stream.

The stream needs no collection of its own and sees what every service writes, once a majority has it
(MongoDB docs, "Change Streams"). Only IDs come over the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import structlog
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure, PyMongoError

from common.store.client import Database, Document
from common.store.control import Happening
from common.store.schema import CONNECTIONS, CONSENTS, MESSAGES, NUMBERS

log = structlog.get_logger(__name__)

_SHOWN: Final = ("status", "state", "body", "outcome", "report", "approval", "duplicates", "at")
"""Fields of a text whose change people see; leases and hand-overs are none of their business."""

_SAID: Final = ("opted_out", "in_doubt", "at")
"""Fields of a consent whose change people see; what a provider was told is none of them."""

_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before the next try while the store is away."""

_AWAITED: Final = 500
"""Milliseconds that the server keeps a question for what comes next. A thread waits as long, and
the end of the stream waits for the thread."""

_LOST: Final = frozenset({260, 280, 286})
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost: going on where it broke off
is not possible (MongoDB docs, "Error Codes")."""

_THERE: Final = {"$exists": True}
PIPELINE: Final[list[Document]] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": MESSAGES, "operationType": {"$in": ["insert", "replace"]}},
                {
                    "ns.coll": MESSAGES,
                    "operationType": "update",
                    "$or": [{f"updateDescription.updatedFields.{name}": _THERE} for name in _SHOWN],
                },
                {"ns.coll": CONSENTS, "operationType": {"$in": ["insert", "replace"]}},
                {
                    "ns.coll": CONSENTS,
                    "operationType": "update",
                    "$or": [{f"updateDescription.updatedFields.{name}": _THERE} for name in _SAID],
                },
                {
                    "ns.coll": {"$in": [CONNECTIONS, NUMBERS]},
                    "operationType": {"$in": ["insert", "replace", "update"]},
                },
            ]
        }
    },
    {
        "$project": {
            "ns.coll": True,
            "documentKey": True,
            "fullDocument.tenant_id": True,
            "fullDocument.conversation_id": True,
            "fullDocument.connection_id": True,
        }
    },
]


async def watch_happenings(
    database: Database, *, opened: Callable[[], None] | None = None
) -> AsyncGenerator[Happening, None]:
    """What happens from now on; ends never. After a fault it goes on where it broke off, and from
    then on where that is not possible.

    Args:
        opened: called when nothing that happens is missed any more, and again after each gap.
    """
    begin: Document | None = None
    failures = 0
    while True:
        try:
            if begin is None:
                begin = {"start_at_operation_time": await _just_now(database)}
                if opened is not None:
                    opened()
            async with _Stream(database, begin) as stream:
                async for change in stream:
                    failures = 0
                    begin = stream.begin
                    if change is not None and (happening := _read(change)) is not None:
                        yield happening
            begin = None
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code in _LOST:
                begin = None
            pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
            failures += 1
            log.warning("changes.lost", error=type(error).__name__, retry_in_s=pause)
            await asyncio.sleep(pause)


class _Stream:
    """An open change stream. Ends only when nothing is on its way in the driver's thread."""

    def __init__(self, database: Database, begin: Document):
        self.begin = begin
        self._stream: Any = database.watch(
            PIPELINE, full_document="updateLookup", max_await_time_ms=_AWAITED, **begin
        )
        self._asking: asyncio.Future[Document | None] | None = None

    async def __aenter__(self) -> _Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._asking is not None:
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._stream.close()

    def __aiter__(self) -> _Stream:
        return self

    async def __anext__(self) -> Document | None:
        """The next change, or None where none came within a moment. Ends with the database."""
        if not self._stream.alive:
            raise StopAsyncIteration
        self._asking = asyncio.ensure_future(self._stream.try_next())
        change: Document | None = await asyncio.shield(self._asking)
        self._asking = None
        if (token := self._stream.resume_token) is not None:
            self.begin = {"resume_after": token}
        return change


async def _just_now(database: Database) -> Timestamp:
    """The first instant of the server's log that is still to come."""
    latest = await database.operation_time()
    return Timestamp(latest.time, latest.inc + 1)


def _read(change: Document) -> Happening | None:
    """None where what changed is gone again."""
    found: Document | None = change.get("fullDocument")
    if not found:
        return None
    if change["ns"]["coll"] == MESSAGES:
        return Happening(found["tenant_id"], found["conversation_id"], change["documentKey"]["_id"])
    if change["ns"]["coll"] == CONSENTS:
        return Happening(found["tenant_id"], change["documentKey"]["_id"])
    return Happening(found["tenant_id"], connection_id=found["connection_id"])
