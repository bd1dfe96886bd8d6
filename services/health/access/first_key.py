"""The first key of an installation, which nobody can make with a key: made on the command line.

Exit codes: 0 made, 1 refused, 2 the store is away.
"""

from __future__ import annotations

import sys
from typing import Final

from common.errors import StoreUnavailable
from common.store.client import Database, open_database
from common.store.clock import utc_now
from common.store.control_ports import NotFound
from common.store.mongo_control_keys import MongoKeys
from common.store.mongo_control_tenants import MongoTenants
from common.store.schema import ensure_schema
from common.store.schema_version import schema_problem
from health.access.roles import Principal, Role
from health.access.secrets import Hashing
from health.desk.keys import KeyDesk
from health.settings import HealthSettings
from health.web.problems import Problem

EXIT_MADE: Final = 0
EXIT_REFUSED: Final = 1
EXIT_AWAY: Final = 2

SYSTEM_PRINCIPAL: Final = Principal(
    kind="system", id="health", name="Heliograph", role=Role.OPERATOR, tenant_id=None
)
"""Who acts where somebody works on the machine itself."""


async def make_key(settings: HealthSettings, *, role: str, name: str, tenant_id: str | None) -> int:
    """Make a key, print it, which happens this one time, and give the exit code."""
    if role not in set(Role):
        return _refused(f"There is no role `{role}`, only {', '.join(Role)}.", EXIT_REFUSED)
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    try:
        problem = await schema_problem(database)
        if problem is not None:
            return _refused(problem, EXIT_REFUSED)
        await ensure_schema(database)
        key = await _made(database, role=role, name=name, tenant_id=tenant_id)
    except StoreUnavailable as error:
        return _refused(str(error), EXIT_AWAY)
    except NotFound:
        return _refused(f"There is no tenant `{tenant_id}`.", EXIT_REFUSED)
    except Problem as problem:
        return _refused(problem.what, EXIT_REFUSED)
    finally:
        database.close()
    sys.stdout.write(f"{key}\n")
    return EXIT_MADE


async def _made(database: Database, *, role: str, name: str, tenant_id: str | None) -> str:
    desk = KeyDesk(
        keys=MongoKeys(database), tenants=MongoTenants(database), hashing=Hashing(), clock=utc_now
    )
    _, key = await desk.make(
        tenant_id, name=name, role=Role(role), expires_at=None, by=SYSTEM_PRINCIPAL
    )
    return key


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"heliograph: no key was made: {why}\n")
    return code
