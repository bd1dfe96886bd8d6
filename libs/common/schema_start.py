"""What a service does about the schema when its store first answers."""

from __future__ import annotations

import asyncio

import structlog

from common.errors import StoreUnavailable
from common.settings import stop
from common.store.client import Database
from common.store.schema import ensure_schema
from common.store.schema_version import missing_preparation, schema_problem

log = structlog.get_logger(__name__)


class NotPrepared(StoreUnavailable):
    """The job that prepares the store has not been run: the service waits, and is not ready."""

    code = "not_prepared"


async def stop_where_too_new(database: Database) -> None:
    """End the process, with one line and exit code 78, where the stored documents have a shape that
    this release does not know.

    Raises:
        StoreUnavailable: it is not known.
    """
    problem = await schema_problem(database)
    if problem is not None:
        stop(problem)


async def drain_where_too_new(database: Database, stopping: asyncio.Event) -> None:
    """Let a running service finish what it has in hand and end, where a newer release has begun to
    change the documents into a shape that this one does not know. Started again, it says so.

    Raises:
        StoreUnavailable: it is not known.
    """
    problem = await schema_problem(database)
    if problem is not None and not stopping.is_set():
        log.critical("schema.too_new", problem=problem)
        stopping.set()


async def begin_with_schema(database: Database, *, make: bool) -> None:
    """Stop where the documents are too new; make what is missing, or wait for who makes it.

    Raises:
        StoreUnavailable: the store is away, or not prepared.
    """
    await stop_where_too_new(database)
    await prepared(database, make=make)


async def prepared(database: Database, *, make: bool) -> None:
    """Make what is missing, or wait for who makes it.

    Raises:
        StoreUnavailable: the store is away, or not prepared.
    """
    if make:
        await ensure_schema(database)
    elif (missing := await missing_preparation(database)) is not None:
        raise NotPrepared(f"{missing} Run `python -m health --prepare`.")
