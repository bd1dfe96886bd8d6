"""Every metric: named by the conventions, with bounded labels, on the services that declare it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics import MetricWrapperBase

from common.metrics import Children, Declared, Metrics
from common.metrics.declaring import EVERY
from common.metrics.labels import PROVIDER_PATTERN, exchange_label, queue_label
from common.providers.specs import SPECS

pytestmark = pytest.mark.unit

NAME = re.compile(r"heliograph_[a-z]+(_[a-z]+)*")
BASE_UNITS = ("_seconds", "_messages", "_connections", "_texts", "_reports", "_requests")
STATES = ("heliograph_ready", "_connected", "_consumers", "_clients", "_info")


def declared() -> tuple[Declared, ...]:
    return Metrics().declared


def exported(service: str | None) -> set[str]:
    return {family.name for family in Metrics(service=service).registry.collect()}


@pytest.mark.parametrize("metric", declared(), ids=lambda metric: metric.name)
def test_a_metric_is_named_by_the_conventions(metric: Declared) -> None:
    assert NAME.fullmatch(metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    if metric.kind == "histogram":
        assert metric.name.endswith(("_seconds", "_messages"))
    elif metric.kind == "gauge":
        assert metric.name.endswith((*BASE_UNITS, *STATES))
    assert metric.tells.endswith(".")
    assert metric.on
    assert set(metric.on) <= set(EVERY)


@pytest.mark.parametrize("metric", declared(), ids=lambda metric: metric.name)
def test_a_label_is_bounded_and_holds_no_id(metric: Declared) -> None:
    for label in metric.labels:
        assert bool(label.values) != bool(label.pattern), "a closed set or a pattern"
        assert label.name not in {"tenant", "agent", "connection", "number", "remote", "id", "le"}
        for digits in ("+4915112345678", "15112345678"):
            assert digits not in label.values
            if label.name != "revision":  # In hex digits, and from a setting of our own.
                assert not (label.pattern and re.fullmatch(label.pattern, digits))


SOURCES = Path(__file__).parents[2]
USES = re.compile(r"\bmetrics\.(\w+)|\bself\._metrics\.(\w+)")


def used_in(*folders: str) -> set[str]:
    """Names of metrics as the code of some folders has them."""
    files = (
        path
        for folder in folders
        for path in (SOURCES / folder).rglob("*.py")
        if "common/metrics" not in path.as_posix()
    )
    found = (USES.findall(path.read_text(encoding="utf-8")) for path in files)
    return {name or other for names in found for name, other in names}


def by_attribute() -> dict[str, Declared]:
    """The declared metrics by the names that the code has for them."""
    metrics = Metrics()
    declared_as = {metric.name.removesuffix("_total"): metric for metric in metrics.declared}
    return {
        name: declared_as[value.describe()[0].name]
        for name, value in vars(metrics).items()
        if isinstance(value, MetricWrapperBase)
    }


@pytest.mark.parametrize("service", EVERY)
def test_a_service_counts_what_it_exports_and_nothing_that_it_does_not(service: str) -> None:
    attributes, own = by_attribute(), used_in(f"services/{service}")
    anywhere = own | used_in("libs/common")
    exported_here = {name for name, metric in attributes.items() if service in metric.on}
    assert exported_here <= anywhere
    assert own & attributes.keys() <= exported_here


def test_each_name_stands_once() -> None:
    names = [metric.name for metric in declared()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", EVERY)
def test_a_service_exports_its_own_metrics_and_no_others(service: str) -> None:
    wanted = {metric.name.removesuffix("_total") for metric in declared() if service in metric.on}
    assert exported(service) == wanted
    assert exported(service) < exported(None)


def test_what_a_service_does_not_export_can_be_counted_all_the_same() -> None:
    metrics = Metrics(service="webhook")
    metrics.validations.labels("acs", "healthy").inc()
    assert b"connection_checks" not in generate_latest(metrics.registry)


def test_a_counter_of_few_values_is_there_before_its_first_event() -> None:
    sample = Metrics().registry.get_sample_value
    assert sample("heliograph_inbound_texts_total", {"result": "duplicate"}) == 0.0
    assert sample("heliograph_outcomes_total", {"status": "sent", "code": "sent"}) is None


def test_every_provider_fits_its_label() -> None:
    assert all(re.fullmatch(PROVIDER_PATTERN, name) for name in SPECS)


def test_children_are_those_of_the_metric() -> None:
    metrics = Metrics()
    children = Children(metrics.inbound_texts)
    children["busy",].inc()
    children["busy",].inc()
    assert len(children) == 1
    assert (
        metrics.registry.get_sample_value("heliograph_inbound_texts_total", {"result": "busy"}) == 2
    )


def test_only_fixed_names_of_queues_and_exchanges_become_labels() -> None:
    assert queue_label("processor.inbound") == "processor.inbound"
    assert queue_label("agent.acme.helper") == "other"
    assert queue_label("changes.webhook.0f0f", private=True) == "changes"
    assert exchange_label("heliograph.inbound") == "heliograph.inbound"
    assert exchange_label("") == "default"
    assert exchange_label("somebody.elses") == "other"
