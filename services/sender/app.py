"""The composition root of the sender: everything that exists in it, how it starts and drains."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from common.announcing import Announcer
from common.bus.client import Bus
from common.bus.topology import SENDER_QUEUE, SERVICES
from common.bus.work import Lanes, work_until
from common.failpoints import Failpoint
from common.keyed_start import begin_with_schema_and_keys
from common.lifecycle import Runtime
from common.numbers import changes_queue
from common.providers.port import Provider
from common.schema_start import drain_where_too_new
from common.store.client import Database, open_database
from common.store.mongo_circuits import MongoCircuits
from common.store.mongo_connections import MongoConnections
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_conversation_holds import MongoConversationFacts
from common.store.mongo_limits import MongoLimits
from common.store.mongo_outbound import MongoOutbound
from common.store.watch import StoreWatch
from sender.breaking import Breaker
from sender.carrying import Carrying
from sender.clients import Clients, follow
from sender.deciding import Deciding
from sender.dispatch import Dispatch
from sender.envelope import lane_of
from sender.handler import Handler
from sender.sending import Sending
from sender.settings import SenderSettings
from sender.telling import SenderBus, Telling

log = structlog.get_logger(__name__)


async def serve(settings: SenderSettings, runtime: Runtime) -> None:
    """Run the sender until it is told to stop, then finish what is in hand.

    What is pushed onto the stack ends in the reverse order: the provider clients go first, then the
    bus and the database.
    """
    if settings.trust_command_identity:
        log.warning("sender.identity_not_checked", setting="HELIOGRAPH_TRUST_COMMAND_IDENTITY")
    async with AsyncExitStack() as stack:
        database = open_database(
            settings.mongodb_uri.get_secret_value(),
            settings.mongodb_database,
            settings.mongodb_timeout,
            metrics=runtime.metrics,
        )
        stack.callback(database.close)
        bus = _bus(settings, runtime)
        stack.push_async_callback(bus.close)
        watch = StoreWatch(
            database.ping,
            on_first_answer=lambda: begin_with_schema_and_keys(
                database, settings.master_keys, make=settings.schema_at_start
            ),
            on_answer=lambda: drain_where_too_new(database, runtime.stopping),
        )
        stack.push_async_callback(watch.close)
        known = settings.providers
        clients = _clients(settings, database, known)
        stack.push_async_callback(clients.close)
        runtime.metrics.provider_clients.set_function(lambda: len(clients))
        runtime.management.add_check("rabbitmq", lambda: bus.problem)
        runtime.management.add_check("mongodb", lambda: watch.problem)

        # Before the bus, so that who is ready also takes commands.
        for provider in known.values():
            await asyncio.to_thread(provider.prepare)
        watch.start()
        # Nor before the store, whose first answer tells of a wrong master key: commands wait in
        # their queue meanwhile, as nothing could be done with them.
        if not await watch.ready_before(runtime.stopping):
            return
        bus.start()
        await _follow_changes(bus, clients, runtime, stack)
        handler = build_handler(settings, runtime, database, bus, clients)
        await work_until(runtime.stopping, await _lanes(settings, runtime, bus, handler))


def _bus(settings: SenderSettings, runtime: Runtime) -> Bus:
    return Bus(
        settings.rabbitmq_url.get_secret_value(),
        app=runtime.name,
        topology=SERVICES,
        publish_deadline=settings.publish_deadline,
        heartbeat=settings.rabbitmq_heartbeat,
        metrics=runtime.metrics,
    )


def _clients(
    settings: SenderSettings, database: Database, providers: Mapping[str, Provider]
) -> Clients:
    return Clients(
        MongoConnections(database),
        providers,
        settings.master_keys,
        size=settings.sender_clients,
        timeout=settings.sender_provider_timeout,
        public_url=settings.public_webhook_url,
    )


async def _follow_changes(
    bus: Bus, clients: Clients, runtime: Runtime, stack: AsyncExitStack
) -> None:
    queue = changes_queue(f"{runtime.name}.{runtime.replica}")
    changes = await bus.subscribe(queue.name, prefetch=10, private=queue)
    following = asyncio.create_task(follow(clients, changes), name="changes")
    stack.callback(following.cancel)


async def _lanes(settings: SenderSettings, runtime: Runtime, bus: Bus, handler: Handler) -> Lanes:
    commands = await bus.subscribe(SENDER_QUEUE, prefetch=settings.sender_prefetch)
    runtime.management.add_check("consuming", lambda: commands.problem)
    return Lanes(
        commands,
        bus,
        handler.handle,
        lanes=settings.sender_lanes,
        lane_of=lane_of,
        moved=lambda: runtime.failpoints.reached(Failpoint.SENDER_MOVED),
        metrics=runtime.metrics,
    )


@dataclass(frozen=True, slots=True)
class _Hands:
    """What carries texts out in one owner's name."""

    carrying: Carrying
    dispatch: Dispatch


def build_handler(
    settings: SenderSettings,
    runtime: Runtime,
    database: Database,
    bus: SenderBus,
    clients: Clients,
) -> Handler:
    """The handler over MongoDB and the provider clients. What was decided on is leased to an owner
    of its own, because its nudge and its command may be in work at the same time."""
    store = MongoOutbound(database)
    decided = f"{runtime.replica}/decided"
    hands = {
        owner: _hands(settings, runtime, database, bus, clients, owner=owner)
        for owner in (runtime.replica, decided)
    }
    deciding = Deciding(
        store=store,
        telling=Telling(bus, runtime.failpoints),
        carrying=hands[decided].carrying,
        dispatch=hands[decided].dispatch,
        failpoints=runtime.failpoints,
        owner=decided,
        lease=settings.sender_lease,
    )
    return Handler(
        store=store,
        bus=bus,
        carrying=hands[runtime.replica].carrying,
        dispatch=hands[runtime.replica].dispatch,
        deciding=deciding,
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=runtime.replica,
        lease=settings.sender_lease,
        long_text_limit=settings.long_text_limit,
        trust=settings.trust_command_identity,
    )


def _hands(
    settings: SenderSettings,
    runtime: Runtime,
    database: Database,
    bus: SenderBus,
    clients: Clients,
    *,
    owner: str,
) -> _Hands:
    store = MongoOutbound(database)
    dispatch = Dispatch(
        store=store,
        ledger=MongoConsentLedger(database),
        limits=MongoLimits(database),
        clients=clients,
        breaker=Breaker(
            MongoCircuits(database), Announcer(bus), runtime.metrics, lease=settings.sender_lease
        ),
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=owner,
        lease=settings.sender_lease,
        longest_pause=settings.sender_retry_after_cap,
        halt=runtime.stopping.is_set,
    )
    carrying = Carrying(
        store=store,
        ledger=MongoConsentLedger(database),
        conversations=MongoConversationFacts(database),
        sending=Sending(
            providers=clients.providers,
            attempts=settings.sender_attempts,
            in_place=settings.sender_retry_in_place_max,
        ),
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        owner=owner,
        longest_pause=settings.sender_retry_after_cap,
    )
    return _Hands(carrying, dispatch)
