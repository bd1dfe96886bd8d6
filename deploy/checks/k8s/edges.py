"""Who may speak to whom: the table that the network policies are compared with, pair by pair.

Ports of ours are the settings' defaults; those of the servers are in their own documentation
(rabbitmq.com "Networking", mongodb.com "Default MongoDB Port").

The usual advice is that only who calls the providers, the sender, reaches the internet. Here the
health service does too: it asks the providers whether credentials work and what became of a text,
keeps their opt-out lists in step, and fetches the keys of an OpenID Connect issuer. The webhook may
not, unless it asks for Entra tokens (component entra-keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from deploy.checks.k8s.project import SERVICES

AMQP: Final = 5672
RABBITMQ_MANAGEMENT: Final = 15672
RABBITMQ_METRICS: Final = 15692
EPMD: Final = 4369
DISTRIBUTION: Final = 25672
MONGODB: Final = 27017
HTTPS: Final = 443
API_SERVER: Final = 6443
OTLP: Final = 4318
DNS: Final = 53


def _listens(service: str, port: str) -> int:
    settings = SERVICES[service].settings
    return int(settings.model_fields[SERVICES[service].listens[port]].default)


WEBHOOK: Final = _listens("webhook", "webhook")
CONSOLE: Final = _listens("health", "console")
MANAGEMENT: Final = _listens("health", "management")


@dataclass(frozen=True)
class Outside:
    """Somebody who is not in the namespace: pods by labels, or an address."""

    namespace: Mapping[str, str] = field(default_factory=dict)
    pod: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


_NAME: Final = "kubernetes.io/metadata.name"

OUTSIDE: Final[Mapping[str, Outside]] = {
    "gateway": Outside({"heliograph/gateway": "true"}),
    "agents": Outside({"heliograph/agents": "true"}),
    "console users": Outside({"heliograph/console": "true"}),
    "KEDA": Outside({_NAME: "keda"}),
    "Prometheus": Outside({_NAME: "monitoring"}, {"app.kubernetes.io/name": "prometheus"}),
    "the collector": Outside(
        {_NAME: "monitoring"}, {"app.kubernetes.io/name": "opentelemetry-collector"}
    ),
    "DNS": Outside({_NAME: "kube-system"}, {"k8s-app": "kube-dns"}),
    "another pod of kube-system": Outside({_NAME: "kube-system"}, {"k8s-app": "other"}),
    "another pod of monitoring": Outside(
        {_NAME: "monitoring"}, {"app.kubernetes.io/name": "other"}
    ),
    "another namespace": Outside({_NAME: "default"}, {"app.kubernetes.io/name": "webhook"}),
    "Prometheus elsewhere": Outside({_NAME: "default"}, {"app.kubernetes.io/name": "prometheus"}),
    "DNS elsewhere": Outside({_NAME: "default"}, {"k8s-app": "kube-dns"}),
    "the internet": Outside(addresses=("203.0.113.10",)),
    "the API server": Outside(addresses=("10.96.0.1", "172.16.0.1", "192.168.0.1")),
    "cloud metadata": Outside(addresses=("169.254.169.254",)),
    "a shared address": Outside(addresses=("100.64.0.1",)),
    "the node itself": Outside(addresses=("127.0.0.1",)),
}
"""Everybody outside who is asked about; most only to be refused. Addresses are examples of their
ranges; 203.0.113.0/24 is for documentation (RFC 5737)."""


@dataclass(frozen=True, order=True)
class Edge:
    """One allowed connection."""

    source: str
    target: str
    port: int
    protocol: str = "TCP"


def _each(sources: tuple[str, ...], target: str, *ports: int) -> set[Edge]:
    return {Edge(source, target, port) for source in sources for port in ports}


_USERS: Final = ("webhook", "processor", "sender", "health", "prepare")

EDGES: Final[frozenset[Edge]] = frozenset(
    _each(("gateway",), "webhook", WEBHOOK)
    | _each(("console users",), "health", CONSOLE)
    | {Edge("Prometheus", service, MANAGEMENT) for service in SERVICES}
    | _each(_USERS, "rabbitmq", AMQP)
    | _each(("agents",), "rabbitmq", AMQP)
    | _each(("health", "KEDA"), "rabbitmq", RABBITMQ_MANAGEMENT)
    | _each(("Prometheus",), "rabbitmq", RABBITMQ_METRICS)
    | _each(("rabbitmq",), "rabbitmq", EPMD, DISTRIBUTION)
    | _each((*_USERS, "mongodb"), "mongodb", MONGODB)
    | _each(("sender", "health"), "the internet", HTTPS)
    | {
        Edge(name, "DNS", DNS, protocol)
        for name in (*_USERS, "rabbitmq", "mongodb")
        for protocol in ("TCP", "UDP")
    }
)
"""In every overlay."""

OPERATORS: Final[frozenset[Edge]] = frozenset(
    _each(("rabbitmq", "mongodb"), "the API server", HTTPS, API_SERVER)
)
"""Beside them, where operators run the servers: component operator-policies."""

ENTRA: Final[frozenset[Edge]] = frozenset(_each(("webhook",), "the internet", HTTPS))
"""Beside them, where the webhook asks for Entra tokens: component entra-keys."""


TRACES: Final[frozenset[Edge]] = frozenset(_each(tuple(SERVICES), "the collector", OTLP))
"""Beside them, where the services export their traces: component tracing."""


BACKUP: Final[frozenset[Edge]] = frozenset(
    _each(("backup",), "mongodb", MONGODB)
    | {Edge("backup", "DNS", DNS, protocol) for protocol in ("TCP", "UDP")}
)
"""Beside them, where backups are made in the cluster: component backup."""


def table() -> str:
    """The table of docs/operations/kubernetes.md."""
    rows: dict[tuple[str, int, str], list[str]] = {}
    sets = {
        "": EDGES,
        " (operator-policies)": OPERATORS,
        " (entra-keys)": ENTRA,
        " (tracing)": TRACES,
        " (backup)": BACKUP,
    }
    for where, edges in sets.items():
        for edge in sorted(edges):
            row = (edge.target + where, edge.port, edge.protocol)
            rows.setdefault(row, []).append(edge.source)
    lines = ["| to | port | from |", "| --- | --- | --- |"]
    for (target, port, protocol), sources in sorted(rows.items()):
        lines.append(f"| {target} | {port}/{protocol} | {', '.join(sources)} |")
    return "\n".join(lines) + "\n"
