"""How a service lives: settings, logs, management endpoints, the service itself, a safe stop.

SIGTERM or SIGINT sets `Runtime.stopping`; the service then takes nothing more, finishes what is in
hand, confirms, acks and closes, within the grace period.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog
import uvloop
from prometheus_client import ProcessCollector

from common import logging as logs
from common import tracing
from common.failpoints import Failpoints
from common.management import Management
from common.metrics import Metrics
from common.place import place_of
from common.release import release
from common.settings import ServiceSettings, load_or_exit, misspelt, stop

log = structlog.get_logger(__name__)

Settings = TypeVar("Settings", bound=ServiceSettings)

_LAST_SPANS: Final = 3.0
"""Seconds at most in which a stopping process exports the spans that it still has."""


@dataclass(slots=True)
class Runtime:
    """What every service is given beside its settings."""

    name: str
    metrics: Metrics
    management: Management
    failpoints: Failpoints
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    replica: str = field(default_factory=lambda: f"{socket.gethostname()}:{secrets.token_hex(6)}")
    """Names this life of the process; the owner of its leases. Random, because containers may share
    a host name and a process ID."""


Serve = Callable[[Settings, Runtime], Awaitable[None]]
"""Starts a service, runs it until `Runtime.stopping`, drains it and returns."""


def run(name: str, settings_type: type[Settings], serve: Serve[Settings]) -> None:
    """Run a service until it is told to stop. Exits with 78 where it cannot start (an unusable
    setting, a port in use), with 1 where it broke or the stop took longer than the grace period."""
    settings = load_or_exit(settings_type)
    try:
        failpoints = Failpoints(settings.failpoint)
    except ValueError:
        stop("HELIOGRAPH_FAILPOINT: there is no fail point of that name.")
    logs.configure(service=name, level=settings.log_level, form=settings.log_format)
    for variable, meant in misspelt(os.environ, settings_type).items():
        log.warning("setting.unknown", variable=variable, meant=meant)
    _spare_the_collector()
    uvloop.run(_main(name, settings, serve, failpoints))


def _spare_the_collector() -> None:
    """What the imports made stays for ever, so later collections pass it by; and a batch makes
    thousands of objects that die with it, so collections come less often. Saves the processor 5 %
    of its time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _main(
    name: str, settings: Settings, serve: Serve[Settings], failpoints: Failpoints
) -> None:
    metrics = _metrics(name, settings)
    management = Management(metrics, host=settings.management_host, port=settings.management_port)
    runtime = Runtime(name, metrics, management, failpoints)
    management.add_check(
        "stopping", lambda: "The service is stopping." if runtime.stopping.is_set() else None
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stopping.set)
    await listen(management.start(), f"management port {settings.management_port}")
    _begin_tracing(settings, runtime)
    left = asyncio.create_task(_time_left(runtime, settings.grace_period))
    log.info("service.started", service=name)
    try:
        await _until_stopped(serve(settings, runtime), runtime, settings.grace_period)
    finally:
        await tracing.close(await _at_most(left))
        await management.stop()
    log.info("service.stopped", service=name)


def _metrics(name: str, settings: ServiceSettings) -> Metrics:
    metrics = Metrics(service=name)
    ProcessCollector(registry=metrics.registry)
    metrics.build_info.labels(name, release(), settings.revision, platform.python_version()).set(1)
    return metrics


def _begin_tracing(settings: ServiceSettings, runtime: Runtime) -> None:
    """Export spans where a collector is configured; else nothing of OpenTelemetry is imported."""
    if not settings.otlp_endpoint:
        return
    from common.tracing_export import OtlpExporter  # noqa: PLC0415 - costs nothing where it is off

    spans = runtime.metrics.spans
    exporter = OtlpExporter(
        settings.otlp_endpoint,
        ratio=settings.trace_ratio,
        service=runtime.name,
        version=release(),
        instance=runtime.replica,
        count=lambda result, number: spans.labels(result).inc(number),
    )
    tracing.export_to(exporter)


async def _time_left(runtime: Runtime, grace: float) -> float:
    """When the grace period of a stop ends, on the loop's clock."""
    await runtime.stopping.wait()
    return asyncio.get_running_loop().time() + grace


async def _at_most(end: asyncio.Task[float]) -> float:
    """Seconds for the last spans: what is left of the grace period, and never long."""
    if not end.done():
        end.cancel()
        return _LAST_SPANS
    return min(_LAST_SPANS, max(0.1, end.result() - asyncio.get_running_loop().time()))


async def _until_stopped(work: Awaitable[None], runtime: Runtime, grace: float) -> None:
    task = asyncio.ensure_future(_exit_code(work))
    stopping = asyncio.ensure_future(runtime.stopping.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    done, _ = await asyncio.wait({task}, timeout=grace)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=2)
        log.error("service.stop_timed_out", grace_s=grace)
        raise SystemExit(1)
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Exception):
        # Its kind and place, not its text, which may quote what nobody should read.
        log.critical("service.broke", error=type(error).__name__, where=place_of(error))
        raise SystemExit(1)
    if (code := task.result()) is not None:
        raise SystemExit(code)


async def _exit_code(work: Awaitable[None]) -> str | int | None:
    """The code with which a service ends the process while it starts, as a value: raised through a
    task of its own, it would end the loop at once, with nobody left to look at the task."""
    try:
        await work
    except SystemExit as end:
        return end.code
    return None


async def listen(starting: Awaitable[None], what: str) -> None:
    """Await a server's start; a port in use ends the process with one line, not a traceback."""
    try:
        await starting
    except OSError as error:
        stop(f"cannot listen on {what}: {error.strerror or error}.")
