"""Which series exist, with which labels and values: ours as `common.metrics` declares them, others'
as `outside` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Histogram
from prometheus_client.utils import floatToGoString

from common.metrics import Declared, Metrics
from deploy.checks.alerts.outside import SOURCES, TARGET

OURS: Final = "heliograph_"

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """The labels that a series has, its target's included, and all values of those that have a
    closed set of them."""

    labels: frozenset[str]
    values: Mapping[str, Values] = field(default_factory=dict)


def known_series() -> Mapping[str, Series]:
    """Every series by its name."""
    found = {
        name: Series(labels | TARGET)
        for source in SOURCES
        for name, labels in source.metrics.items()
    }
    metrics = Metrics()
    bounds = {
        metric._name: (*map(floatToGoString, metric._upper_bounds),)  # noqa: SLF001 - nothing else tells them
        for metric in vars(metrics).values()
        if isinstance(metric, Histogram)
    }
    for declared in metrics.declared:
        found |= _series_of(declared, bounds.get(declared.name, ()))
    return found


def _series_of(declared: Declared, bounds: Values) -> Mapping[str, Series]:
    """The series that one metric is exported as. Its job is the service that exports it."""
    name = declared.name
    labels = TARGET | {label.name for label in declared.labels}
    values = {label.name: label.values for label in declared.labels if label.values}
    values["job"] = declared.on
    if declared.kind == "histogram":
        return {
            f"{name}_bucket": Series(labels | {"le"}, values | {"le": bounds}),
            f"{name}_count": Series(labels, values),
            f"{name}_sum": Series(labels, values),
        }
    return {name: Series(labels, values)}
