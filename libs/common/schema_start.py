"""What a service does about the schema when its store first answers."""

from __future__ import annotations

from common.errors import StoreUnavailable
from common.settings import stop
from common.store.client import Database
from common.store.schema import ensure_schema
from common.store.schema_version import missing_preparation, schema_problem


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
