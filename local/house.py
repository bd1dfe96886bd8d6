"""The four services as processes on this machine, for `make run` and the end-to-end tests.

Each runs as it runs in a container: its own process, environment variables, SIGTERM to stop. Each
dies with the process that started it (see `local.nodes.keeper`).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from local.nodes import ports
from local.nodes.errors import last_line
from local.nodes.nursery import Nursery
from local.nodes.process import KeptProcess

SERVICES: Final = ("webhook", "processor", "sender", "health")
CODE_OF_KILLED: Final = 137


class ServiceDidNotStart(Exception):
    """A service ended, or was not ready in time; carries the last line that it logged."""

    code = "service_did_not_start"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a house finds its servers and listens itself. Port 0 means a free one."""

    rabbitmq_url: str
    mongodb_uri: str
    mongodb_database: str
    master_key: str
    webhook_port: int = 0
    console_port: int = 0
    management_ports: Mapping[str, int] = field(default_factory=dict)


class Service:
    """One service as a process."""

    def __init__(
        self,
        name: str,
        *,
        environment: Mapping[str, str],
        port: int,
        log: Path,
        nursery: Nursery | None = None,
    ):
        self.name = name
        self.management_port = port
        self.log = log
        self._environment = dict(environment)
        self._nursery = nursery
        self._process: KeptProcess | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """Process ID; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """How the process ended, as a shell says it (137 after SIGKILL); None while it runs."""
        return self._process.exit_code if self._process else None

    def start(self, **settings: str) -> None:
        """Start the process, with further settings for this life of it only. An earlier process
        that still runs is killed."""
        if self._process is not None:
            self._process.kill()
        environment = self._environment | {
            f"HELIOGRAPH_{name.upper()}": value for name, value in settings.items()
        }
        if self._nursery is None:
            command = [sys.executable, "-m", self.name]
            self._process = KeptProcess.started(command, log=self.log, env=environment)
        else:
            self._process = KeptProcess.born(
                self._nursery, [self.name], log=self.log, env=environment
            )

    async def ready(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - part of the sentence
        """Wait until `/readyz` says so.

        Raises:
            ServiceDidNotStart: the process ended, or is not ready in `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        url = f"http://127.0.0.1:{self.management_port}/readyz"
        problem = "did not answer"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < deadline and self.alive:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                        problem = f"is not ready ({await answer.text()})"
                except (aiohttp.ClientError, TimeoutError):
                    problem = "did not answer"
                # A probe has no event to wait for; a kubelet polls as well.
                await asyncio.sleep(0.03)
        why = problem if self.alive else "ended"
        raise ServiceDidNotStart(
            f"The service {self.name} {why} (last log line: {last_line(self.log)}); see {self.log}."
        )

    async def gone(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - as in `ready`
        """Wait until the process has ended by itself.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while self.alive:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} still runs")
            await asyncio.sleep(0.01)

    async def stop(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - as in `ready`
        """SIGTERM, and SIGKILL after `timeout` seconds."""
        if self._process is not None:
            await asyncio.to_thread(self._process.stop, timeout=timeout)

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            await asyncio.to_thread(self._process.kill)


class House:
    """The four services.

    Args:
        base_dir: logs go here.
        address: servers and ports.
        nursery: forks the services, where they need not be started in the usual way.
        settings: further settings for all services, without the prefix, in lower case.
    """

    def __init__(
        self, base_dir: Path, address: Address, nursery: Nursery | None = None, /, **settings: str
    ):
        base_dir.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.webhook_port = address.webhook_port or ports.choose()
        self.console_port = address.console_port or ports.choose()
        self.base_dir = base_dir
        self._nursery = nursery
        self._settings = settings
        self.services = {
            name: self._service(name, address.management_ports.get(name) or ports.choose(), name)
            for name in SERVICES
        }
        self.replicas: list[Service] = []

    @property
    def public_url(self) -> str:
        """Where providers reach the webhook."""
        return f"http://127.0.0.1:{self.webhook_port}"

    @property
    def webhook_url(self) -> str:
        """Where Event Grid delivers."""
        return f"{self.public_url}/api/webhooks/acs/sms"

    @property
    def console_url(self) -> str:
        """Where a person signs in; the API is under `/api/v1`."""
        return f"http://127.0.0.1:{self.console_port}"

    async def start(self, *names: str) -> None:
        """Start the services (all of them, or those named) and wait until they are ready."""
        chosen = [self.services[name] for name in names or SERVICES]
        for service in chosen:
            service.start()
        await asyncio.gather(*(service.ready() for service in chosen))

    async def stop(self) -> None:
        """Stop every service, all at the same time."""
        every = [*self.services.values(), *self.replicas]
        await asyncio.gather(*(service.stop() for service in every))

    def replica(self, name: str) -> Service:
        """A further process of a service (not of the webhook), on ports of its own; not started
        yet."""
        log = f"{name}-{len(self.replicas) + 2}"
        service = self._service(name, ports.choose(), log, health_port=str(ports.choose()))
        self.replicas.append(service)
        return service

    def _service(self, name: str, port: int, log: str, **settings: str) -> Service:
        return Service(
            name,
            environment=self._environment(port, settings),
            port=port,
            log=self.base_dir / f"{log}.log",
            nursery=self._nursery,
        )

    def _environment(self, management_port: int, own: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        address = self.address
        settings = {
            "rabbitmq_url": address.rabbitmq_url,
            "mongodb_uri": address.mongodb_uri,
            "mongodb_database": address.mongodb_database,
            "master_key": address.master_key,
            "webhook_host": "127.0.0.1",
            "webhook_port": str(self.webhook_port),
            "health_host": "127.0.0.1",
            "health_port": str(self.console_port),
            "public_webhook_url": self.public_url,
            # The provider is a simulator on this machine, the browser speaks plain HTTP.
            "health_allow_loopback_providers": "true",
            "health_secure_cookies": "false",
            "management_host": "127.0.0.1",
            "management_port": str(management_port),
        }
        settings |= self._settings | dict(own)
        return kept | {f"HELIOGRAPH_{name.upper()}": value for name, value in settings.items()}
