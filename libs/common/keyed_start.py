"""What a service that opens stored secrets does when its store first answers."""

from __future__ import annotations

from common.master_key_check import master_key_problem
from common.schema_start import prepared, stop_where_too_new
from common.secrets import MasterKeys
from common.settings import stop
from common.store.client import Database
from common.store.mongo_tenant_keys import MongoTenantKeys


async def begin_with_schema_and_keys(database: Database, keys: MasterKeys, *, make: bool) -> None:
    """Stop where the documents are too new or the master key is wrong, which is told at once; then
    make what is missing, or wait for who makes it.

    Raises:
        StoreUnavailable: the store is away, or not prepared.
    """
    await stop_where_too_new(database)
    problem = await master_key_problem(MongoTenantKeys(database), keys)
    if problem is not None:
        stop(problem)
    await prepared(database, make=make)
