"""The ingress service, put together: what exists, how it starts, how it drains."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import aiohttp
import structlog

from common.bus import topology
from common.bus.client import Bus
from common.jwks import SigningKeys, fetch_keys
from common.lifecycle import Runtime, listen
from common.numbers import NumberCache, changes_queue, follow
from common.providers.callbacks import Callbacks
from common.providers.registry import PROVIDERS
from common.schema_start import drain_where_too_new, stop_where_too_new
from common.snapshot import Snapshot
from common.store.client import open_database
from common.store.directory import MongoCallbacks, MongoDirectory
from common.store.watch import StoreWatch
from webhook.auth import Doorkeeper, SecretCheck, Secrets
from webhook.callbacks import CallbackDoor, Connections, Keyring
from webhook.entra import EntraTokens, Expected, issuers_of, keys_url_of
from webhook.intake import Intake
from webhook.server import Server
from webhook.settings import WebhookSettings

log = structlog.get_logger(__name__)

CALLING_BACK: Final[Mapping[str, Callbacks]] = {
    name: provider.callbacks
    for name, provider in PROVIDERS.items()
    if provider.callbacks is not None
}
"""How each provider calls back that does so at a connection's own address."""

_MARGIN: Final = 0.2
"""Seconds between the last moment for a confirm and that for the answer."""


async def serve(settings: WebhookSettings, runtime: Runtime) -> None:
    """Run the service until it is told to stop, then answer what is in hand.

    What is pushed onto the stack ends in the reverse order: the server drains first, then the
    numbers, the bus and the database go.
    """
    async with AsyncExitStack() as stack:
        database = open_database(
            settings.mongodb_uri.get_secret_value(),
            settings.mongodb_database,
            settings.mongodb_timeout,
            metrics=runtime.metrics,
        )
        stack.callback(database.close)
        # Not a check: a webhook that knows its numbers needs no store.
        watch = StoreWatch(
            database.ping,
            on_first_answer=lambda: stop_where_too_new(database),
            on_answer=lambda: drain_where_too_new(database, runtime.stopping),
        )
        watch.start()
        stack.push_async_callback(watch.close)

        bus = _bus(settings, runtime)
        bus.start()
        stack.push_async_callback(bus.close)

        numbers = NumberCache(MongoDirectory(database), refresh=settings.numbers_refresh)
        numbers.start()
        stack.push_async_callback(numbers.close)
        called = Snapshot(
            MongoCallbacks(database, list(CALLING_BACK)),
            what="connections",
            refresh=settings.numbers_refresh,
        )
        called.start()
        stack.push_async_callback(called.close)
        await _follow_changes(bus, stack, numbers, called)

        intake = Intake(bus, numbers, runtime.metrics)
        doorkeeper, callbacks = await _doorkeeper(settings, stack), _callbacks(settings, called)
        server = _server(settings, intake, doorkeeper, callbacks, runtime)
        runtime.management.add_check("bus", lambda: bus.problem)
        runtime.management.add_check("numbers", lambda: numbers.problem)
        runtime.management.add_check("connections", lambda: called.problem)
        starting = server.start(settings.webhook_host, settings.webhook_port)
        await listen(starting, f"webhook port {settings.webhook_port}")
        stack.push_async_callback(server.stop)
        log.info("webhook.listening", port=server.port)
        await runtime.stopping.wait()


def _bus(settings: WebhookSettings, runtime: Runtime) -> Bus:
    last_confirm = settings.webhook_deadline - _MARGIN / 2
    return Bus(
        settings.rabbitmq_url.get_secret_value(),
        app="webhook",
        topology=topology.SERVICES,
        publish_deadline=min(settings.publish_deadline, last_confirm),
        heartbeat=settings.rabbitmq_heartbeat,
        metrics=runtime.metrics,
    )


def _callbacks(settings: WebhookSettings, called: Connections) -> CallbackDoor:
    keys = settings.master_keys
    if keys is None or not settings.public_webhook_url:
        hint = "set HELIOGRAPH_MASTER_KEY and HELIOGRAPH_PUBLIC_WEBHOOK_URL for providers but ACS"
        log.info("webhook.no_callbacks", hint=hint)
    return CallbackDoor(
        CALLING_BACK,
        called,
        Keyring(keys) if keys is not None else None,
        public_url=settings.public_webhook_url,
    )


def _server(
    settings: WebhookSettings,
    intake: Intake,
    doorkeeper: Doorkeeper,
    callbacks: CallbackDoor,
    runtime: Runtime,
) -> Server:
    return Server(
        intake,
        doorkeeper,
        callbacks,
        runtime.metrics,
        deadline=settings.webhook_deadline,
        body_limit=settings.webhook_body_limit,
        concurrency=settings.webhook_concurrency,
        subscriptions=_lower(settings.webhook_subscriptions),
        origins=_lower(settings.webhook_origins),
    )


async def _follow_changes(bus: Bus, stack: AsyncExitStack, *caches: Snapshot[Any]) -> None:
    queue = changes_queue(f"webhook.{uuid.uuid4().hex}")
    changes = await bus.subscribe(queue.name, prefetch=100, private=queue)
    following = asyncio.create_task(follow(changes, *caches), name="changes")
    stack.callback(following.cancel)
    stack.push_async_callback(changes.cancel)


async def _doorkeeper(settings: WebhookSettings, stack: AsyncExitStack) -> Doorkeeper:
    doorkeeper = Doorkeeper(secret=_secret(settings), entra=await _entra(settings, stack))
    if doorkeeper.is_open:
        log.warning("webhook.open", hint="set HELIOGRAPH_WEBHOOK_SECRETS: anybody may deliver")
    return doorkeeper


def _secret(settings: WebhookSettings) -> SecretCheck | None:
    if not settings.secrets:
        return None
    return SecretCheck(
        Secrets(settings.secrets, file=settings.webhook_secrets_file),
        query=settings.webhook_secret_query,
        header=settings.webhook_secret_header,
    )


async def _entra(settings: WebhookSettings, stack: AsyncExitStack) -> EntraTokens | None:
    tenant_id = settings.webhook_entra_tenant_id
    if not tenant_id:
        return None
    session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
    url = settings.webhook_entra_jwks_url or keys_url_of(tenant_id)
    seconds = max(0.1, settings.webhook_deadline - 2 * _MARGIN)
    return EntraTokens(
        SigningKeys(lambda: fetch_keys(session, url, seconds=seconds)),
        Expected(
            audiences=settings.webhook_entra_audience,
            issuers=settings.webhook_entra_issuers or issuers_of(tenant_id),
            apps=_lower(settings.webhook_entra_app_ids),
            role=settings.webhook_entra_role,
        ),
    )


def _lower(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.lower() for word in words)
