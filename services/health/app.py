"""The composition root of the health service: what exists in it, how it starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from typing import Final

from common.bus.client import Bus
from common.bus.topology import EXCHANGES, Topology
from common.errors import StoreUnavailable
from common.lifecycle import Runtime
from common.metrics import Metrics
from common.providers.registry import PROVIDERS
from common.store.client import Database, open_database
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.schema import ensure_schema
from common.store.watch import StoreWatch
from health.checking import Checker
from health.daily import DailyRun
from health.once import EXIT_NOT_CHECKED, exit_code, table
from health.settings import HealthSettings
from health.validation import Validation

_BUS_PATIENCE: Final = 5.0
"""Seconds for which `--once` waits for the broker, which it can do without."""


async def serve(settings: HealthSettings, runtime: Runtime) -> None:
    """Run the service until it is told to stop."""
    database = _database(settings)
    bus = _bus(settings)
    watch = StoreWatch(database.ping, on_first_answer=lambda: ensure_schema(database))
    daily = DailyRun(
        connections=MongoConnections(database),
        leases=MongoLeases(database),
        validation=_validation(settings, database, bus, runtime.metrics),
        at=settings.validation_time,
        lease=settings.health_validation_lease,
        replica=runtime.replica,
        now=_now,
    )
    runtime.management.add_check("rabbitmq", lambda: bus.problem)
    runtime.management.add_check("mongodb", lambda: watch.problem)

    bus.start()
    watch.start()
    await daily.run(runtime.stopping)

    await watch.close()
    await bus.close()
    database.close()


async def validate_once(settings: HealthSettings) -> int:
    """Validate every connection now, print what came of it, and give the exit code."""
    database = _database(settings)
    bus = _bus(settings)
    bus.start()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BUS_PATIENCE):
                await bus.ready()
        records = await MongoConnections(database).to_validate()
        checked = await _validation(settings, database, bus, Metrics()).run(records)
    except StoreUnavailable as error:
        sys.stderr.write(f"heliograph: nothing could be checked: {error}\n")
        return EXIT_NOT_CHECKED
    finally:
        await bus.close()
        database.close()
    sys.stdout.write(table(checked))
    return exit_code(checked)


def _validation(
    settings: HealthSettings, database: Database, bus: Bus, metrics: Metrics
) -> Validation:
    return Validation(
        connections=MongoConnections(database),
        checker=Checker(
            PROVIDERS,
            settings.master_keys,
            timeout=settings.health_validation_timeout,
            pause=settings.health_validation_retry_pause,
        ),
        bus=bus,
        metrics=metrics,
        concurrency=settings.health_validation_concurrency,
        now=_now,
    )


def _database(settings: HealthSettings) -> Database:
    return open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )


def _bus(settings: HealthSettings) -> Bus:
    return Bus(
        settings.rabbitmq_url.get_secret_value(),
        app="health",
        topology=Topology(EXCHANGES),
        publish_deadline=settings.publish_deadline,
        heartbeat=settings.rabbitmq_heartbeat,
    )


def _now() -> datetime:
    return datetime.now(UTC)
