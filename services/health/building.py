"""How desks and pages are put together: everything that API and console work with."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from aiohttp import web

from common.announcing import Announcer
from common.bus.client import Bus
from common.bus.dead_letters import DeadLetters
from common.bus.depths import Depths
from common.failpoints import Failpoints
from common.metrics import Metrics
from common.providers.specs import SPECS
from common.store.client import Database
from common.store.directory import MongoDirectory
from common.store.mongo_audit import MongoAudit
from common.store.mongo_census import MongoCensus
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_consent_sync import MongoConsentSync
from common.store.mongo_consent_views import MongoConsents
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_control_connections import MongoConnectionDirectory
from common.store.mongo_control_holds import MongoHeldConversations
from common.store.mongo_control_keys import MongoKeys
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_control_sessions import MongoSessions
from common.store.mongo_control_tenants import MongoTenants
from common.store.mongo_dead_letters import MongoParked
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_outbound import MongoOutbound
from common.store.mongo_report_sweep import MongoReportSweep
from common.store.mongo_retention import MongoRetention
from common.store.mongo_switches import MongoSwitches
from health.access.secrets import Hashing
from health.access.wiring import build_door
from health.api.table import ROUTES as API_ROUTES
from health.census import Census
from health.checking import Checker
from health.consent_sync import ConsentSync
from health.console import rendering
from health.console.table import ROUTES as CONSOLE_ROUTES
from health.desk.agent_queues import AgentQueues
from health.desk.agents import AgentDesk
from health.desk.approvals import ApprovalDesk
from health.desk.asking import Asking
from health.desk.broker_users import BrokerUsers, open_broker_users
from health.desk.callbacks import CallbackDesk
from health.desk.connections import ConnectionDesk
from health.desk.consents import ConsentDesk
from health.desk.dead_letters import DeadLetterDesk
from health.desk.holds import HoldDesk
from health.desk.keys import KeyDesk
from health.desk.live import Live
from health.desk.nudging import Nudger
from health.desk.numbers import NumberDesk
from health.desk.opt_out_lists import OptOutLists
from health.desk.parked_acts import ParkedActs
from health.desk.parked_forecast import Forecaster
from health.desk.parked_owner import Owners
from health.desk.parked_rounds import ParkedRounds
from health.desk.permission import Permission
from health.desk.sweep import ApprovalSweep
from health.desk.switches import SwitchDesk
from health.desk.tenants import TenantDesk
from health.desk.vault import Vault
from health.desks import Desks
from health.report_answers import ReportAsking
from health.report_sweep import ReportSweep
from health.retention import RetentionSweep
from health.settings import HealthSettings
from health.validation import Validation
from health.web.serve import MAX_BODY_OCTETS, Server

_HOUR: Final = 3600.0
_LOOK: Final = 30.0
"""Seconds that a deed on parked messages may take, its audit entries included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the service runs: it serves the desks, and the rest goes on by itself."""

    desks: Desks
    validation: Validation
    sweep: ApprovalSweep
    report_sweep: ReportSweep
    retention: RetentionSweep
    consent_sync: ConsentSync
    census: Census
    live: Live


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def web_application(desks: Desks, metrics: Metrics) -> web.Application:
    """API and console as one application."""
    app = web.Application(client_max_size=MAX_BODY_OCTETS)
    rendering.install(app)
    routes = (*API_ROUTES, *CONSOLE_ROUTES)
    Server(desks, routes, metrics, rendering.render_problem).add_to(app)
    return app


def build_validation(
    settings: HealthSettings, database: Database, bus: Bus, metrics: Metrics
) -> Validation:
    """The check of connections, for the daily run and for `check now`."""
    return Validation(
        connections=MongoConnections(database),
        checker=Checker(
            settings.providers,
            settings.master_keys,
            timeout=settings.health_validation_timeout,
            pause=settings.health_validation_retry_pause,
        ),
        bus=bus,
        metrics=metrics,
        concurrency=settings.health_validation_concurrency,
        now=now,
    )


async def build_parts(
    settings: HealthSettings,
    database: Database,
    bus: Bus,
    metrics: Metrics,
    stack: AsyncExitStack,
    *,
    failpoints: Failpoints,
) -> Parts:
    """Everything over MongoDB and RabbitMQ; what has to be closed goes onto the stack."""
    audit = MongoAudit(database)
    tenants, agents = MongoTenants(database), MongoAgents(database)
    keys, hashing = MongoKeys(database), Hashing()
    numbers, connections = MongoNumbers(database), MongoConnections(database)
    approvals = MongoApprovals(database, ttl=settings.health_approval_ttl * _HOUR)
    reading = MongoReading(database)
    http = await stack.enter_async_context(aiohttp.ClientSession(trust_env=True))
    users = await _broker_users(settings, stack)
    asking = Asking(settings.providers, timeout=settings.health_validation_timeout)
    queues, vault = AgentQueues(agents, bus), Vault(tenants, settings.master_keys)
    announcer, nudger = Announcer(bus), Nudger(bus)
    validation = build_validation(settings, database, bus, metrics)
    live = Live(reading)
    lists = OptOutLists(
        providers=settings.providers,
        connections=connections,
        vault=vault,
        timeout=settings.health_validation_timeout,
    )
    letters = DeadLetters(settings.rabbitmq_url.get_secret_value(), bus, timeout=_LOOK)
    places = DeadLetterDesk(letters, tenants, agents)
    forecaster, parked = _parked(settings, database, bus, letters, places, failpoints=failpoints)
    desks = Desks(
        door=build_door(
            settings,
            keys=keys,
            sessions=MongoSessions(database),
            audit=audit,
            hashing=hashing,
            http=http,
        ),
        tenants=TenantDesk(tenants, settings.master_keys),
        agents=AgentDesk(agents, tenants, audit, users),
        keys=KeyDesk(keys=keys, tenants=tenants, hashing=hashing, clock=now),
        connections=ConnectionDesk(
            directory=MongoConnectionDirectory(database),
            connections=connections,
            tenants=tenants,
            audit=audit,
            queues=queues,
            asking=asking,
            permission=Permission(tenants, asking),
            vault=vault,
            validation=validation,
            announcer=announcer,
            loopback=settings.health_allow_loopback_providers,
        ),
        callbacks=CallbackDesk(connections, vault, public_url=settings.public_webhook_url),
        numbers=NumberDesk(
            numbers=numbers,
            connections=connections,
            tenants=tenants,
            queues=queues,
            asking=asking,
            vault=vault,
            announcer=announcer,
        ),
        switches=SwitchDesk(MongoSwitches(database), tenants),
        holds=HoldDesk(MongoHeldConversations(database)),
        approvals=ApprovalDesk(approvals, nudger, numbers, limit=settings.long_text_limit),
        consents=ConsentDesk(
            consents=MongoConsents(database),
            ledger=MongoConsentLedger(database),
            numbers=numbers,
            lists=lists,
            nudger=nudger,
        ),
        reading=reading,
        executions=MongoExecutions(database),
        audit=audit,
        live=live,
        dead_letters=places,
        parked=parked,
        parked_rounds=ParkedRounds(parked, forecaster),
    )
    sweep = ApprovalSweep(approvals, nudger, interval=settings.health_sweep_interval)
    consent_sync = ConsentSync(
        MongoConsentSync(database), numbers, lists, interval=settings.health_consent_sync_interval
    )
    return Parts(
        desks=desks,
        validation=validation,
        sweep=sweep,
        report_sweep=_report_sweep(settings, database, bus, metrics, vault),
        retention=RetentionSweep(
            MongoRetention(database),
            MongoLeases(database),
            messages_days=settings.retention_messages_days,
            audit_days=settings.retention_audit_days,
            interval=settings.retention_sweep_interval,
            now=now,
        ),
        consent_sync=consent_sync,
        census=_census(settings, database, metrics),
        live=live,
    )


def _parked(
    settings: HealthSettings,
    database: Database,
    bus: Bus,
    letters: DeadLetters,
    places: DeadLetterDesk,
    *,
    failpoints: Failpoints,
) -> tuple[Forecaster, ParkedActs]:
    """What says what replays come to, and what carries them out."""
    store, outbound = MongoParked(database), MongoOutbound(database)
    owners = Owners(outbound, bus.user)
    days = settings.retention_messages_days
    forecaster = Forecaster(
        store,
        outbound,
        MongoDirectory(database),
        owners,
        now=now,
        kept=timedelta(days=days) if days else None,
    )
    acts = ParkedActs(
        letters=letters,
        places=places,
        store=store,
        owners=owners,
        forecaster=forecaster,
        failpoints=failpoints,
        now=now,
    )
    return forecaster, acts


def _report_sweep(
    settings: HealthSettings, database: Database, bus: Bus, metrics: Metrics, vault: Vault
) -> ReportSweep:
    asking = ReportAsking(
        settings.providers,
        MongoConnections(database),
        vault.open,
        timeout=settings.health_validation_timeout,
    )
    return ReportSweep(
        MongoReportSweep(database),
        asking,
        bus,
        metrics,
        after=settings.health_report_after,
        sooner={
            name: spec.report_after for name, spec in SPECS.items() if spec.report_after is not None
        },
        interval=settings.health_report_sweep_interval,
        now=now,
    )


def _census(settings: HealthSettings, database: Database, metrics: Metrics) -> Census:
    return Census(
        MongoCensus(database),
        Depths(settings.rabbitmq_url.get_secret_value(), app="health census"),
        metrics,
        providers=SPECS,
        interval=settings.health_census_interval,
    )


async def _broker_users(settings: HealthSettings, stack: AsyncExitStack) -> BrokerUsers | None:
    url = settings.rabbitmq_management_url
    if url is None:
        return None
    opened = open_broker_users(url.get_secret_value(), settings.rabbitmq_url.get_secret_value())
    return await stack.enter_async_context(opened)
