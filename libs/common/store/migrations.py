"""Data migrations: small, named steps that bring stored documents into the shape of this release.

Each is safe beside running services of this release and of the one before: it adds what the older
one ignores, and nothing that is not migrated yet is sent or lost for that (expand, then contract;
docs/operations/upgrade.md). A step keeps no account of how far it came: what is left to do is what
its query finds, so after a kill it is simply started again; and each preparation does every step
again, for what services of the older release have written meanwhile.

A new one is added at the end, with the next number, and `schema_version.VERSION` follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pymongo import UpdateOne

from common.addresses import usual_type
from common.store.client import Database, guarded
from common.store.clock import milliseconds, utc_now
from common.store.schema import MESSAGES, NUMBERS, SCHEMA, SCHEMA_DOCUMENT
from common.store.schema_version import read_version

BATCH: Final = 500
"""Documents that one write changes; a few milliseconds for the server."""
PAUSE: Final = 0.05
"""Seconds between two writes, which leave the server to the texts."""
LEAVE: Final = 60.0
"""Seconds in which running services that have become too old notice it (`StoreWatch`) and finish
what they have in hand."""
_LOOKS: Final = 100
"""Times that a step which waits for them looks whether it has to stop."""

Step = Callable[[Database, int], Awaitable[int]]
"""Changes at most so many documents, and says how many it found; fewer: none are left."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of shape. `compatible_from` is the least version that a running service has to know
    from the moment at which this one begins; it rises where an old field goes away."""

    version: int
    name: str
    step: Step
    compatible_from: int = 0


@dataclass(frozen=True, slots=True)
class Migrated:
    """What one migration did; `finished` says whether it came to its end."""

    migration: Migration
    changed: int
    finished: bool = True


async def _open_held(database: Database, limit: int) -> int:
    """Held texts of a release that knew no `open`: an opt-out has to find them."""
    messages = database.collection(MESSAGES)
    old = {"state": "held", "open": {"$exists": False}}
    found = [one["_id"] async for one in messages.find(old, {"_id": True}).limit(limit)]
    if found:
        await messages.update_many({"_id": {"$in": found}} | old, {"$set": {"open": True}})
    return len(found)


async def _type_numbers(database: Database, limit: int) -> int:
    """Numbers of a release that derived the sender type from the address each time."""
    numbers = database.collection(NUMBERS)
    old = {"type": None}
    found = [one async for one in numbers.find(old, {"address": True}).limit(limit)]
    if found:
        await numbers.bulk_write(
            [
                UpdateOne(
                    {"_id": one["_id"]} | old, {"$set": {"type": usual_type(one["address"]).value}}
                )
                for one in found
            ],
            ordered=False,
        )
    return len(found)


MIGRATIONS: Final = (
    Migration(1, "held texts are open", _open_held),
    Migration(2, "numbers have a type", _type_numbers),
)


async def migrate(
    database: Database,
    *,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    batch: int = BATCH,
    pause: float = PAUSE,
    leave: float = LEAVE,
    halt: Callable[[], bool] = bool,
    begin: Callable[[Migration], None] = lambda _: None,
    tell: Callable[[Migrated], None] = lambda _: None,
) -> bool:
    """Do every step, in order, until it finds nothing; True where everything is done.

    Args:
        leave: seconds that services which become too old have to end, before anything changes.
        halt: whether to stop between two batches.
        begin: hears of each migration before it is worked on.
        tell: hears of each migration that was not done yet, or found something again.

    Raises:
        StoreUnavailable: start it again; what was done stays done.
    """
    before = await read_version(database)
    for migration in migrations:
        begin(migration)
        known = await read_version(database)
        first = known.version < migration.version
        if first:
            await _note(database, migration, begun=True)
            # On a new database nothing of an older release runs.
            if migration.compatible_from and before.version:
                await _wait(leave, halt)
        changed, more = 0, True
        while more and not halt():
            found = await guarded(migration.step)(database, batch)
            changed, more = changed + found, found == batch
            if more:
                await asyncio.sleep(pause)
        if first or changed:
            tell(Migrated(migration, changed, finished=not more))
        if more:
            return False
        if first:
            await _note(database, migration, begun=False)
    return True


async def _wait(seconds: float, halt: Callable[[], bool]) -> None:
    for _ in range(_LOOKS):
        if halt():
            return
        await asyncio.sleep(seconds / _LOOKS)


@guarded
async def _note(database: Database, migration: Migration, *, begun: bool) -> None:
    """Releases that the migration is too new for are kept out before it changes anything. Numbers
    only rise, whoever writes them."""
    rising: dict[str, int] = {"compatible_from": migration.compatible_from}
    if not begun:
        rising["version"] = migration.version
    changes = {"$max": rising, "$set": {"updated_at": milliseconds(utc_now())}}
    await database.collection(SCHEMA).update_one({"_id": SCHEMA_DOCUMENT}, changes, upsert=True)
