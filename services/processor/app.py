"""The composition root of the processor: everything that exists in it, how it starts and drains."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from common.bus.agents import AgentBus
from common.bus.client import Bus
from common.bus.topology import PROCESSOR_QUEUE, SERVICES
from common.bus.work import Batches, work_until
from common.failpoints import Failpoint
from common.lifecycle import Runtime
from common.numbers import NumberCache, changes_queue, follow
from common.optout.wording import WordingMatcher
from common.schema_start import begin_with_schema, drain_where_too_new
from common.store.client import Database, open_database
from common.store.directory import MongoDirectory
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_conversation_holds import MongoConversationFacts
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.watch import StoreWatch
from processor.consenting import Consenting
from processor.handover import HandOver
from processor.inbox import Inbox, Numbers
from processor.permission import Permission
from processor.reporting import Reporting
from processor.settings import ProcessorSettings
from processor.wording import Wording


async def serve(settings: ProcessorSettings, runtime: Runtime) -> None:
    """Run the processor until it is told to stop, then finish the batch in hand.

    What is pushed onto the stack ends in the reverse order.
    """
    async with AsyncExitStack() as stack:
        database = open_database(
            settings.mongodb_uri.get_secret_value(),
            settings.mongodb_database,
            settings.mongodb_timeout,
            metrics=runtime.metrics,
        )
        stack.callback(database.close)
        watch = StoreWatch(
            database.ping,
            on_first_answer=lambda: begin_with_schema(database, make=settings.schema_at_start),
            on_answer=lambda: drain_where_too_new(database, runtime.stopping),
        )
        watch.start()
        stack.push_async_callback(watch.close)

        bus = Bus(
            settings.rabbitmq_url.get_secret_value(),
            app=runtime.name,
            topology=SERVICES,
            publish_deadline=settings.publish_deadline,
            heartbeat=settings.rabbitmq_heartbeat,
            metrics=runtime.metrics,
        )
        bus.start()
        stack.push_async_callback(bus.close)

        numbers = NumberCache(MongoDirectory(database), refresh=settings.numbers_refresh)
        numbers.start()
        stack.push_async_callback(numbers.close)
        changes = changes_queue(f"{runtime.name}.{runtime.replica}")
        heard = await bus.subscribe(changes.name, prefetch=10, private=changes)
        following = asyncio.create_task(follow(heard, numbers), name="changes")
        stack.callback(following.cancel)

        runtime.management.add_check("rabbitmq", lambda: bus.problem)
        runtime.management.add_check("mongodb", lambda: watch.problem)
        runtime.management.add_check("numbers", lambda: numbers.problem)
        # Texts wait in their queue meanwhile, as nothing could be done with them.
        if not await watch.ready_before(runtime.stopping):
            return
        inbound = await bus.subscribe(PROCESSOR_QUEUE, prefetch=settings.processor_prefetch)
        runtime.management.add_check("consuming", lambda: inbound.problem)
        batches = Batches(
            inbound,
            bus,
            build_inbox(settings, runtime, database, bus, numbers).handle,
            size=settings.processor_batch_size,
            linger=settings.processor_batch_linger,
            moved=lambda: runtime.failpoints.reached(Failpoint.PROCESSOR_MOVED),
            metrics=runtime.metrics,
        )
        await work_until(runtime.stopping, batches)


def build_inbox(
    settings: ProcessorSettings,
    runtime: Runtime,
    database: Database,
    bus: AgentBus,
    numbers: Numbers,
    *,
    matcher: WordingMatcher | None = None,
) -> Inbox:
    """What handles a batch.

    Args:
        matcher: finds opt-outs in free wording in place of the rules, as a model would.
    """
    store, ledger = MongoInbound(database), MongoConsentLedger(database)
    wording = Wording(matcher)
    consenting = Consenting(
        ledger=ledger,
        routes=MongoOutbound(database),
        bus=bus,
        metrics=runtime.metrics,
        failpoints=runtime.failpoints,
        wording=wording,
    )
    return Inbox(
        numbers=numbers,
        hand_over=HandOver(
            store=store,
            consenting=consenting,
            permission=Permission(ledger, MongoConversationFacts(database)),
            bus=bus,
            metrics=runtime.metrics,
            failpoints=runtime.failpoints,
            owner=runtime.replica,
            lease=settings.processor_lease,
            history_limit=settings.history_limit,
        ),
        reporting=Reporting(
            store=store,
            consenting=consenting,
            bus=bus,
            metrics=runtime.metrics,
            failpoints=runtime.failpoints,
        ),
        metrics=runtime.metrics,
        wording=wording,
    )
