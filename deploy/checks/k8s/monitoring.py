"""Point 36: each service is scraped, and what must wake somebody does.

Whether promtool takes the rules, and each alert fires when it should, is `make alerts-check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from common.metrics import Metrics
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import dig, of_kind, place, selects
from deploy.checks.k8s.pods import pods
from deploy.checks.k8s.project import SERVICES, Project
from deploy.checks.k8s.rendering import Render

WANTED: Final[Mapping[str, tuple[str, ...]]] = {
    "a dead-letter queue that is not empty": ("heliograph_dead_letter_messages",),
    "the depth or age of a queue": (
        "rabbitmq_detailed_queue_messages",
        "rabbitmq_detailed_queue_messages_ready",
        "heliograph_queue_wait_seconds_bucket",
    ),
    "a queue without consumers": (
        "rabbitmq_detailed_queue_consumers",
        "heliograph_bus_consumers",
    ),
    "the ratio of failed deliveries": (
        "heliograph_reports_total",
        "heliograph_outcomes_total",
        "heliograph_provider_calls_total",
    ),
    "the ratio of 5xx of the webhook": ("heliograph_webhook_requests_total",),
    "crash loops": (
        "kube_pod_container_status_waiting_reason",
        "kube_pod_container_status_restarts_total",
    ),
    "replicas at their maximum": ("kube_horizontalpodautoscaler_spec_max_replicas",),
}
"""What there must be an alert on, and the figures that would tell."""

_OURS: Final = ("management", ("/metrics",))
_SCRAPED_AT: Final = {"rabbitmq": ("prometheus", ("/metrics", "/metrics/detailed"))}
"""Port and paths of what is scraped, where they are not those of a service of ours."""

_METRIC: Final = re.compile(r"(?<![:\w])(?:heliograph|rabbitmq|kube)_[a-z0-9_]+")
_RECORDED: Final = re.compile(r"(?<![\w])heliograph:[a-z0-9_:]+")
_RUNBOOK: Final = re.compile(r"docs/operations/[\w/.-]+\.md")


def monitoring(render: Render, project: Project) -> Iterator[Said]:
    """36. A monitor a service, whose port is there; the alerts, with severity, summary, runbook."""
    if render.production:
        yield from _scraped(render)
        yield from _alerts(render)
    for rule in of_kind(render.objects, "PrometheusRule"):
        for alert in _rules(rule):
            name = alert.get("alert")
            if name is not None:
                where = f"{place(rule)} {name}"
                if not dig(alert, "labels", "severity"):
                    yield where, "has no severity"
                if not dig(alert, "annotations", "summary"):
                    yield where, "has no summary"
                yield from _runbook(where, alert, project)
            for metric in _METRIC.findall(str(alert.get("expr"))):
                if metric.startswith("heliograph_") and metric not in exported():
                    yield f"{place(rule)} {name or alert.get('record')}", f"nobody exports {metric}"


def exported() -> frozenset[str]:
    """Every series that the code exports."""
    return _EXPORTED


def _series() -> frozenset[str]:
    found: set[str] = set()
    for family in Metrics().registry.collect():
        name = family.name
        forms = {
            "counter": ("_total", "_created"),
            "histogram": ("_bucket", "_sum", "_count", "_created"),
            "summary": ("_sum", "_count", "_created"),
            "info": ("_info",),
        }.get(family.type, ("",))
        found.update(f"{name}{form}" for form in forms)
    return frozenset(found)


def _scraped(render: Render) -> Iterator[Said]:
    monitors = list(of_kind(render.objects, "PodMonitor", "ServiceMonitor"))
    for each in pods(render.objects):
        if each.name not in (*SERVICES, "rabbitmq") or each.kind == "Job":
            continue
        port, paths = _SCRAPED_AT.get(each.name, _OURS)
        ends = [
            (end.get("port"), end.get("path", "/metrics"))
            for monitor in monitors
            if selects(dig(monitor, "spec", "selector"), each.labels)
            for end in dig(monitor, "spec", "podMetricsEndpoints", default=())
        ]
        for path in paths:
            if (port, path) not in ends:
                yield each.place, f"no monitor scrapes its port {port} at {path}"


def _alerts(render: Render) -> Iterator[Said]:
    rules = [rule for item in of_kind(render.objects, "PrometheusRule") for rule in _rules(item)]
    recorded = {
        str(rule["record"]): _METRIC.findall(str(rule["expr"]))
        for rule in rules
        if "record" in rule
    }
    asked: set[str] = set()
    for rule in rules:
        if "alert" in rule:
            asked.update(_METRIC.findall(str(rule["expr"])))
            for name in _RECORDED.findall(str(rule["expr"])):
                asked.update(recorded.get(name, ()))
    for what, metrics in WANTED.items():
        if not asked & set(metrics):
            yield "PrometheusRule", f"there is no alert on {what}"


def _rules(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for group in dig(item, "spec", "groups", default=()):
        yield from group.get("rules") or ()


def _runbook(where: str, alert: Mapping[str, Any], project: Project) -> Iterator[Said]:
    link = str(dig(alert, "annotations", "runbook_url", default=""))
    found = _RUNBOOK.search(link)
    if found is None:
        yield where, f"its runbook_url {link!r} names no page of docs/operations"
    elif not (project.root / found[0]).is_file():
        yield where, f"its runbook {found[0]} is not there"


_EXPORTED: Final = _series()
