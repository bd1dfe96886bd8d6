"""Points 15 to 20: what pods ask for, how many there are, and where they go."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, name_of, of_kind, place, selects
from deploy.checks.k8s.pods import Pods, ours, pods
from deploy.checks.k8s.project import SERVICES, Project
from deploy.checks.k8s.rendering import Render
from deploy.checks.k8s.validity import quantity, resources_of

ZONE: Final = "topology.kubernetes.io/zone"
HOST: Final = "kubernetes.io/hostname"
IN_ZONES: Final = ("webhook", "processor", "sender")
"""Services that a zone's loss must leave running: three replicas, one a zone."""
FEWEST: Final = 3
_WELL_ABOVE: Final = 2
_RANKS: Final = (("rabbitmq", "mongodb"), ("webhook",), ("processor", "sender"))
"""Who goes before whom when room is short."""


def resources(render: Render, project: Project) -> Iterator[Said]:
    """15. Requests for CPU, memory and disk; a memory limit equal to the request, a disk limit."""
    for each in pods(render.objects):
        if each.kind == "RabbitmqCluster":
            yield from _asks(each, "nodes", dig(each.owner, "spec", "resources", default={}))
            continue
        for container in each.containers:
            yield from _asks(each, container["name"], container.get("resources") or {})


def _asks(each: Pods, name: str, asked: Object) -> Iterator[Said]:
    requests, limits = asked.get("requests") or {}, asked.get("limits") or {}
    for resource in ("cpu", "memory", "ephemeral-storage"):
        if resource not in requests:
            yield each.place, f"{name} requests no {resource}"
    for resource in ("memory", "ephemeral-storage"):
        if resource not in limits:
            yield each.place, f"{name} has no limit of {resource}"
    memory = quantity(requests.get("memory", "")), quantity(limits.get("memory", ""))
    if None not in memory and memory[0] != memory[1]:
        yield each.place, f"{name}: the memory limit is not the request"


def least(render: Render, name: str) -> int:
    """Replicas that a workload has at least: its autoscaler's minimum, else its own count."""
    for scaler in of_kind(render.objects, "HorizontalPodAutoscaler", "ScaledObject"):
        if dig(scaler, "spec", "scaleTargetRef", "name") == name:
            spec = scaler["spec"]
            return int(spec.get("minReplicas", spec.get("minReplicaCount", 0)))
    for each in pods(render.objects):
        if each.name == name and each.kind != "Job":
            count: Any = dig(each.owner, "spec", "replicas")
            members: Any = dig(each.owner, "spec", "members", default=1)
            return int(count if count is not None else members)
    return 0


def replicas(render: Render, project: Project) -> Iterator[Said]:
    """16. Enough of each that a node, or a zone, may go."""
    if not render.production:
        return
    for name in SERVICES:
        wanted = FEWEST if name in IN_ZONES else 2
        if least(render, name) < wanted:
            yield f"Deployment/{name}", f"has {least(render, name)} replicas at least, not {wanted}"


def cpu_limits(render: Render, project: Project) -> Iterator[Said]:
    """17. One decision on CPU limits for all services, with its reason."""
    limited: dict[str, bool] = {}
    for each in ours(render.objects, tuple(SERVICES)):
        for container in each.containers:
            limit = quantity(resources_of(container, "limits").get("cpu", ""))
            request = quantity(resources_of(container, "requests").get("cpu", ""))
            limited[each.name] = limit is not None
            if limit is not None and (request is None or limit < _WELL_ABOVE * request):
                yield each.place, "its CPU limit is not well above its request"
    if len(set(limited.values())) > 1:
        names = sorted(name for name, has in limited.items() if has)
        yield "Deployment", f"only {', '.join(names)} have a CPU limit"
    for name in SERVICES:
        source = project.manifests / "base" / f"{name}.yaml"
        if "CPU limit" not in (source.read_text(encoding="utf-8") if source.is_file() else ""):
            yield f"Deployment/{name}", "does not say why it has a CPU limit, or none"


def spread(render: Render, project: Project) -> Iterator[Said]:
    """18. Over zones and nodes, each rollout by itself."""
    for each in ours(render.objects, tuple(SERVICES)):
        found = {
            it.get("topologyKey"): it for it in each.spec.get("topologySpreadConstraints") or ()
        }
        for key in (ZONE, HOST):
            constraint = found.get(key)
            if constraint is None:
                yield each.place, f"is not spread by {key}"
                continue
            if not selects(constraint.get("labelSelector"), each.labels):
                yield each.place, f"its spread by {key} does not select itself"
            if constraint.get("matchLabelKeys") != ["pod-template-hash"]:
                yield each.place, f"its spread by {key} takes an old rollout's pods along"
        if found.get(ZONE, {}).get("whenUnsatisfiable") != "ScheduleAnyway":
            yield each.place, "a lost zone would keep its replicas from the other zones"


def budgets(render: Render, project: Project) -> Iterator[Said]:
    """19. A budget for whatever has replicas, which lets one go and holds up no drain."""
    found = list(of_kind(render.objects, "PodDisruptionBudget"))
    for each in pods(render.objects):
        if each.kind == "Job":
            continue
        its = [it for it in found if selects(dig(it, "spec", "selector"), each.labels)]
        if not its and least(render, each.name) > 1:
            yield each.place, "has no PodDisruptionBudget"
        if len(its) > 1:
            yield each.place, "has several PodDisruptionBudgets, which keeps it from being evicted"
        for budget in its:
            yield from _lets_go(budget, least(render, each.name))


def _lets_go(budget: Object, count: int) -> Iterator[Said]:
    spec = budget["spec"]
    if "minAvailable" in spec:
        kept = str(spec["minAvailable"])
        if kept.endswith("%") or not kept.isdigit() or int(kept) >= max(count, 1):
            yield place(budget), f"keeps {kept} of {count}, so that none may go"
    elif spec.get("maxUnavailable") != 1:
        yield place(budget), f"lets {spec.get('maxUnavailable')} go, not 1"
    if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield place(budget), "a crashing pod would hold up a node's drain"


def priorities(render: Render, project: Project) -> Iterator[Said]:
    """20. Broker and database before webhook, webhook before processor and sender."""
    values = {name_of(it): int(it["value"]) for it in of_kind(render.objects, "PriorityClass")}
    rank: dict[str, int] = {}
    for each in pods(render.objects):
        name = each.spec.get("priorityClassName")
        if name is None:
            yield each.place, "has no priorityClassName"
        else:
            rank[each.name] = values.get(name, 0)
    for first, second in pairwise(_RANKS):
        for high in first:
            for low in second:
                if high in rank and low in rank and rank[high] <= rank[low]:
                    yield high, f"its priority is not above that of {low}"
