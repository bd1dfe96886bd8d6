"""Point 4: every selector takes the pods that it means, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import NAME_LABEL, Object, dig, family, of_kind, place, selects
from deploy.checks.k8s.pods import Pods, pods
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render


def selectors(render: Render, project: Project) -> Iterator[Said]:
    """4. Workloads select their own template; Services, budgets, policies, monitors and spread
    constraints the pods of the service that their label names."""
    known = pods(render.objects)
    for workload in of_kind(render.objects, "Deployment", "StatefulSet"):
        labels = dig(workload, "spec", "template", "metadata", "labels", default={})
        chosen = dig(workload, "spec", "selector")
        if not dig(chosen, "matchLabels") or not selects(chosen, labels):
            yield place(workload), "its selector does not take its own template's labels"
    for service in of_kind(render.objects, "Service"):
        taken = {"matchLabels": dig(service, "spec", "selector", default={})}
        yield from _means(service, taken, known, ports=False)
    for budget in of_kind(render.objects, "PodDisruptionBudget"):
        yield from _means(budget, dig(budget, "spec", "selector"), known, ports=False)
    for monitor in of_kind(render.objects, "PodMonitor"):
        yield from _means(monitor, dig(monitor, "spec", "selector"), known, ports=True)
    for policy in of_kind(render.objects, "NetworkPolicy"):
        # One for several services, or for all pods, names them itself.
        if "matchLabels" in dig(policy, "spec", "podSelector"):
            yield from _means(policy, dig(policy, "spec", "podSelector"), known, ports=False)
        yield from _peers(policy, known)
    for each in known:
        yield from _spread(each, known)


def _means(
    item: Object, selector: Mapping[str, Any] | None, known: Sequence[Pods], *, ports: bool
) -> Iterator[Said]:
    taken = [it for it in known if selects(selector, it.labels)]
    names = sorted({it.name for it in taken})
    if ports and len(names) > 1:
        # One monitor may be for several services; then each must have the port that it scrapes.
        wanted = {end.get("port") for end in dig(item, "spec", "podMetricsEndpoints", default=())}
        for it in taken:
            if not wanted & it.ports.keys():
                yield place(item), f"takes {it.name}, which has none of its ports {sorted(wanted)}"
        return
    if not names:
        yield place(item), "its selector takes no pod"
    elif names != [family(item)]:
        yield place(item), f"is for {family(item)}, but its selector takes {', '.join(names)}"


def _peers(policy: Object, known: Sequence[Pods]) -> Iterator[Said]:
    for side, key in (("ingress", "from"), ("egress", "to")):
        for rule in dig(policy, "spec", side, default=()) or ():
            for peer in rule.get(key) or ():
                if "podSelector" not in peer or "namespaceSelector" in peer:
                    continue
                wanted = dig(peer, "podSelector", "matchLabels", NAME_LABEL, default="")
                taken = {it.name for it in known if selects(peer["podSelector"], it.labels)}
                if taken != {wanted}:
                    yield place(policy), f"a peer takes {sorted(taken)}, not the pods of {wanted!r}"


def _spread(each: Pods, known: Sequence[Pods]) -> Iterator[Said]:
    for constraint in each.spec.get("topologySpreadConstraints") or ():
        taken = {it.name for it in known if selects(constraint.get("labelSelector"), it.labels)}
        if taken != {each.name}:
            key = constraint.get("topologyKey")
            yield each.place, f"spreads by {key} over {sorted(taken)}, not over itself"
