"""What a service's `/metrics` may say, held against how its metrics are declared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from common.metrics import Declared, Metrics
from common.metrics.labels import Label

OURS: Final = "heliograph_"
LIBRARYS: Final = re.compile(r"process_[a-z_]+")
"""What the client library tells of the process."""

NEVER_COUNTED: Final = ("counter", "histogram")
"""Kinds of which a metric that nobody uses stays at 0; a gauge may well be 0."""


def declared() -> Mapping[str, Declared]:
    """By the name that a family has in the exposition."""
    return {metric.name.removesuffix("_total"): metric for metric in Metrics().declared}


def families(text: str) -> Mapping[str, Metric]:
    """What an exposition holds, by name."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def findings(service: str, text: str) -> list[str]:
    """What is wrong with a service's exposition: unknown metrics, those of others, missing ones,
    and labels with other values than the declared ones."""
    known, found = declared(), families(text)
    wrong = [
        f"{name} is declared for nobody"
        for name in found
        if name not in known and not LIBRARYS.fullmatch(name)
    ]
    for name, metric in known.items():
        if (service in metric.on) != (name in found):
            wrong.append(f"{name} is {'missing' if service in metric.on else 'not for ' + service}")
        elif name in found:
            wrong += _labels_of(metric, found[name])
    return wrong


def _labels_of(metric: Declared, family: Metric) -> Iterator[str]:
    labels = {label.name: label for label in metric.labels}
    for sample in family.samples:
        values = {name: value for name, value in sample.labels.items() if name != "le"}
        if values.keys() != labels.keys():
            yield f"{metric.name} has the labels {sorted(values)}"
            continue
        for name, value in values.items():
            if not fits(labels[name], value):
                yield f"{metric.name} has {name}={value!r}"


def fits(label: Label, value: str) -> bool:
    """Whether a label may have this value."""
    return value in label.values if label.values else bool(re.fullmatch(label.pattern, value))


def unused(service: str, text: str) -> set[str]:
    """The service's counters and histograms that have counted nothing, and gauges without a
    sample."""
    found = families(text)
    return {
        metric.name
        for name, metric in declared().items()
        if service in metric.on and name in found and not _used(metric, found[name].samples)
    }


def _used(metric: Declared, samples: list[Sample]) -> bool:
    if metric.kind in NEVER_COUNTED:
        return any(sample.value > 0 for sample in samples)
    return bool(samples)
