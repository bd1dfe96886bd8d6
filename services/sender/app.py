"""The composition root of the sender: everything that exists in it, how it starts and drains."""

from __future__ import annotations

import asyncio

import structlog

from common.bus.client import Bus
from common.bus.topology import SENDER_QUEUE, SERVICES
from common.bus.work import Lanes, work_until
from common.lifecycle import Runtime
from common.numbers import changes_queue
from common.providers.registry import PROVIDERS
from common.store.client import Database, open_database
from common.store.mongo_connections import MongoConnections
from common.store.mongo_outbound import MongoOutbound
from common.store.schema import ensure_schema
from common.store.watch import StoreWatch
from sender.carrying import Carrying
from sender.clients import Clients, follow
from sender.envelope import lane_of
from sender.handler import Handler
from sender.sending import Sending
from sender.settings import SenderSettings
from sender.telling import SenderBus

log = structlog.get_logger(__name__)


async def serve(settings: SenderSettings, runtime: Runtime) -> None:
    """Run the sender until it is told to stop."""
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    bus = Bus(
        settings.rabbitmq_url.get_secret_value(),
        app=runtime.name,
        topology=SERVICES,
        publish_deadline=settings.publish_deadline,
        heartbeat=settings.rabbitmq_heartbeat,
    )
    watch = StoreWatch(database.ping, on_first_answer=lambda: ensure_schema(database))
    clients = Clients(
        MongoConnections(database),
        PROVIDERS,
        settings.master_keys,
        size=settings.sender_clients,
        timeout=settings.sender_provider_timeout,
    )
    handler = build_handler(settings, runtime, database, bus, clients)
    runtime.management.add_check("rabbitmq", lambda: bus.problem)
    runtime.management.add_check("mongodb", lambda: watch.problem)
    if settings.trust_command_identity:
        log.warning("sender.identity_not_checked", setting="HELIOGRAPH_TRUST_COMMAND_IDENTITY")

    # Before the bus, so that who is ready also takes commands.
    for provider in PROVIDERS.values():
        await asyncio.to_thread(provider.prepare)
    bus.start()
    watch.start()
    changes = changes_queue(f"{runtime.name}.{runtime.replica}")
    following = asyncio.create_task(
        follow(clients, await bus.subscribe(changes.name, prefetch=10, private=changes))
    )
    lanes = Lanes(
        await bus.subscribe(SENDER_QUEUE, prefetch=settings.sender_prefetch),
        bus,
        handler.handle,
        lanes=settings.sender_lanes,
        lane_of=lane_of,
    )
    await work_until(runtime.stopping, lanes)

    following.cancel()
    await clients.close()
    await watch.close()
    await bus.close()
    database.close()


def build_handler(
    settings: SenderSettings,
    runtime: Runtime,
    database: Database,
    bus: SenderBus,
    clients: Clients,
) -> Handler:
    """The handler over MongoDB and the provider clients."""
    store = MongoOutbound(database)
    sending = Sending(
        store=store,
        clients=clients,
        providers=PROVIDERS,
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=runtime.replica,
        lease=settings.sender_lease,
        attempts=settings.sender_attempts,
        in_place=settings.sender_retry_in_place_max,
    )
    carrying = Carrying(
        store=store,
        sending=sending,
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=runtime.replica,
        longest_pause=settings.sender_retry_after_cap,
    )
    return Handler(
        store=store,
        bus=bus,
        carrying=carrying,
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=runtime.replica,
        lease=settings.sender_lease,
        long_text_limit=settings.sender_long_text_limit,
        trust=settings.trust_command_identity,
    )
