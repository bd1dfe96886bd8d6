"""The metrics that rules, dashboards and runbooks take from others: each with its labels and where
it comes from. A name that is neither here nor in `common.metrics` is a finding.

Every series of a scrape has the labels of its target besides (`TARGET`); kube-state-metrics keeps
the `namespace` and `pod` that a series is about, as its ServiceMonitor honours labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TARGET: Final = frozenset({"namespace", "job", "pod", "container", "instance", "endpoint"})
"""What Prometheus adds to the series of a pod that a PodMonitor found."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who exports a group of metrics, and where that is written."""

    exporter: str
    written: str
    metrics: Mapping[str, frozenset[str]]


_QUEUE: Final = frozenset({"vhost", "queue"})
_NODE: Final[frozenset[str]] = frozenset()

RABBITMQ: Final = Source(
    "RabbitMQ, plugin rabbitmq_prometheus, /metrics on port 15692",
    "rabbitmq-server, deps/rabbitmq_prometheus/metrics.md",
    {
        "rabbitmq_alarms_free_disk_space_watermark": _NODE,
        "rabbitmq_alarms_memory_used_watermark": _NODE,
        "rabbitmq_channels": _NODE,
        "rabbitmq_connections": _NODE,
        "rabbitmq_disk_space_available_bytes": _NODE,
        "rabbitmq_disk_space_available_limit_bytes": _NODE,
        "rabbitmq_identity_info": frozenset(
            {"rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id"}
        ),
        "rabbitmq_process_resident_memory_bytes": _NODE,
        "rabbitmq_resident_memory_limit_bytes": _NODE,
        "rabbitmq_global_messages_confirmed_total": frozenset({"protocol"}),
        "rabbitmq_global_messages_received_total": frozenset({"protocol"}),
        "rabbitmq_global_messages_acknowledged_total": frozenset({"protocol", "queue_type"}),
        "rabbitmq_global_messages_redelivered_total": frozenset({"protocol", "queue_type"}),
        "rabbitmq_global_messages_unroutable_returned_total": frozenset({"protocol"}),
    },
)
FAMILIES: Final = ("queue_coarse_metrics", "queue_consumer_count")
"""What is asked of RabbitMQ's /metrics/detailed; the two cheapest families."""

RABBITMQ_QUEUES: Final = Source(
    "RabbitMQ, plugin rabbitmq_prometheus, /metrics/detailed on port 15692",
    "rabbitmq-server, deps/rabbitmq_prometheus/metrics-detailed.md",
    {
        "rabbitmq_detailed_queue_consumers": _QUEUE,
        "rabbitmq_detailed_queue_messages": _QUEUE,
        "rabbitmq_detailed_queue_messages_ready": _QUEUE,
        "rabbitmq_detailed_queue_messages_unacked": _QUEUE,
    },
)
KUBERNETES: Final = Source(
    "kube-state-metrics",
    "kube-state-metrics, docs/metrics/workload",
    {
        "kube_horizontalpodautoscaler_spec_max_replicas": frozenset({"horizontalpodautoscaler"}),
        "kube_horizontalpodautoscaler_status_current_replicas": frozenset(
            {"horizontalpodautoscaler"}
        ),
        "kube_pod_container_status_restarts_total": frozenset({"uid"}),
        "kube_pod_container_status_waiting_reason": frozenset({"uid", "reason"}),
        "kube_statefulset_replicas": frozenset({"statefulset"}),
        "kube_statefulset_status_replicas_ready": frozenset({"statefulset"}),
    },
)
PYTHON: Final = Source(
    "prometheus_client in each service's process",
    "prometheus_client, process and platform collectors",
    {
        "process_cpu_seconds_total": frozenset(),
        "process_resident_memory_bytes": frozenset(),
    },
)
PROMETHEUS: Final = Source(
    "Prometheus itself",
    "Prometheus documentation, Alerting rules and Jobs and instances",
    {
        "ALERTS": frozenset(
            {"alertname", "alertstate", "severity", "queue", "provider", "statefulset"}
        ),
        "up": frozenset(),
    },
)
SOURCES: Final = (RABBITMQ, RABBITMQ_QUEUES, KUBERNETES, PYTHON, PROMETHEUS)
