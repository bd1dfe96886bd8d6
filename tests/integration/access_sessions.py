"""Sessions of people at a console that runs, without their signing in: one for each test that wants
one, and no try is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console_world import ConsoleWorld

from common.store.control import SessionRecord
from common.store.mongo_control_sessions import MongoSessions
from health.access.door import Door
from health.access.roles import Role
from health.access.secrets import new_token, token_hash


@dataclass(frozen=True)
class Session:
    """What a browser holds."""

    id: str
    cookie: str
    csrf: str

    @property
    def headers(self) -> dict[str, str]:
        """With which the browser comes."""
        return {"Cookie": f"{Door.COOKIE}={self.cookie}"}


async def open_session(world: ConsoleWorld, key: str) -> Session:
    """A session of who has the key."""
    cookie, csrf, now = new_token(), new_token(), datetime.now(UTC)
    record = SessionRecord(
        id=token_hash(cookie),
        key_id=key.split("_")[1],
        csrf=csrf,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )
    await MongoSessions(world.database).create(record)
    return Session(record.id, cookie, csrf)


async def operators_session(world: ConsoleWorld) -> Session:
    """Of whom may do everything."""
    return await open_session(world, world.keys[Role.OPERATOR])
