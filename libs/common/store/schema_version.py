"""Which shape the stored documents have: one number, and the oldest release that may work on them.

The number counts the data migrations that are done (`common.store.migrations`). A service reads it
when its store first answers; one that meets documents that it does not know stops, before it reads
a field wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.store.client import Database, guarded
from common.store.schema import INDEXES, SCHEMA, SCHEMA_DOCUMENT

VERSION: Final = 2
"""What this release knows: the version of its last migration."""


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """What the store says of itself. `compatible_from`: the least version that a release has to
    know so that it may work beside this one; `retired`: the full names of indexes that the release
    which prepared it last did without."""

    version: int = 0
    compatible_from: int = 0
    retired: frozenset[str] = frozenset()


@guarded
async def read_version(database: Database) -> SchemaVersion:
    """What the store says of itself; that of a store without a word is 0.

    Raises:
        StoreUnavailable: it is not known.
    """
    found = await database.majority(SCHEMA).find_one({"_id": SCHEMA_DOCUMENT}) or {}
    return SchemaVersion(
        int(found.get("version", 0)),
        int(found.get("compatible_from", 0)),
        frozenset(found.get("retired", ())),
    )


async def schema_problem(database: Database) -> str | None:
    """One sentence on why this release must not work on the stored documents; None where it may.

    Raises:
        StoreUnavailable: it is not known.
    """
    found = await read_version(database)
    if found.compatible_from <= VERSION:
        return None
    return (
        f"the database has schema version {found.version}, which needs a release that knows "
        f"version {found.compatible_from} at least; this one knows {VERSION}. Run a newer release."
    )


@guarded
async def missing_preparation(database: Database) -> str | None:
    """What `python -m health --prepare` of this release has still to do, in one sentence; None
    where it has been run. Done by a newer release, it is done: of our indexes only those are
    missing then that it has retired, with or without a migration.

    Raises:
        StoreUnavailable: it is not known.
    """
    found = await read_version(database)
    if found.version > VERSION:
        return None
    if found.version < VERSION:
        return f"The database has schema version {found.version} instead of {VERSION}."
    for collection in sorted({index.collection for index in INDEXES}):
        there = await database.collection(collection).index_information()
        for index in INDEXES:
            ours = index.collection == collection and index.full_name not in found.retired
            if ours and index.name not in there:
                return f"The index {index.name} of {collection} is missing."
    return None
