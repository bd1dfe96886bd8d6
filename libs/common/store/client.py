"""The MongoDB client: how it is set up, and which of its errors mean that the store is away.

Every write waits for a majority and its journal, so what was answered survives the loss of a
primary. Every operation ends within the time-out, a frozen or electing server included (MongoDB
docs, "Limit Server Execution Time": `timeoutMS`).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC
from typing import Any, Final, NoReturn, ParamSpec, TypeAlias, TypeVar

from bson.timestamp import Timestamp
from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorClientSession,
    AsyncIOMotorCollection,
)
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from common.errors import StoreUnavailable
from common.metrics import Metrics
from common.store.connections_watch import ConnectionsWatch

Document: TypeAlias = dict[str, Any]
Collection: TypeAlias = AsyncIOMotorCollection[Document]
Session: TypeAlias = AsyncIOMotorClientSession


P = ParamSpec("P")
R = TypeVar("R")

MAJORITY: Final = ReadConcern("majority")
_SAFE: Final = WriteConcern("majority")
DUPLICATE_KEY: Final = 11000
_CONFLICT_SECONDS: Final = 10.0
"""For so long a transaction begins again where others are in its way."""

_AWAY: Final = (ConnectionFailure, WaitQueueTimeoutError, WriteConcernError)
_AWAY_CODES: Final = frozenset(
    {
        13,  # Unauthorized: credentials being changed are no message's fault
        18,  # AuthenticationFailed
        24,  # LockTimeout
        50,  # MaxTimeMSExpired
        112,  # WriteConflict
        134,  # ReadConcernMajorityNotAvailableYet
        262,  # ExceededTimeLimit
        8000,  # AtlasError: the proxy refuses
        14031,  # OutOfDiskSpace
    }
)
"""Server errors that tell nothing about the document in hand (MongoDB docs, "Error Codes")."""


class WriteRefused(Exception):
    """MongoDB refused to store a document. Says the error codes only: the driver's own text quotes
    the document, with number and body."""

    code = "write_refused"


def raise_named(error: PyMongoError) -> NoReturn:
    """Raise `StoreUnavailable` if the error means that the store is away, else the error, without
    the driver's quotation of the document."""
    if isinstance(error, BulkWriteError):
        details: Mapping[str, Any] = error.details
        codes = {int(item["code"]) for item in details.get("writeErrors", ())}
        if details.get("writeConcernErrors") or codes & _AWAY_CODES:
            raise StoreUnavailable(f"MongoDB did not confirm the write (codes {codes}).") from None
        raise WriteRefused(f"MongoDB refused the write (codes {codes}).") from None
    away_code = isinstance(error, OperationFailure) and error.code in _AWAY_CODES
    if away_code or isinstance(error, _AWAY) or error.timeout:
        raise StoreUnavailable(f"MongoDB is away ({type(error).__name__}).") from error
    if isinstance(error, OperationFailure):
        raise WriteRefused(f"MongoDB refused the operation (code {error.code}).") from None
    raise error


def guarded(function: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """A function whose driver errors become `StoreUnavailable` or `WriteRefused`."""

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await function(*args, **kwargs)
        except PyMongoError as error:
            raise_named(error)

    return call


class Database:
    """An open database; made by `open_database`, ended by `close`."""

    def __init__(self, client: AsyncIOMotorClient[Document], name: str):
        self._client = client
        self._database = client[name]

    def collection(self, name: str) -> Collection:
        """A collection, read from the primary."""
        return self._database[name]

    def majority(self, name: str) -> Collection:
        """A collection of which only that is read which a majority has and no failover undoes."""
        return self._database[name].with_options(read_concern=MAJORITY)

    async def transact(self, work: Callable[[Session], Coroutine[Any, Any, R]]) -> R:
        """Do several writes as one: all of them are there, or none (majority read and write).

        `work` is done again where another transaction was in the way, so it holds nothing but
        operations of this session, and what it raises undoes them (MongoDB docs, "Transactions").
        """
        until = time.monotonic() + _CONFLICT_SECONDS
        async with await self._client.start_session() as session:
            while True:
                try:
                    done: R = await session.with_transaction(
                        work, read_concern=MAJORITY, write_concern=_SAFE
                    )
                except PyMongoError as error:
                    # Motor does the work again where a conflict shows in it, but not where it shows
                    # in the commit (motor 3.7, `with_transaction`): as a collection's first one.
                    again = error.has_error_label("TransientTransactionError")
                    if not again or time.monotonic() > until:
                        raise
                else:
                    return done

    @guarded
    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless a primary answers in time."""
        await self._database.command("ping")

    async def operation_time(self) -> Timestamp:
        """The newest instant of the server's log."""
        answer = await self._database.command("ping")
        latest: Timestamp = answer["operationTime"]
        return latest

    def watch(self, pipeline: list[Document], **how: Any) -> Any:
        """A change stream over every collection, of what the pipeline lets through (MongoDB docs,
        "Change Streams")."""
        return self._database.watch(pipeline, **how)

    @property
    def name(self) -> str:
        """Its name."""
        return self._database.name

    async def snapshot(self) -> Session:
        """A session whose reads all show the same instant, for a few minutes (MongoDB docs, "Read
        Concern snapshot")."""
        return await self._client.start_session(snapshot=True)

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


def open_database(
    uri: str,
    database: str,
    timeout: float,
    *,
    longest: float | None = None,
    metrics: Metrics | None = None,
) -> Database:
    """A client for one database. Connects at the first operation, on the running event loop.

    Args:
        timeout: seconds after which any operation fails, the search for a primary included.
        longest: seconds that an operation may take once there is a primary, where it is another
            number: the build of an index, which `timeoutMS` would end on the server as well. The
            search for a primary knows no other limit than `timeoutMS` where that is set.
        metrics: told of the connections.
    """
    milliseconds = max(1, int(timeout * 1000))
    limit: Any = {"timeoutMS": milliseconds}
    if longest is not None:
        limit = {"socketTimeoutMS": max(1, int(longest * 1000))}
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        uri,
        tz_aware=True,
        tzinfo=UTC,
        retryWrites=True,
        retryReads=True,
        **limit,
        serverSelectionTimeoutMS=milliseconds,
        connectTimeoutMS=milliseconds,
        w="majority",
        journal=True,
        appname="heliograph",
        event_listeners=[] if metrics is None else [ConnectionsWatch(metrics)],
    )
    return Database(client, database)
