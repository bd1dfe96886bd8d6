"""Every place where something could leak to, read to its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import bson
import pymongo
from persons import ROUTES, Person
from secret_world import SPANS, Stage

from common.bus.topology import PROCESSOR_QUEUE, SENDER_QUEUE, dead_queue
from health.web.routes import Route, Surface
from heliograph.wire import agent_queue
from local.house import SERVICES
from local.receiver import kept

READ: Final = tuple(
    route for route in ROUTES if route.method == "GET" and route.surface is not Surface.STREAM
)
PARKED_IN: Final = tuple(
    map(dead_queue, (PROCESSOR_QUEUE, SENDER_QUEUE, agent_queue("acme", "front-desk")))
)
STREAMS: Final = tuple(route for route in ROUTES if route.surface is Surface.STREAM)


@contextlib.asynccontextmanager
async def listening(stage: Stage) -> AsyncIterator[None]:
    """Somebody who hears every stream all the while."""
    admin = stage.persons["admin"]
    opened = [asyncio.Event() for _ in STREAMS]
    tasks = [
        asyncio.create_task(_listen(stage, admin, route, event))
        for route, event in zip(STREAMS, opened, strict=True)
    ]
    await asyncio.gather(*(event.wait() for event in opened))
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(stage: Stage, person: Person, route: Route, opened: asyncio.Event) -> None:
    url = stage.world.url + route.path.format(tenant_id="acme")
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(headers=person.bearer, timeout=timeout) as http,
        http.get(url) as answer,
    ):
        assert answer.status == 200
        opened.set()
        async for line in answer.content:
            stage.heard[f"stream {route.name}"] += line.decode()


async def read_everything(stage: Stage) -> dict[str, set[str]]:
    """Everybody opens every route that can be read, with whatever there is in place of its
    parameters; gives the routes that were found (status 200), by person."""
    known = await _known(stage)
    opened: dict[str, set[str]] = defaultdict(set)
    for person in stage.persons.values():
        for route, path in _paths(known):
            status = (
                (await person.page(path))[0]
                if route.surface is Surface.PAGE
                else (await person.ask("GET", path))[0]
            )
            assert status < 500, path
            if status == 200:
                opened[person.name].add(route.name)
    return opened


def _paths(known: Mapping[str, list[str]]) -> Iterator[tuple[Route, str]]:
    for route in READ:
        names = re.findall(r"\{(\w+)", route.path)
        form = re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", route.path)
        query = "?limit=100" if route.query and "limit" in route.query.model_fields else ""
        if route.query and "seen" in route.query.model_fields:
            query = "?seen=nothing"
        for values in itertools.product(*(known[name] for name in names)):
            yield route, form.format(**dict(zip(names, values, strict=True))) + query


async def _known(stage: Stage) -> dict[str, list[str]]:
    """What there is, by the names that paths have for it."""
    texts = stage.world.database.collection("messages").find({"tenant_id": "acme"})
    messages = [document async for document in texts]
    connections = stage.world.database.collection("connections").find()
    consents = stage.world.database.collection("consents").find()
    return {
        "tenant_id": ["acme"],
        "agent_id": [stage.world.seed.agent_id],
        "connection_id": [document["connection_id"] async for document in connections],
        "address": ["%2B18005550100"],
        "conversation_id": sorted({document["conversation_id"] for document in messages}),
        "message_id": [document["_id"] for document in messages],
        "remote": [quote(document["remote"], safe="") async for document in consents],
        "queue": list(PARKED_IN),
        "message": [await _parked_in(stage, queue) for queue in PARKED_IN],
        "path": ["console.css"],
    }


async def _parked_in(stage: Stage, queue: str) -> str:
    """The first message of a parking place, by what it is called."""
    _, page = await stage.persons["operator"].ask("GET", f"/api/v1/dead-letters/{queue}?limit=1")
    (item,) = page["items"]
    return str(item["ref"])


async def sinks_of(stage: Stage, history: str) -> dict[str, str]:
    """Everything but the answers to people, by name."""
    house = stage.world.house
    found = {f"log {path.name}": path.read_text() for path in house.base_dir.glob("*.log")}
    for name in SERVICES:
        url = f"http://127.0.0.1:{house.services[name].management_port}/metrics"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            assert answer.status == 200
            found[f"metrics {name}"] = await answer.text()
    found["spans"] = "\n".join(map(str, kept(stage.folder / SPANS)))
    seen = stage.tap.seen
    found["bus headers"] = "\n".join(
        f"{it.message_id} {it.type} {it.routing_key} {it.headers} {it.correlation_id}"
        for it in seen
    )
    found["bus bodies"] = "\n".join(it.body.decode() for it in seen)
    found["bus changes"] = "\n".join(
        it.body.decode() for it in seen if it.type.startswith("connection.")
    )
    return found | {"history": history}


def dump(uri: str, name: str) -> dict[str, str]:
    """Every document of the database, by collection."""
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        database = client[name]
        return {
            f"store {collection}": "".join(map(_as_text, database[collection].find()))
            for collection in database.list_collection_names()
        }


def newest_write(uri: str) -> Any:
    """The place in the history of all writes at which it ends now."""
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        return client.admin.command("hello")["lastWrite"]["opTime"]["ts"]


def history_since(uri: str, place: Any) -> str:
    """Every write since then, those too that were written over (MongoDB docs, "Replica Set
    Oplog")."""
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        written = client.local["oplog.rs"].find({"ts": {"$gt": place}})
        return "".join(map(_as_text, written))


def _as_text(document: Mapping[str, Any]) -> str:
    """As it lies on the disk, so that texts are in it as they are."""
    return bson.encode(document).decode("latin-1")
