"""The door over the real store, and a small server that lets people in by it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, open_database
from common.store.control import SYSTEM, AuditEntry, KeyRecord
from common.store.mongo_audit import MongoAudit
from common.store.mongo_control_keys import MongoKeys
from common.store.mongo_control_sessions import MongoSessions
from common.store.mongo_control_tenants import MongoTenants
from common.store.schema import ensure_schema
from health.access.door import Door
from health.access.first_key import SYSTEM_PRINCIPAL
from health.access.roles import Role
from health.access.secrets import Hashing
from health.access.settings import AccessSettings
from health.access.wiring import build_door
from health.desk.keys import KeyDesk
from health.web.problems import Problem

TENANT = "acme"
HERE = "127.0.0.1"


class Clock:
    """The process's clock, which can be set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class CountingHashing(Hashing):
    """Counts the hashes that were computed."""

    computed = 0

    async def fits(self, key: Any, stored: str | None) -> bool:
        self.computed += 1
        return await super().fits(key, stored)


@dataclass
class AccessWorld:
    """What a test holds."""

    database: Database
    clock: Clock
    http: aiohttp.ClientSession
    hashing: CountingHashing = field(default_factory=CountingHashing)
    url: str = ""

    @property
    def keys(self) -> MongoKeys:
        return MongoKeys(self.database, clock=self.clock)

    @property
    def sessions(self) -> MongoSessions:
        return MongoSessions(self.database, clock=self.clock)

    @property
    def audit(self) -> MongoAudit:
        return MongoAudit(self.database, clock=self.clock)

    @property
    def desk(self) -> KeyDesk:
        return KeyDesk(
            keys=self.keys,
            tenants=MongoTenants(self.database),
            hashing=self.hashing,
            clock=self.clock,
        )

    def door(self, **settings: Any) -> Door:
        """A replica's door."""
        values = {"master_key": generate_master_key()} | settings
        return build_door(
            AccessSettings(**values),
            keys=self.keys,
            sessions=self.sessions,
            audit=self.audit,
            hashing=self.hashing,
            http=self.http,
            clock=self.clock,
        )

    async def key(
        self, role: Role = Role.ADMIN, *, expires_at: datetime | None = None
    ) -> tuple[KeyRecord, str]:
        """A key of the tenant, or an operator's."""
        tenant_id = None if role is Role.OPERATOR else TENANT
        return await self.desk.make(
            tenant_id, name=f"the {role}", role=role, expires_at=expires_at, by=SYSTEM_PRINCIPAL
        )

    async def trail(self, action: str) -> tuple[AuditEntry, ...]:
        """The entries of an action, newest first."""
        return (await self.audit.list(None, action=action, limit=200)).items

    async def ask(self, method: str = "GET", **options: Any) -> tuple[int, dict[str, Any]]:
        """Send a request to the small server: its status, and who it says that one is."""
        async with self.http.request(method, f"{self.url}/who", **options) as answer:
            return answer.status, orjson.loads(await answer.read())


@contextlib.asynccontextmanager
async def open_access(mongo_uri: str, mongo_database: str) -> AsyncIterator[AccessWorld]:
    """A world with one tenant."""
    database = open_database(mongo_uri, mongo_database, 20)
    await ensure_schema(database)
    wrapped = MasterKeys.parse(generate_master_key()).new_tenant_key(TENANT)
    await MongoTenants(database).create(
        TENANT, name="Acme", features=(), wrapped_key=wrapped.to_document(), by=SYSTEM
    )
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield AccessWorld(database, Clock(), http)
    database.close()


@contextlib.asynccontextmanager
async def serving(world: AccessWorld, door: Door) -> AsyncIterator[None]:
    """A server that tells everybody who they are, and looks for the CSRF token of a POST."""

    async def who(request: web.Request) -> web.Response:
        try:
            principal = await door.identify(request)
            if request.method == "POST":
                await door.check_csrf(request, principal)
        except Problem as problem:
            return problem.response()
        return web.json_response(
            {"id": principal.id, "role": principal.role, "tenant_id": principal.tenant_id}
        )

    app = web.Application()
    app.router.add_route("*", "/who", who)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HERE, 0).start()
    world.url = f"http://{HERE}:{runner.addresses[0][1]}"
    yield
    await runner.cleanup()
