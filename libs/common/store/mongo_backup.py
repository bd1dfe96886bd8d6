"""A logical backup of MongoDB, and its way back into an empty database.

The backup shows one instant: it reads a snapshot, of what a majority had (MongoDB docs, "Read
Concern snapshot"). The server keeps a snapshot for five minutes unless
`minSnapshotHistoryWindowInSeconds` says more, so what cannot be read in that time is a case for
`mongodump --oplog` or for the volumes' snapshots.

What is sealed stays sealed: without the master key, no credentials can be read from the file.
Numbers and texts can, as in the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from common.store import backup_file
from common.store.backup_file import RAW, Head, Sum
from common.store.client import Database, guarded
from common.store.clock import utc_now
from common.store.control import SYSTEM
from common.store.mongo_switches import MongoSwitches
from common.store.schema import (
    AUDIT,
    COLLECTIONS,
    COUNTERS,
    INDEXES,
    LEASES,
    SCHEMA,
    SEQ,
    SESSIONS,
    SWITCHES,
    THROTTLES,
    TICKETS,
    ensure_schema,
    retire,
)
from common.store.schema_version import VERSION, read_version

OF_THE_MOMENT: Final = frozenset({LEASES, SESSIONS, TICKETS, THROTTLES})
"""Not kept: who does something now, and who is signed in."""
KEPT: Final = tuple(name for name in COLLECTIONS if name not in OF_THE_MOMENT)

_MADE_AT_START: Final = frozenset({COUNTERS, LEASES, SCHEMA})
"""What services that have begun on an empty database leave in it. A restore deletes it."""

SEQ_LEAP: Final = 1_000_000_000
"""Texts that may have been recorded after the backup: `seq` goes on behind them, so that no agent
sees one twice."""

_BATCH: Final = 500

REASON: Final = (
    "The database was restored from a backup: texts that were sent after it was made are not known."
)


_SNAPSHOT_GONE: Final = frozenset({239, 246})
"""SnapshotTooOld and SnapshotUnavailable (MongoDB docs, "Error Codes")."""


class SnapshotLost(Exception):
    """The server no longer shows the instant that was being read. Nothing is written."""

    code = "snapshot_lost"


class RestoreRefused(Exception):
    """The backup must not, or cannot, go into this database. Nothing, or not everything, is there;
    the text says which."""

    code = "restore_refused"


async def backup(database: Database, file: Path) -> dict[str, int]:
    """Write everything that is kept into a new file; the number of documents of each collection.

    Raises:
        StoreUnavailable: nothing is written.
        SnapshotLost: nothing is written; start it again.
        OSError: nothing is written.
    """
    schema = await read_version(database)
    head = Head(utc_now(), database.name, schema.version, schema.compatible_from)
    async with await database.snapshot() as session:
        with backup_file.writing(file, head) as writer:
            for name in KEPT:
                writer.begin(name)
                await _copy(database, name, session, writer)
    return {name: sum_.count for name, sum_ in writer.sums.items()}


@guarded
async def _copy(database: Database, name: str, session: Any, writer: backup_file.Writer) -> None:
    try:
        async for document in _raw(database, name).find({}, session=session).sort("_id", 1):
            writer.add(name, document)
    except OperationFailure as error:
        if error.code not in _SNAPSHOT_GONE:
            raise
        raise SnapshotLost(
            f"MongoDB gave the snapshot up while {name} was read: a collection was made meanwhile, "
            "or reading takes longer than minSnapshotHistoryWindowInSeconds. Start it again."
        ) from None


async def restore(database: Database, file: Path) -> dict[str, int]:
    """Stop all sending until a person lets it go on, bring a backup into an empty database, and
    make its indexes; the number of documents of each collection that came back. Of `switches` none
    does: the stop is there before the first text is, and nothing that is restored lifts it.

    Raises:
        DamagedBackup, OSError: nothing was written.
        RestoreRefused: the database is not empty, the backup is too new, or what is there now is
            not what was written.
        StoreUnavailable: not everything is there; drop the database and begin anew.
    """
    head = backup_file.read_head(file)
    if head.compatible_from > VERSION:
        raise RestoreRefused(
            f"it has schema version {head.schema_version}, which this release does not know. "
            "Nothing was written."
        )
    told = {name: it for name, it in backup_file.check(file).items() if name != SWITCHES}
    await _require_empty(database)
    for name in _MADE_AT_START:
        await guarded(database.collection(name).delete_many)({})
    ours = await _stop_all_sending(database)
    await _let_nothing_expire(database)
    await _fill(database, backup_file.read(file))
    for name, expected in told.items():
        but = ours if name == AUDIT else []
        if (await _sum(database, name, but)).told != dict(expected):
            raise RestoreRefused(
                f"the collection {name} is not what the backup says; does a service write? Stop "
                "all of them, drop the database and begin anew."
            )
    await _let_nothing_double(database)
    await ensure_schema(database)
    return {name: int(expected["count"]) for name, expected in told.items()}


@guarded
async def _require_empty(database: Database) -> None:
    for name in COLLECTIONS:
        if name in _MADE_AT_START:
            continue
        if await database.collection(name).find_one({}, {"_id": True}) is not None:
            raise RestoreRefused(
                f"the database {database.name} is not empty: it has documents in {name}. Name "
                "another one by HELIOGRAPH_MONGODB_DATABASE, or drop this one. Nothing was written."
            )


async def _stop_all_sending(database: Database) -> list[Any]:
    """Turn the kill switch on; the identifiers of what that leaves in the audit trail. The database
    is empty, so the switch is off in it, whatever it is in the backup."""
    await MongoSwitches(database).set_all(stopped=True, reason=REASON, by=SYSTEM)
    entries = guarded(database.collection(AUDIT).distinct)
    return list(await entries("_id", {"note": REASON}))


async def _let_nothing_expire(database: Database) -> None:
    """Where indexes were made before, MongoDB would delete what has expired since the backup, and
    what came back would not be what was written. `ensure_schema` makes them again."""
    for index in INDEXES:
        if index.expire_at and index.collection in KEPT:
            await retire(database, index.collection, index.name)


async def _fill(database: Database, documents: Iterator[tuple[str, RawBSONDocument]]) -> None:
    kept = ((name, document) for name, document in documents if name != SWITCHES)
    while some := list(islice(kept, _BATCH)):
        for name in dict.fromkeys(name for name, _ in some):
            mine = [document for of, document in some if of == name]
            await guarded(_raw(database, name).insert_many)(mine, ordered=False)


@guarded
async def _sum(database: Database, name: str, but: Sequence[Any]) -> Sum:
    found = Sum()
    chosen: Mapping[str, Any] = {"_id": {"$nin": [*but]}} if but else {}
    async for document in _raw(database, name).find(chosen).sort("_id", 1):
        found.add(document)
    return found


async def _let_nothing_double(database: Database) -> None:
    """A command that was carried out after the backup is not known any more, and may come again."""
    await guarded(database.collection(COUNTERS).update_one)(
        {"_id": SEQ}, {"$inc": {"value": SEQ_LEAP}}, upsert=True
    )


def _raw(database: Database, name: str) -> Any:
    return database.collection(name).with_options(codec_options=RAW)
