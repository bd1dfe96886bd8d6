"""What the manifests have to agree with, read from the code."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from common.bus.topology import PROCESSOR_QUEUE, SENDER_QUEUE
from common.settings import ServiceSettings
from health.app import _LAST_ANSWERS
from health.settings import HealthSettings
from processor.settings import ProcessorSettings
from sender.settings import SenderSettings
from webhook.server import _LONGEST_ANSWER
from webhook.settings import WebhookSettings

ROOT: Final = Path(__file__).resolve().parents[3]
REFERENCE: Final = "HELIOGRAPH_REFERENCE"

OLDEST_KUBERNETES: Final = "1.31"
"""Where `unhealthyPodEvictionPolicy` is settled (preStop `sleep` is on since 1.30)."""
NEWEST_KUBERNETES: Final = "1.37"

SLOWEST_START: Final = 30.0
"""Seconds from a process's start to its first answer on /livez; a test starts each service."""

DOCUMENTED_MARGIN: Final = 5.0
"""Seconds that a pod has beside its pause and its drain limit."""


@dataclass(frozen=True)
class Service:
    """One of the four, as its code has it."""

    name: str
    settings: type[ServiceSettings]
    listens: Mapping[str, str]
    """Each named port's setting."""
    longest: Callable[[Any], float]
    """Seconds that one message or request may take, from the settings."""
    queue: str | None = None
    prefetch: str | None = None
    """The setting that limits what one replica holds unacknowledged."""

    @property
    def behind_a_service(self) -> bool:
        """Whether others connect to it."""
        return any(port != "management" for port in self.listens)


_MANAGEMENT: Final = {"management": "management_port"}

SERVICES: Final[Mapping[str, Service]] = {
    "webhook": Service(
        "webhook",
        WebhookSettings,
        {"webhook": "webhook_port"} | _MANAGEMENT,
        longest=lambda _: _LONGEST_ANSWER,
    ),
    # A batch: insert, history, update, each within the store's time-out, and confirmed publishes.
    "processor": Service(
        "processor",
        ProcessorSettings,
        _MANAGEMENT,
        longest=lambda it: 3 * it.mongodb_timeout + it.publish_deadline,
        queue=PROCESSOR_QUEUE,
        prefetch="processor_prefetch",
    ),
    "sender": Service(
        "sender",
        SenderSettings,
        _MANAGEMENT,
        longest=lambda it: it.longest_drain,
        queue=SENDER_QUEUE,
        prefetch="sender_prefetch",
    ),
    "health": Service(
        "health",
        HealthSettings,
        {"console": "health_port"} | _MANAGEMENT,
        longest=lambda it: max(
            _LAST_ANSWERS, 2 * it.health_validation_timeout + it.health_validation_retry_pause
        ),
    ),
}


JOBS: Final[Mapping[str, list[str]]] = {"prepare": ["--prepare"], "backup": ["--backup=/backup"]}
"""The health service with other arguments."""


@dataclass(frozen=True)
class Project:
    """The repository beside the render. Tests point it elsewhere."""

    root: Path = ROOT
    reference: Path | None = field(
        default_factory=lambda: Path(os.environ[REFERENCE]) if os.environ.get(REFERENCE) else None
    )
    """The folder with `crds/`, where there is one."""
    released: bool = True
    """Whether production's images must have their digests."""

    @property
    def manifests(self) -> Path:
        """`deploy/k8s`."""
        return self.root / "deploy" / "k8s"

    @property
    def version(self) -> str:
        """The project's version."""
        text = (self.root / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])


def service_of(workload: str) -> Service | None:
    """The service whose image and settings a workload has; the Jobs are the health service."""
    return SERVICES.get("health" if workload in JOBS else workload)
