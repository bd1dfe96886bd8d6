"""The composition root of the processor: everything that exists in it, how it starts and drains."""

from __future__ import annotations

import asyncio

from common.bus.client import Bus
from common.bus.topology import PROCESSOR_QUEUE, SERVICES
from common.bus.work import Batches, work_until
from common.lifecycle import Runtime
from common.numbers import NumberCache, changes_queue, follow
from common.store.client import open_database
from common.store.directory import MongoDirectory
from common.store.mongo_inbound import MongoInbound
from common.store.schema import ensure_schema
from common.store.watch import StoreWatch
from processor.handover import HandOver
from processor.inbox import Inbox
from processor.reporting import Reporting
from processor.settings import ProcessorSettings


async def serve(settings: ProcessorSettings, runtime: Runtime) -> None:
    """Run the processor until it is told to stop."""
    database = open_database(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, settings.mongodb_timeout
    )
    directory = MongoDirectory(database)
    bus = Bus(
        settings.rabbitmq_url.get_secret_value(),
        app=runtime.name,
        topology=SERVICES,
        publish_deadline=settings.publish_deadline,
        heartbeat=settings.rabbitmq_heartbeat,
    )
    numbers = NumberCache(directory, refresh=settings.numbers_refresh)
    store = MongoInbound(database)
    watch = StoreWatch(directory.ping, on_first_answer=lambda: ensure_schema(database))
    inbox = Inbox(
        numbers=numbers,
        hand_over=HandOver(
            store=store,
            bus=bus,
            metrics=runtime.metrics,
            failpoints=runtime.failpoints,
            owner=runtime.replica,
            lease=settings.processor_lease,
            history_limit=settings.history_limit,
        ),
        reporting=Reporting(
            store=store, bus=bus, metrics=runtime.metrics, failpoints=runtime.failpoints
        ),
        metrics=runtime.metrics,
    )
    runtime.management.add_check("rabbitmq", lambda: bus.problem)
    runtime.management.add_check("mongodb", lambda: watch.problem)
    runtime.management.add_check("numbers", lambda: numbers.problem)

    bus.start()
    watch.start()
    numbers.start()
    changes = changes_queue(f"{runtime.name}.{runtime.replica}")
    following = asyncio.create_task(
        follow(numbers, await bus.subscribe(changes.name, prefetch=10, private=changes))
    )
    batches = Batches(
        await bus.subscribe(PROCESSOR_QUEUE, prefetch=settings.processor_prefetch),
        bus,
        inbox.handle,
        size=settings.processor_batch_size,
        linger=settings.processor_batch_linger,
    )
    await work_until(runtime.stopping, batches)

    following.cancel()
    await numbers.close()
    await watch.close()
    await bus.close()
    database.close()
