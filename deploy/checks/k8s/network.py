"""Points 32 and 33: who reaches whom, and what is seen from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from deploy.checks.k8s.edges import (
    BACKUP,
    EDGES,
    ENTRA,
    OPERATORS,
    OUTSIDE,
    TRACES,
    Edge,
)
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import NAME_LABEL, dig, name_of, named, of_kind, place
from deploy.checks.k8s.pods import OPERATED, pods
from deploy.checks.k8s.policies import Party, Rules, admits, rules
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

PUBLIC: Final = "webhook"
"""The one service that the internet reaches."""
_OTHER_PORTS: Final = (22, 80, 8443, 27018)
"""Beside the table's, ports that nobody has anything to do with."""
_SERVERS: Final = ("rabbitmq", "mongodb")
_NAMESPACE: Final = {"kubernetes.io/metadata.name": "heliograph"}


def parties(render: Render) -> list[Party]:
    """Everybody who is asked about; among them a pod of ours that no policy knows. Who has several
    addresses is there as often."""
    found = [
        Party(each.name, inside=True, labels=each.labels, namespace=_NAMESPACE, ports=each.ports)
        for each in pods(render.objects)
    ]
    unknown = {NAME_LABEL: "unknown"}
    found.append(Party("an unknown pod", inside=True, labels=unknown, namespace=_NAMESPACE))
    for name, it in OUTSIDE.items():
        found += [
            Party(name, inside=False, labels=it.pod, namespace=it.namespace, address=address)
            for address in it.addresses or ("",)
        ]
    return found


def allowed(render: Render) -> frozenset[Edge]:
    """The table's edges for this overlay."""
    edges = EDGES | {Edge("an unknown pod", "DNS", 53, it) for it in ("TCP", "UDP")}
    if any(of_kind(render.objects, *OPERATED)):
        edges |= OPERATORS
    settings = [dig(it, "data", default={}) for it in of_kind(render.objects, "ConfigMap")]
    if any("HELIOGRAPH_WEBHOOK_ENTRA_TENANT_ID" in it for it in settings):
        edges |= ENTRA
    if any("HELIOGRAPH_OTLP_ENDPOINT" in it for it in settings):
        edges |= TRACES
    if named(render.objects, "CronJob", "backup") is not None:
        edges |= BACKUP
    return edges


def policies(render: Render, project: Project) -> Iterator[Said]:
    """32. Default deny, and the table: both ends allow each edge, neither anything else."""
    if not any(_denies_all(it) for it in of_kind(render.objects, "NetworkPolicy")):
        yield "NetworkPolicy", "nothing denies by default, both ways"
    known, edges = parties(render), allowed(render)
    for name in {edge.source for edge in edges} | {edge.target for edge in edges}:
        if name not in {it.name for it in known}:
            yield f"edge/{name}", "is in the table of edges and nowhere else"
    ports = sorted({(it.port, it.protocol) for it in edges} | {(it, "TCP") for it in _OTHER_PORTS})
    inside = [it for it in known if it.inside]
    for subject in inside:
        leaving = rules(render.objects, subject, "Egress")
        entering = rules(render.objects, subject, "Ingress")
        for other in known:
            for port, protocol in ports:
                out = Edge(subject.name, other.name, port, protocol)
                yield from _leaves(out, leaving, other, wanted=out in edges)
                back = Edge(other.name, subject.name, port, protocol)
                yield from _enters(back, entering, other, subject, wanted=back in edges)


def _leaves(edge: Edge, leaving: Rules | None, target: Party, *, wanted: bool) -> Iterator[Said]:
    if admits(leaving, target, edge.port, edge.protocol, target) != wanted:
        said = "may not reach" if wanted else "may reach"
        yield f"egress/{edge.source}", f"{said} {edge.target} on {edge.port}/{edge.protocol}"


def _enters(
    edge: Edge, entering: Rules | None, source: Party, target: Party, *, wanted: bool
) -> Iterator[Said]:
    if admits(entering, source, edge.port, edge.protocol, target) != wanted:
        said = "does not let" if wanted else "lets"
        yield f"ingress/{edge.target}", f"{said} {edge.source} in on {edge.port}/{edge.protocol}"


def _denies_all(policy: Mapping[str, object]) -> bool:
    spec = dig(policy, "spec", default={})
    both = set(spec.get("policyTypes") or ()) == {"Ingress", "Egress"}
    return (
        spec.get("podSelector") == {}
        and both
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def exposure(render: Render, project: Project) -> Iterator[Said]:
    """33. The servers take their users only; of the services only the webhook is seen, by TLS."""
    known, edges = parties(render), allowed(render)
    ours = {it.name: it for it in known if it.inside}
    for server in _SERVERS:
        users = {(it.source, it.port) for it in edges if it.target == server}
        ports = {it.port for it in edges if it.target == server}
        if server not in ours:
            yield server, "is not in the render"
            continue
        entering = rules(render.objects, ours[server], "Ingress")
        for source in known:
            for port in ports:
                gets_in = admits(entering, source, port, "TCP", ours[server])
                if gets_in and (source.name, port) not in users:
                    yield server, f"takes {source.name} on {port}"
    for service in of_kind(render.objects, "Service"):
        if dig(service, "spec", "type", default="ClusterIP") != "ClusterIP":
            yield place(service), f"is of type {service['spec']['type']}"
    for item in of_kind(render.objects, "RabbitmqCluster"):
        if dig(item, "spec", "service", "type", default="ClusterIP") != "ClusterIP":
            yield place(item), "its Service is not of type ClusterIP"
    yield from _routes(render)
    yield from _gates(render)


def _routes(render: Render) -> Iterator[Said]:
    host = urlsplit(_public_url(render)).hostname
    for route in of_kind(render.objects, "HTTPRoute"):
        listed = dig(route, "spec", "rules", default=())
        if not all(rule.get("backendRefs") for rule in listed) or not listed:
            yield place(route), "leads nowhere"
        if not dig(route, "spec", "parentRefs"):
            yield place(route), "belongs to no gateway"
        for rule in listed:
            for backend in rule.get("backendRefs") or ():
                if backend["name"] != PUBLIC:
                    yield place(route), f"shows {backend['name']} to the internet"
            paths = [dig(it, "path", "value") for it in rule.get("matches") or ()]
            if not paths or any(not str(it).startswith("/api/webhooks") for it in paths):
                yield place(route), f"shows the paths {paths}, not /api/webhooks alone"
        if dig(route, "spec", "hostnames", default=()) != [host]:
            yield place(route), f"is not for {host}, the host of HELIOGRAPH_PUBLIC_WEBHOOK_URL"
    if render.production and named(render.objects, "HTTPRoute", PUBLIC) is None:
        yield f"HTTPRoute/{PUBLIC}", "there is no way in for deliveries"


def _gates(render: Render) -> Iterator[Said]:
    host = urlsplit(_public_url(render)).hostname
    for item in of_kind(render.objects, "Ingress", "IngressRoute", "GRPCRoute", "TCPRoute"):
        yield place(item), "is another way in"
    for gateway in of_kind(render.objects, "Gateway"):
        for listener in dig(gateway, "spec", "listeners", default=()):
            if listener.get("protocol") != "HTTPS" or not dig(listener, "tls", "certificateRefs"):
                yield place(gateway), f"listener {listener.get('name')} has no TLS"
            if listener.get("hostname") != host:
                yield place(gateway), f"is not for {host}"
    for item in of_kind(render.objects, "Certificate"):
        if dig(item, "spec", "dnsNames") != [host]:
            yield place(item), f"is not for {host}"


def _public_url(render: Render) -> str:
    for item in of_kind(render.objects, "ConfigMap"):
        if name_of(item).startswith("public-settings"):
            return str(dig(item, "data", "HELIOGRAPH_PUBLIC_WEBHOOK_URL", default=""))
    return ""
