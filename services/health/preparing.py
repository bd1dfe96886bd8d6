"""`python -m health --prepare`: what must be there before the services of a release start.

Indexes, data migrations, exchanges and queues, those of every agent included. Each is done where it
is missing, so that it may be run again, and by two pods at once: a lease lets one go first, and the
other finds everything done.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from common.bus.declaring import Cause, Declared, declare_each, together
from common.bus.messages import BusUnavailable
from common.bus.topology import SERVICES, agent_topology
from common.errors import StoreUnavailable
from common.store import schema
from common.store.client import Database, WriteRefused, open_database
from common.store.directory import all_agents
from common.store.migrations import Migrated, Migration, migrate
from common.store.mongo_connections import MongoLeases
from common.store.schema_version import VERSION, schema_problem
from health.leased import kept
from health.settings import HealthSettings

EXIT_PREPARED: Final = 0
EXIT_REFUSED: Final = 1
"""Something is there that contradicts this release; a line says what and what to do."""
EXIT_AWAY: Final = 2
"""MongoDB or RabbitMQ went away, or the job was stopped; start it again."""

LEASE: Final = "prepare"
LEASE_SECONDS: Final = 15.0
_LOOK_AGAIN: Final = 0.5
_LONGEST_BUILD: Final = 24 * 3600.0
"""Seconds that one index may take. The services' own time-out would end the build of a large one,
and begin it anew, for ever."""


class Stopped(Exception):
    """The job was told to stop."""


@dataclass(slots=True)
class _Job:
    settings: HealthSettings
    stopping: asyncio.Event
    refused: bool = False
    doing: str = ""
    """What it is at, for the line about a refusal."""
    owner: str = field(default_factory=lambda: f"prepare/{uuid4().hex}")

    def refuse(self, line: str) -> None:
        self.refused = True
        say(f"REFUSED {line}")

    def go_on(self, lost: asyncio.Event) -> None:
        """Raises Stopped, StoreUnavailable."""
        if self.stopping.is_set():
            raise Stopped
        if lost.is_set():
            raise StoreUnavailable("Another process took over.")


def say(line: str) -> None:
    """One line of the report, at once: the job may take long."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def prepare_until_signal(settings: HealthSettings) -> int:
    """As `prepare`, until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return await prepare(settings, stopping)


async def prepare(settings: HealthSettings, stopping: asyncio.Event) -> int:
    """Do it, say what was done line by line, and give the exit code. `stopping` is heeded between
    two steps."""
    job = _Job(settings, stopping)
    uri, name = settings.mongodb_uri.get_secret_value(), settings.mongodb_database
    database = open_database(uri, name, settings.mongodb_timeout)
    builder = open_database(uri, name, settings.mongodb_timeout, longest=_LONGEST_BUILD)
    try:
        await _under_lease(job, database, builder)
    except (StoreUnavailable, BusUnavailable) as error:
        return _ended(f"not all is prepared: {error} Start it again.")
    except WriteRefused as error:
        job.refuse(
            f"{job.doing}: {error} MongoDB's log says more; mend what contradicts it there, and "
            "start this again. What was done stays done."
        )
    except Stopped:
        return _ended("not all is prepared: it was told to stop. Start it again.")
    finally:
        builder.close()
        database.close()
    if job.refused:
        return EXIT_REFUSED
    say("prepared")
    return EXIT_PREPARED


def _ended(line: str) -> int:
    sys.stderr.write(f"heliograph: {line}\n")
    return EXIT_AWAY


async def _under_lease(job: _Job, database: Database, builder: Database) -> None:
    leases = MongoLeases(database)
    waiting = False
    job.doing = f"lease {LEASE}"
    while not await leases.acquire(LEASE, owner=job.owner, seconds=LEASE_SECONDS):
        if not waiting:
            say("waiting for another process that prepares")
        waiting = True
        job.go_on(asyncio.Event())
        await asyncio.sleep(_LOOK_AGAIN)
    async with kept(leases, LEASE, owner=job.owner, seconds=LEASE_SECONDS) as lost:
        job.doing = "schema version"
        problem = await schema_problem(database)
        if problem is not None:
            job.refuse(problem)
            return
        await _indexes(job, builder, lost)
        await _migrations(job, database, lost)
        await _topology(job, database, lost)


async def _indexes(job: _Job, builder: Database, lost: asyncio.Event) -> None:
    for index in schema.INDEXES:
        job.go_on(lost)
        name = f"index {index.full_name}"
        try:
            await schema.create(builder, index)
        except WriteRefused as error:
            job.refuse(
                f"{name}: {error} Look with db.{index.collection}.getIndexes(): drop another index "
                "of this name or with these keys, or mend the documents that are not unique, and "
                "start this again."
            )
        else:
            say(name)
    job.doing = "list of retired indexes"
    await schema.note_retired(builder)
    for collection, retired in schema.RETIRED:
        job.doing = f"retired index {collection}.{retired}"
        if await schema.retire(builder, collection, retired):
            say(f"index {collection}.{retired} dropped, which no query uses any more")
    job.doing = f"counter {schema.SEQ}"
    await schema.begin_counting(builder)


async def _migrations(job: _Job, database: Database, lost: asyncio.Event) -> None:
    def tell(done: Migrated) -> None:
        what = f"migration {done.migration.version} ({done.migration.name})"
        say(f"{what}: {done.changed} changed" + ("" if done.finished else ", not finished"))

    def begin(migration: Migration) -> None:
        job.doing = f"migration {migration.version} ({migration.name})"

    finished = await migrate(
        database, halt=lambda: job.stopping.is_set() or lost.is_set(), begin=begin, tell=tell
    )
    job.doing = "list of agents"
    if not finished:
        job.go_on(lost)
    say(f"schema version {VERSION}")


async def _topology(job: _Job, database: Database, lost: asyncio.Event) -> None:
    agents = [agent_topology(*agent) for agent in await all_agents(database)]
    url = job.settings.rabbitmq_url.get_secret_value()
    async for declared in declare_each(url, together([SERVICES, *agents]), app="prepare"):
        job.go_on(lost)
        name = f"{declared.kind} {declared.name}"
        if declared.refused is None:
            say(name)
            continue
        job.refuse(f"{name}: {declared.refused.words.rstrip('.')}. {_advice(declared)}")


def _advice(declared: Declared) -> str:
    """What to do about a refusal. Only what is there with other arguments has to go."""
    match declared.refused.cause if declared.refused else None:
        case Cause.OTHER_ARGUMENTS if declared.kind == "queue":
            return (
                "Let it run empty, delete it while nothing publishes to it "
                f"(rabbitmqctl delete_queue {declared.name}), and start this again."
            )
        case Cause.OTHER_ARGUMENTS:
            return (
                "Stop what publishes to it, delete the exchange on the management's page, which "
                "leaves the queues and what is in them, and start this again, which binds them."
            )
        case Cause.NO_RIGHT:
            return (
                "Delete nothing: the user of HELIOGRAPH_RABBITMQ_URL needs the rights to "
                "configure, write and read on it (rabbitmqctl set_permissions). Then start this "
                "again."
            )
        case Cause.NOT_FOUND:
            return (
                "Delete nothing: an exchange that it is bound to is missing. See to what was "
                "refused above, and start this again."
            )
    return "Look into the broker's log, and start this again."
