"""`python -m health --prepare` on real servers: everything is there, however often it is run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import aiohttp
import pymongo
import pytest

from common.bus.topology import (
    SENDER_QUEUE,
    SERVICES,
    Binding,
    Exchange,
    Queue,
    Topology,
    agent_topology,
)
from common.secrets import generate_master_key
from common.store import schema, schema_version
from common.store.client import Database, open_database
from common.store.migrations import MIGRATIONS, Migrated, Migration, migrate
from common.store.schema_version import VERSION, missing_preparation, read_version
from health import preparing
from health.access.first_key import make_key
from health.preparing import EXIT_AWAY, EXIT_PREPARED, EXIT_REFUSED, LEASE, prepare
from health.settings import HealthSettings
from local.nodes import ports

PATIENCE = 60
UNUSABLE = 78


@dataclass
class Place:
    """A virtual host and a database, and processes that are given both."""

    rabbitmq_url: str
    mongodb_uri: str
    database: Any

    @asynccontextmanager
    async def process(
        self, service: str, *arguments: str, **settings: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        chosen = {
            "rabbitmq_url": self.rabbitmq_url,
            "mongodb_uri": self.mongodb_uri,
            "mongodb_database": self.database.name,
            "master_key": generate_master_key(),
            "management_host": "127.0.0.1",
            "management_port": "0",
            "webhook_host": "127.0.0.1",
            "webhook_port": "0",
            "health_host": "127.0.0.1",
            "health_port": "0",
        } | settings
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", service, *arguments),
            env={f"HELIOGRAPH_{name.upper()}": value for name, value in chosen.items()},
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    def settings(self, **settings: str) -> HealthSettings:
        chosen = {
            "rabbitmq_url": self.rabbitmq_url,
            "mongodb_uri": self.mongodb_uri,
            "mongodb_database": self.database.name,
            "master_key": generate_master_key(),
        } | settings
        return HealthSettings.model_validate(chosen)

    async def prepare(self, **settings: str) -> int:
        """The job in this process; its exit code."""
        return await prepare(self.settings(**settings), asyncio.Event())


@pytest.fixture
def place(
    vhost_url: str,
    mongo_uri: str,
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    mongo_database: str,
) -> Place:
    return Place(vhost_url, mongo_uri, mongo_client[mongo_database])


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Database]:
    opened = open_database(place.mongodb_uri, place.database.name, 5)
    yield opened
    opened.close()


async def queues_there(url: str, names: list[str]) -> list[str]:
    connection = await aio_pika.connect(url)
    there = []
    async with connection:
        for name in names:
            channel = await connection.channel()
            try:
                await channel.declare_queue(name, passive=True)
                there.append(name)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                continue
    return there


def old_world(database: Any) -> None:
    """Documents and an index as releases before schema version 1 and 2 left them."""
    database.agents.insert_one(
        {"_id": "acme/helper", "tenant_id": "acme", "agent_id": "helper", "bus_user": "acme-helper"}
    )
    database.messages.insert_many(
        [{"_id": f"t{place}", "tenant_id": "acme", "state": "held"} for place in range(3)]
        + [{"_id": "sent", "tenant_id": "acme", "state": "finished"}]
        + [{"_id": "closed", "tenant_id": "acme", "state": "held", "open": False}]
    )
    database.numbers.insert_many(
        [
            {"_id": "acme/+18005550100", "address": "+18005550100", "connected": True},
            {"_id": "acme/12345", "address": "12345", "connected": True},
            {"_id": "acme/+15551230001", "address": "+15551230001", "type": "mobile"},
        ]
    )
    database.messages.create_index([("at", 1)], name="history")


async def test_it_makes_all_that_a_release_needs_and_migrates_what_an_older_one_left(
    place: Place, store: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    old_world(place.database)
    assert await place.prepare() == EXIT_PREPARED
    lines = capsys.readouterr().out.splitlines()
    for index in schema.INDEXES:
        assert index.name in place.database[index.collection].index_information()
        assert f"index {index.collection}.{index.name}" in lines
    assert "history" not in place.database.messages.index_information()
    assert lines.count("migration 1 (held texts are open): 3 changed") == 1
    assert lines.count("migration 2 (numbers have a type): 2 changed") == 1
    assert [one["open"] for one in place.database.messages.find({"state": "held"}).sort("_id")] == [
        *(False,),
        *(True,) * 3,
    ]
    assert "open" not in place.database.messages.find_one({"_id": "sent"})
    assert {one["address"]: one["type"] for one in place.database.numbers.find()} == {
        "+18005550100": "toll_free",
        "12345": "short_code",
        "+15551230001": "mobile",
    }
    agents = agent_topology("acme", "helper")
    names = [queue.name for queue in (*SERVICES.queues, *agents.queues)]
    assert await queues_there(place.rabbitmq_url, names) == names
    assert (await read_version(store)).version == VERSION
    assert await missing_preparation(store) is None
    assert lines[-1] == "prepared"


async def test_two_at_once_and_one_again_change_nothing_more(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    old_world(place.database)
    codes = await asyncio.gather(place.prepare(), place.prepare())
    assert codes == [EXIT_PREPARED, EXIT_PREPARED]
    lines = capsys.readouterr().out.splitlines()
    assert "waiting for another process that prepares" in lines
    assert len([line for line in lines if line.startswith("migration")]) == len(MIGRATIONS)
    assert place.database.leases.find_one({"_id": LEASE}) is None
    assert await place.prepare() == EXIT_PREPARED
    assert "migration" not in capsys.readouterr().out


async def test_what_contradicts_it_is_named_with_what_to_do_and_the_rest_is_made(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = await aio_pika.connect(place.rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(SENDER_QUEUE, durable=True)
    place.database.messages.create_index([("at", 1)], name=schema.CONVERSATION_INDEX)
    assert await place.prepare() == EXIT_REFUSED
    lines = capsys.readouterr().out.splitlines()
    refused = [line for line in lines if line.startswith("REFUSED")]
    assert len(refused) == 2
    assert f"index messages.{schema.CONVERSATION_INDEX}" in refused[0]
    assert f"queue {SENDER_QUEUE}" in refused[1]
    assert f"rabbitmqctl delete_queue {SENDER_QUEUE}" in refused[1]
    names = [queue.name for queue in SERVICES.queues]
    assert await queues_there(place.rabbitmq_url, names) == names
    assert schema.HELD_INDEX in place.database.messages.index_information()


async def test_only_what_has_other_arguments_is_advised_to_be_deleted(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await aio_pika.connect(place.rabbitmq_url)
    async with connection:
        channel = await connection.channel()
        await channel.declare_exchange("made-otherwise", "fanout", durable=True)
    refused = Topology(
        # Nobody has the right to make a name that begins so.
        exchanges=(Exchange("made-otherwise", "topic"), Exchange("amq.mine", "topic")),
        queues=(Queue("bound-to-nothing", {}, (Binding("not-there", "#"),)),),
    )
    monkeypatch.setattr(preparing, "SERVICES", refused)
    assert await place.prepare() == EXIT_REFUSED
    lines = capsys.readouterr().out.splitlines()
    otherwise, no_right, not_found = [line for line in lines if line.startswith("REFUSED")]
    assert "exchange made-otherwise: PRECONDITION_FAILED" in otherwise
    assert "delete the exchange" in otherwise
    assert "exchange amq.mine: ACCESS_REFUSED" in no_right
    assert "Delete nothing" in no_right
    assert "set_permissions" in no_right
    assert "queue bound-to-nothing: NOT_FOUND" in not_found
    assert "Delete nothing" in not_found
    assert "rabbitmqctl delete_" not in "".join(lines)


@pytest.mark.parametrize(
    ("collection", "says"),
    [
        (schema.LEASES, f"lease {LEASE}"),
        (schema.SCHEMA, "list of retired indexes"),
        (schema.COUNTERS, "counter seq"),
        (schema.NUMBERS, "migration 2 (numbers have a type)"),
    ],
)
async def test_a_write_that_mongodb_refuses_is_named_like_any_other_refusal(
    place: Place, collection: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old_world(place.database)
    if collection not in place.database.list_collection_names():
        place.database.create_collection(collection)
    place.database.command("collMod", collection, validator={"nobody": "has this"})
    assert await place.prepare() == EXIT_REFUSED
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "REFUSED" in line]
    assert line.startswith(f"REFUSED {says}: MongoDB refused")


@pytest.mark.parametrize("server", ["rabbitmq", "mongodb"])
async def test_where_a_server_is_away_it_says_so_and_may_be_started_again(
    place: Place, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"127.0.0.1:{ports.choose()}/"
    gone = (
        {"rabbitmq_url": f"amqp://guest:guest@{nowhere}"}
        if server == "rabbitmq"
        else {"mongodb_uri": f"mongodb://{nowhere}", "mongodb_timeout": "0.3"}
    )
    assert await place.prepare(**gone) == EXIT_AWAY
    errors = capsys.readouterr().err
    assert "Start it again." in errors
    assert "guest:guest" not in errors


async def test_sigterm_ends_it_while_it_waits_for_another(place: Place) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    place.database.leases.insert_one({"_id": LEASE, "owner": "another", "until": later})
    async with place.process("health", "--prepare") as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"waiting for another process that prepares\n"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == EXIT_AWAY


async def test_a_migration_that_is_stopped_goes_on_where_it_was(
    place: Place, store: Database
) -> None:
    old_world(place.database)
    told: list[Migrated] = []
    looks = iter([False, True])
    assert not await migrate(
        store, batch=2, pause=0, halt=lambda: next(looks, True), tell=told.append
    )
    assert [(one.changed, one.finished) for one in told] == [(2, False)]
    assert (await read_version(store)).version == 0
    assert await migrate(store, batch=2, pause=0, tell=told.append)
    assert [one.changed for one in told] == [2, 1, 2]
    assert (await read_version(store)).version == VERSION


async def test_what_an_older_service_wrote_after_a_migration_is_migrated_by_the_next_preparation(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await place.prepare() == EXIT_PREPARED
    place.database.messages.insert_one({"_id": "late", "tenant_id": "acme", "state": "held"})
    capsys.readouterr()
    assert await place.prepare() == EXIT_PREPARED
    assert "migration 1 (held texts are open): 1 changed" in capsys.readouterr().out.splitlines()
    assert place.database.messages.find_one({"_id": "late"})["open"] is True


async def test_a_release_that_does_not_know_the_schema_stops_with_one_line(place: Place) -> None:
    newer = {"_id": schema.SCHEMA_DOCUMENT, "version": VERSION + 3, "compatible_from": VERSION + 1}
    place.database.schema.insert_one(newer)
    assert await place.prepare() == EXIT_REFUSED

    async def refuses(*command: str) -> None:
        async with place.process(*command) as process:
            _, errors = await process.communicate()
            assert process.returncode == UNUSABLE, command
            lines = errors.decode().splitlines()
            (line,) = [line for line in lines if line.startswith("heliograph: ")]
            assert f"schema version {VERSION + 3}" in line

    services = [(name,) for name in ("webhook", "processor", "sender", "health")]
    tasks = [("health", task) for task in ("--once", "--rotate-master-key", "--replace-lost-keys")]
    await asyncio.gather(*(refuses(*command) for command in (*services, *tasks)))
    made = await make_key(place.settings(), role="operator", name="a", tenant_id=None)
    assert made == EXIT_REFUSED
    assert {*place.database.list_collection_names()} <= {schema.SCHEMA, schema.LEASES}


async def until_ready(port: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with session.get("/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


async def test_a_running_service_that_becomes_too_old_finishes_and_ends(place: Place) -> None:
    assert await place.prepare() == EXIT_PREPARED
    services = ("webhook", "processor", "sender", "health")
    all_ready = asyncio.Barrier(len(services))

    async def ends(service: str) -> None:
        port = ports.choose()
        async with place.process(service, management_port=str(port)) as process:
            await until_ready(port)
            await all_ready.wait()
            newer = {"version": VERSION, "compatible_from": VERSION + 1}
            place.database.schema.update_one({"_id": schema.SCHEMA_DOCUMENT}, {"$set": newer})
            _, errors = await process.communicate()
            assert process.returncode == 0, errors
            assert b"schema.too_new" in errors
            assert b"service.stopped" in errors

    await asyncio.gather(*map(ends, services))


async def test_a_contract_waits_until_services_that_are_too_old_for_it_have_ended(
    store: Database,
) -> None:
    leave = 0.3
    seen: list[tuple[int, float]] = []

    async def step(database: Database, _limit: int) -> int:
        seen.append(((await read_version(database)).compatible_from, time.monotonic()))
        return 0

    contract = Migration(VERSION + 1, "a contract", step, compatible_from=VERSION + 1)
    assert await migrate(store)
    began = time.monotonic()
    assert await migrate(store, migrations=(contract,), leave=leave)
    ((compatible_from, at),) = seen
    assert compatible_from == VERSION + 1
    assert at - began >= leave


async def test_a_newer_schema_that_says_it_is_compatible_is_worked_with(place: Place) -> None:
    newer = {"_id": schema.SCHEMA_DOCUMENT, "version": VERSION + 3, "compatible_from": VERSION}
    place.database.schema.insert_one(newer)
    assert await place.prepare() == EXIT_PREPARED
    assert place.database.schema.find_one()["version"] == VERSION + 3


async def test_an_older_release_starts_again_without_an_index_that_a_newer_one_retired(
    place: Place, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_old = schema.Index(schema.MESSAGES, "history", (("at", 1),))
    older = (*schema.INDEXES, of_old)
    assert await place.prepare() == EXIT_PREPARED
    # Of the same version: no migration tells the two releases apart.
    monkeypatch.setattr(schema_version, "INDEXES", older)
    assert await missing_preparation(store) is None
    # One that nobody has retired is missed.
    place.database.messages.drop_index(schema.HELD_INDEX)
    assert schema.HELD_INDEX in (await missing_preparation(store) or "")

    # The older release's own job makes its index again, and from then on misses it.
    monkeypatch.setattr(schema, "INDEXES", older)
    monkeypatch.setattr(schema, "RETIRED", ())
    assert await place.prepare() == EXIT_PREPARED
    assert of_old.name in place.database.messages.index_information()
    place.database.messages.drop_index(of_old.name)
    assert of_old.name in (await missing_preparation(store) or "")


@pytest.mark.parametrize("service", ["processor", "sender", "health"])
async def test_where_the_job_makes_the_schema_a_service_waits_for_it(
    place: Place, service: str
) -> None:
    port, console = ports.choose(), ports.choose()
    settings = {"management_port": str(port), "health_port": str(console)}
    async with (
        place.process(service, schema_at_start="false", **settings) as process,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):

        async def until(wanted: str | None) -> None:
            while True:
                try:
                    async with session.get("/readyz") as answer:
                        problem = (await answer.json())["problems"].get("mongodb")
                except aiohttp.ClientConnectorError:
                    problem = "it does not listen yet"
                if problem == wanted or (wanted and wanted in (problem or "")):
                    return
                await asyncio.sleep(0.05)

        await until("Run `python -m health --prepare`.")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", console)
        assert place.database.list_collection_names() == []
        assert await place.prepare() == EXIT_PREPARED
        await until(None)
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
        assert process.returncode == 0
        events = [json.loads(line)["event"] for line in errors.splitlines()]
        if service == "health":
            assert events.index("store.up") < events.index("console.listening")


def test_the_version_is_that_of_the_last_migration() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(1, VERSION + 1))
    assert all(migration.compatible_from <= migration.version for migration in MIGRATIONS)
