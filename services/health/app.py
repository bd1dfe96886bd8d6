"""The composition root of the health service: what exists in it, how it starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from contextlib import AsyncExitStack
from typing import Final

import structlog
from aiohttp import web

from common.bus.client import Bus
from common.bus.topology import SERVICES
from common.connection import Runner
from common.errors import StoreUnavailable
from common.keyed_start import begin_with_schema_and_keys
from common.lifecycle import Runtime, listen
from common.metrics import Metrics
from common.schema_start import drain_where_too_new, stop_where_too_new
from common.store.client import Database, open_database
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.watch import StoreWatch
from health.building import Parts, build_parts, build_validation, now, web_application
from health.daily import DailyRun
from health.migrating import Migrating
from health.once import EXIT_NOT_CHECKED, exit_code, table
from health.repeating import run_all
from health.settings import HealthSettings
from health.web.serve import refuse

log = structlog.get_logger(__name__)

_BUS_PATIENCE: Final = 5.0
"""Seconds for which `--once` waits for the broker, which it can do without."""

_BROKER_PATIENCE: Final = 15.0
"""Seconds for which the service waits for the broker before it serves without."""

_LAST_ROUNDS: Final = 10.0
"""Seconds that a round has to come to its end when the service stops; a provider that answers
slowly could keep one for minutes."""

_LAST_ANSWERS: Final = 10.0
"""Seconds that a request has to be answered when the service stops."""


async def serve(settings: HealthSettings, runtime: Runtime) -> None:
    """Run the service until it is told to stop, then answer what was asked and finish what is in
    hand.

    What is pushed onto the stack ends in the reverse order: first nobody is let in any more, then
    the views end, then bus and database.
    """
    async with AsyncExitStack() as stack:
        database = _database(settings, runtime.metrics)
        stack.callback(database.close)
        bus = _bus(settings, runtime.metrics)
        stack.push_async_callback(bus.close)
        watch = StoreWatch(
            database.ping,
            on_first_answer=lambda: begin_with_schema_and_keys(
                database, settings.master_keys, make=settings.schema_at_start
            ),
            on_answer=lambda: drain_where_too_new(database, runtime.stopping),
        )
        stack.push_async_callback(watch.close)
        # The broker is no check: what to reach for when it is away, the kill switch above all, is
        # here and needs none. What does need it says so, and `heliograph_bus_connected` tells.
        runtime.management.add_check("mongodb", lambda: watch.problem)
        listening = asyncio.Event()
        runtime.management.add_check(
            "console", lambda: None if listening.is_set() else "The console is not served yet."
        )

        bus.start()
        watch.start()
        # Before anything is served or begun: on documents of a newer release, with a wrong master
        # key, or without its indexes the service would do harm, and the store alone tells of them.
        if not await watch.ready_before(runtime.stopping):
            return
        await _met(bus, runtime.stopping)
        parts = await build_parts(
            settings, database, bus, runtime.metrics, stack, failpoints=runtime.failpoints
        )
        await _serve_http(settings, parts, runtime, stack)
        listening.set()
        daily = DailyRun(
            connections=MongoConnections(database),
            leases=MongoLeases(database),
            validation=parts.validation,
            at=settings.validation_time,
            lease=settings.health_validation_lease,
            replica=runtime.replica,
            now=now,
        )
        rounds = {
            "census": parts.census.run,
            "sweep": parts.sweep.run,
            "report sweep": parts.report_sweep.run,
            "retention": parts.retention.run,
            "consent sync": parts.consent_sync.run,
            "daily": daily.run,
        }
        if settings.schema_at_start:
            rounds["migrations"] = Migrating(database, MongoLeases(database)).run
        await run_all(rounds, runtime.stopping, patience=_LAST_ROUNDS)


async def _met(bus: Bus, stopping: asyncio.Event) -> None:
    """Wait for the broker, so that in peace nobody who is let in meets a service without it."""
    waiting = [asyncio.ensure_future(event) for event in (bus.ready(), stopping.wait())]
    await asyncio.wait(waiting, timeout=_BROKER_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _serve_http(
    settings: HealthSettings, parts: Parts, runtime: Runtime, stack: AsyncExitStack
) -> None:
    viewing = asyncio.create_task(parts.live.run(), name="live")
    stack.push_async_callback(asyncio.wait, {viewing})
    runner = Runner(
        web_application(parts.desks, runtime.metrics),
        refuse=refuse,
        auto_decompress=False,
        shutdown_timeout=_LAST_ANSWERS,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    # Before the runner waits for its answers: a view would never end by itself.
    stack.push_async_callback(parts.live.close)
    site = web.TCPSite(runner, settings.health_host, settings.health_port)
    await listen(site.start(), f"console port {settings.health_port}")
    log.info("console.listening", port=settings.health_port)


async def validate_once(settings: HealthSettings) -> int:
    """Validate every connection now, print what came of it, and give the exit code."""
    metrics = Metrics()
    database = _database(settings, metrics)
    bus = _bus(settings, metrics)
    bus.start()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BUS_PATIENCE):
                await bus.ready()
        await stop_where_too_new(database)
        records = await MongoConnections(database).to_validate()
        checked = await build_validation(settings, database, bus, metrics).run(records)
    except StoreUnavailable as error:
        sys.stderr.write(f"heliograph: nothing could be checked: {error}\n")
        return EXIT_NOT_CHECKED
    finally:
        await bus.close()
        database.close()
    sys.stdout.write(table(checked))
    return exit_code(checked)


def _database(settings: HealthSettings, metrics: Metrics) -> Database:
    return open_database(
        settings.mongodb_uri.get_secret_value(),
        settings.mongodb_database,
        settings.mongodb_timeout,
        metrics=metrics,
    )


def _bus(settings: HealthSettings, metrics: Metrics) -> Bus:
    return Bus(
        settings.rabbitmq_url.get_secret_value(),
        app="health",
        topology=SERVICES,
        publish_deadline=settings.publish_deadline,
        heartbeat=settings.rabbitmq_heartbeat,
        metrics=metrics,
    )
