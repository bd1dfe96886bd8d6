"""How the person at this machine gets into the console: a key of their own, and a link that is good
once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from common.store.client import Database
from common.store.mongo_control_keys import MongoKeys
from common.store.mongo_control_sessions import MongoSessions
from common.store.mongo_control_tenants import MongoTenants
from health.access.first_key import SYSTEM_PRINCIPAL
from health.access.roles import Role
from health.access.secrets import Hashing, new_token, token_hash
from health.desk.keys import KeyDesk
from heliograph.models import now

_GOOD_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is told to the person."""

    sign_in_url: str = field(repr=False)
    """Good once, within an hour."""
    key: str = field(repr=False)
    """An administrator's API key."""


async def welcome_admin(database: Database, tenant_id: str, console_url: str) -> Welcome:
    """Make an administrator's key, and a sign-in with it."""
    desk = KeyDesk(
        keys=MongoKeys(database), tenants=MongoTenants(database), hashing=Hashing(), clock=now
    )
    record, key = await desk.make(
        tenant_id,
        name="You, at this machine",
        role=Role.ADMIN,
        expires_at=None,
        by=SYSTEM_PRINCIPAL,
    )
    ticket = new_token()
    await MongoSessions(database).put_ticket(
        token_hash(ticket), key_id=record.id, expires_at=now() + _GOOD_FOR
    )
    return Welcome(f"{console_url}/sign-in?ticket={ticket}", key)
