"""Connections of a simulated ACS, in the real store, and the health service over them."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import SecretStr

from common.bus.client import Bus
from common.bus.subscription import Subscription
from common.bus.topology import EXCHANGES, Topology
from common.events import ConnectionChanged
from common.failpoints import Failpoints
from common.lifecycle import Runtime
from common.management import Management
from common.metrics import Metrics
from common.numbers import changes_queue
from common.secrets import MasterKeys, WrappedKey, generate_master_key
from common.store.client import Database
from common.store.mongo_connections import MongoConnections
from common.store.records import ConnectionRecord, ConnectionStatus
from health.settings import HealthSettings
from local.simulator import Simulator

TENANT = "acme"
PATIENCE = 30.0


def canary_key() -> str:
    """An access key that would be recognised wherever it leaked."""
    return base64.b64encode(b"CANARY-access-key-CANARY-" + os.urandom(16)).decode()


@dataclass
class World:
    """The store, the broker, the simulator, and what the service needs to know of them."""

    sim: Simulator
    database: Database
    mongo_uri: str
    mongo_database: str
    rabbitmq_url: str
    master_key: str = field(default_factory=generate_master_key)

    @property
    def connections(self) -> MongoConnections:
        return MongoConnections(self.database)

    @property
    def credentials(self) -> dict[str, str]:
        return {"connection_string": f"endpoint={self.sim.url};accesskey={self.sim.access_key}"}

    async def connect(self, *names: str, credentials: dict[str, str] | None = None) -> None:
        """Create connections of one tenant, by default to the simulator."""
        keys = MasterKeys.parse(self.master_key)
        wrapped = await self.connections.put_tenant(
            TENANT, name="Acme", wrapped_key=keys.new_tenant_key(TENANT).to_document()
        )
        key = keys.unwrap(TENANT, WrappedKey.from_document(wrapped))
        for name in names:
            sealed = key.seal(name, credentials or self.credentials)
            await self.connections.put_connection(
                TENANT, name, name=name, provider="acs", sealed=sealed.to_document()
            )

    async def record(self, name: str = "c1") -> ConnectionRecord:
        record = await self.connections.get(TENANT, name)
        assert record is not None
        return record

    async def disconnect(self, name: str) -> None:
        await self.connections.set_status(
            TENANT,
            name,
            status=ConnectionStatus.DISCONNECTED,
            error=None,
            checked_at=datetime(2025, 1, 1, tzinfo=UTC),
        )

    async def all_checked(self) -> bool:
        return all(record.checked_at for record in await self.connections.to_validate())

    def settings(self, **changes: object) -> HealthSettings:
        """Settings of a service whose daily run is overdue."""
        values = {
            "rabbitmq_url": SecretStr(self.rabbitmq_url),
            "mongodb_uri": SecretStr(self.mongo_uri),
            "mongodb_database": self.mongo_database,
            "master_key": SecretStr(self.master_key),
            "health_host": "127.0.0.1",
            "health_port": 0,
            "health_validation_time": "00:00",
            "health_validation_lease": 1.0,
            "health_validation_retry_pause": 0.0,
        }
        return HealthSettings(**(values | changes))  # type: ignore[arg-type] # checked when run

    async def start(self, *arguments: str, **changes: str) -> Process:
        """`python -m health` with the same settings; `changes` are further ones, by their name."""
        environment = {
            "rabbitmq_url": self.rabbitmq_url,
            "mongodb_uri": self.mongo_uri,
            "mongodb_database": self.mongo_database,
            "master_key": self.master_key,
            "management_host": "127.0.0.1",
            "management_port": "0",
            "log_level": "debug",
            "health_host": "127.0.0.1",
            "health_port": "0",
            "health_validation_time": "00:00",
            "health_validation_lease": "1",
            "health_validation_retry_pause": "0",
        } | changes
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "health",
            *arguments,
            env={f"HELIOGRAPH_{name.upper()}": value for name, value in environment.items()},
            stdout=PIPE,
            stderr=PIPE,
        )


class Listener:
    """Hears every `connection.changed`, as the caches do."""

    def __init__(self, rabbitmq_url: str):
        self.bus = Bus(rabbitmq_url, app="listener", topology=Topology(EXCHANGES))
        self._changes: Subscription | None = None

    async def start(self) -> None:
        self.bus.start()
        await self.bus.ready()
        queue = changes_queue("listener")
        self._changes = await self.bus.subscribe(queue.name, prefetch=100, private=queue)

    async def next(self) -> ConnectionChanged:
        """The next change, which must come."""
        assert self._changes is not None
        async with asyncio.timeout(PATIENCE):
            delivery = await self._changes.deliveries.get()
        await delivery.ack()
        return ConnectionChanged.decode(delivery.body)

    @property
    def waiting(self) -> int:
        """Changes that were heard and not taken."""
        assert self._changes is not None
        return self._changes.deliveries.qsize()

    async def close(self) -> None:
        assert self._changes is not None
        await self._changes.cancel()
        await self.bus.close()


def runtime(replica: str) -> Runtime:
    """A runtime without listening management endpoints."""
    metrics = Metrics()
    management = Management(metrics, host="127.0.0.1", port=0)
    return Runtime("health", metrics, management, Failpoints(), replica=replica)


def ready(replica: Runtime) -> Callable[[], Awaitable[bool]]:
    """A condition: the replica has its broker and its store."""

    async def condition() -> bool:
        return not replica.management.problems()

    return condition


async def said(process: Process, event: str) -> None:
    """Wait until a process has logged an event."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while event not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it ended without {event}"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so in the store, which tells nobody of its changes."""
    end = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < end, "it did not come to be"
        await asyncio.sleep(0.05)
