"""How a metric is declared: what it tells, by which labels, and which services export it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.metrics.labels import Label

WEBHOOK: Final = "webhook"
PROCESSOR: Final = "processor"
SENDER: Final = "sender"
HEALTH: Final = "health"
EVERY: Final = (WEBHOOK, PROCESSOR, SENDER, HEALTH)

_FEW: Final = 40
"""Children that a metric is given from the start. A counter that appears with its first event has
risen by nothing for `increase()` (Prometheus documentation, "Instrumentation", "Avoid missing
metrics")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A metric as data."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    tells: str
    labels: tuple[Label, ...]
    on: tuple[str, ...]
    """The services that export it."""


class Maker:
    """Makes metrics. Those that the service does not export stay out of the registry."""

    def __init__(self, registry: CollectorRegistry, service: str | None):
        self.declared: list[Declared] = []
        self._registry = registry
        self._service = service

    def counter(self, name: str, tells: str, *labels: Label, on: Sequence[str]) -> Counter:
        registry = self._note(
            Declared(name=name, kind="counter", tells=tells, labels=labels, on=tuple(on))
        )
        return _seeded(Counter(name, tells, _names(labels), registry=registry), labels)

    def gauge(self, name: str, tells: str, *labels: Label, on: Sequence[str]) -> Gauge:
        registry = self._note(
            Declared(name=name, kind="gauge", tells=tells, labels=labels, on=tuple(on))
        )
        return Gauge(name, tells, _names(labels), registry=registry)

    def histogram(
        self,
        name: str,
        tells: str,
        *labels: Label,
        on: Sequence[str],
        buckets: Sequence[float],
    ) -> Histogram:
        registry = self._note(
            Declared(name=name, kind="histogram", tells=tells, labels=labels, on=tuple(on))
        )
        return Histogram(name, tells, _names(labels), buckets=buckets, registry=registry)

    def _note(self, declared: Declared) -> CollectorRegistry | None:
        self.declared.append(declared)
        shown = self._service is None or self._service in declared.on
        return self._registry if shown else None


def _names(labels: Sequence[Label]) -> list[str]:
    return [label.name for label in labels]


def _seeded(counter: Counter, labels: Sequence[Label]) -> Counter:
    values = [label.values for label in labels if label.values]
    if labels and len(values) == len(labels):
        combinations = list(itertools.product(*values))
        if len(combinations) <= _FEW:
            for combination in combinations:
                counter.labels(*combination)
    return counter
