"""One RabbitMQ and one MongoDB for a whole run, and an untouched corner of both for each side of
each round: a fresh virtual host and a fresh database, filled alike."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pymongo

from bench.texts import AGENT, HISTORY, NUMBER, TENANT, past_documents
from common.bus.client import Bus
from common.secrets import MasterKeys
from common.store.client import open_database
from common.store.schema import COUNTERS, MESSAGES, SEQ
from local.house import Address, House
from local.nodes import MongoNode, RabbitNode
from local.seed import UNLIMITED, Seed, plant

SECRET = "bench"  # noqa: S105 - the webhook of the benchmark asks for it, as a real one does

NOBODY = "http://127.0.0.1:9"
"""A provider's endpoint that nothing is sent to."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A fresh virtual host and database with one number, one agent and conversations."""

    rabbitmq_url: str
    mongodb_uri: str
    database: str
    master_key: str
    folder: Path

    def servers(self) -> dict[str, str]:
        """Where the servers are, as settings."""
        return {
            "rabbitmq_url": self.rabbitmq_url,
            "mongodb_uri": self.mongodb_uri,
            "mongodb_database": self.database,
        }

    def house(self, **settings: str) -> House:
        """Our four services on this scene, with their default settings but for those given; none
        is started."""
        address = Address(self.rabbitmq_url, self.mongodb_uri, self.database, self.master_key)
        return House(self.folder, address, webhook_secrets=SECRET, **settings)


class Servers:
    """The servers of a run."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="heliograph-bench-"))
        self.rabbit = RabbitNode(self._folder / "rabbitmq")
        self.mongo = MongoNode(self._folder / "mongodb")

    def __enter__(self) -> Self:
        try:
            self.rabbit.start()
            self.mongo.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.mongo.kill()
        self.rabbit.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @asynccontextmanager
    async def scene(self, *, endpoint: str = NOBODY) -> AsyncIterator[Scene]:
        """A fresh scene; gone afterwards, so that no round pays for an earlier one. `endpoint` is
        the provider's, where something is sent."""
        name = f"bench_{secrets.token_hex(4)}"
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        url = await asyncio.to_thread(self.rabbit.add_vhost, name)
        scene = Scene(url, self.mongo.uri, name, key, self._folder / name)
        try:
            await _furnish(scene, endpoint)
            yield scene
        finally:
            await asyncio.to_thread(self.rabbit.delete_vhost, name)
            await asyncio.to_thread(self._drop, name)

    def versions(self) -> dict[str, str]:
        """What the servers say they are."""
        with pymongo.MongoClient[dict[str, Any]](self.mongo.uri) as client:
            mongodb = str(client.server_info()["version"])
        rabbitmq = self.rabbit.evaluate("rabbit_misc:version()").strip('"')
        return {"RabbitMQ": rabbitmq, "MongoDB": mongodb}

    def _drop(self, database: str) -> None:
        with pymongo.MongoClient[dict[str, Any]](self.mongo.uri) as client:
            client.drop_database(database)


async def _furnish(scene: Scene, endpoint: str) -> None:
    """The number with its agent, as an administrator makes them, and conversations with a past."""
    database = open_database(scene.mongodb_uri, scene.database, 10.0)
    bus = Bus(scene.rabbitmq_url, app="bench")
    bus.start()
    await bus.ready()
    try:
        seed = Seed(
            tenant_id=TENANT, agent_id=AGENT, number=NUMBER, rules=UNLIMITED, endpoint=endpoint
        )
        await plant(seed, database=database, bus=bus, keys=MasterKeys.parse(scene.master_key))
        past = past_documents()
        assert len(past) >= HISTORY
        await database.collection(MESSAGES).insert_many(past)
        await database.collection(COUNTERS).update_one({"_id": SEQ}, {"$set": {"value": len(past)}})
    finally:
        await bus.close()
        database.close()
