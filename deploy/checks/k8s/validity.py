"""Points 1, 3, 6 and 8: it renders, figures parse and fit, names are in order."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, kind_of, name_of, of_kind, place, walk
from deploy.checks.k8s.pods import pods
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

NAMESPACE: Final = "heliograph"
CLUSTER_WIDE: Final = frozenset({"Namespace", "PriorityClass"})
_DEPRECATED: Final = ("commonLabels", "bases", "patchesStrategicMerge", "patchesJson6902", "vars")

_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_UNITS: Final[Mapping[str, Decimal]] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def renders(render: Render, project: Project) -> Iterator[Said]:
    """1. It renders, says nothing of deprecated fields, and is the same twice."""
    if render.code != 0:
        yield "kustomization", f"kustomize exits with {render.code}: {render.warnings}"
    elif render.warnings:
        yield "kustomization", f"kustomize warns: {render.warnings}"
    if render.text != render.again:
        yield "kustomization", "two renders differ"
    if not render.objects:
        yield "kustomization", "nothing is rendered"
    for path in sorted(project.manifests.rglob("kustomization.yaml")):
        text = path.read_text(encoding="utf-8")
        for word in _DEPRECATED:
            if re.search(rf"^{word}:", text, re.MULTILINE):
                yield str(path.relative_to(project.manifests)), f"{word} is deprecated"


def quantity(value: object) -> Decimal | None:
    """A quantity's value, None where it is none (Kubernetes API reference, Quantity)."""
    found = _QUANTITY.fullmatch(str(value))
    return Decimal(found[1]) * _UNITS[found[2] or ""] if found else None


def resources_of(container: Object, kind: str) -> Mapping[str, Any]:
    """A container's `requests` or `limits`."""
    return dict(dig(container, "resources", kind, default={}) or {})


def quantities(render: Render, project: Project) -> Iterator[Said]:
    """3. Every quantity parses, and no request is above its limit."""
    for item in render.objects:
        for path, value in walk(item):
            last = path[-1] if path else ""
            if last in {"requests", "limits"} and isinstance(value, Mapping):
                for name, amount in value.items():
                    if quantity(amount) is None:
                        yield place(item), f"{name}: {amount!r} is no quantity"
            elif last in {"sizeLimit", "storage"} and quantity(value) is None:
                yield place(item), f"{last}: {value!r} is no quantity"
            if isinstance(value, Mapping) and "requests" in value and "limits" in value:
                yield from _above(item, value["requests"] or {}, value["limits"] or {})
    for quota in of_kind(render.objects, "ResourceQuota"):
        for name, amount in dig(quota, "spec", "hard", default={}).items():
            if quantity(amount) is None:
                yield place(quota), f"{name}: {amount!r} is no quantity"


def _above(item: Object, requests: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[Said]:
    for name in requests.keys() & limits.keys():
        wanted, most = quantity(requests[name]), quantity(limits[name])
        if wanted is not None and most is not None and wanted > most:
            yield place(item), f"requests {requests[name]} {name} above its limit {limits[name]}"


def bounds(render: Render, project: Project) -> Iterator[Said]:
    """6. Budgets say one thing, minimums are below maximums, CIDRs and ports parse."""
    for budget in of_kind(render.objects, "PodDisruptionBudget"):
        if ("minAvailable" in budget["spec"]) == ("maxUnavailable" in budget["spec"]):
            yield place(budget), "needs exactly one of minAvailable and maxUnavailable"
    for scaler, low, high in _ranges(render):
        if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high):
            yield place(scaler), f"the minimum {low} and the maximum {high} do not fit"
    for item in render.objects:
        for path, value in walk(item):
            last = path[-1] if path else ""
            if last == "cidr" or (len(path) > 1 and path[-2] == "except"):
                yield from _cidr(item, value)
            elif last in {"port", "containerPort", "targetPort", "endPort"} and not isinstance(
                value, (dict, list)
            ):
                yield from _port(item, value)


def _ranges(render: Render) -> Iterator[tuple[Object, Any, Any]]:
    for item in of_kind(render.objects, "HorizontalPodAutoscaler"):
        yield item, dig(item, "spec", "minReplicas", default=1), dig(item, "spec", "maxReplicas")
    for item in of_kind(render.objects, "ScaledObject"):
        spec = item["spec"]
        yield item, spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)


def _cidr(item: Object, value: object) -> Iterator[Said]:
    try:
        ipaddress.ip_network(str(value))
    except ValueError as error:
        yield place(item), f"CIDR {value}: {error}"


def _port(item: Object, value: object) -> Iterator[Said]:
    if isinstance(value, int):
        if not 1 <= value <= 65535:
            yield place(item), f"port {value} is out of range"
    # A port's name is an IANA service name (RFC 6335, section 5.1).
    elif not re.fullmatch(r"(?=.{1,15}$)[a-z0-9]+(-[a-z0-9]+)*", str(value)):
        yield place(item), f"port {value!r} is neither a number nor a name"


def names(render: Render, project: Project) -> Iterator[Said]:
    """8. Names are unique, and everything is in the one namespace."""
    counted = Counter(
        (kind_of(it), dig(it, "metadata", "namespace"), name_of(it)) for it in render.objects
    )
    for (kind, _, name), times in counted.items():
        if times > 1:
            yield f"{kind}/{name}", f"is there {times} times"
    for item in render.objects:
        if not name_of(item):
            yield kind_of(item), "has no name"
        namespace = dig(item, "metadata", "namespace")
        if kind_of(item) in CLUSTER_WIDE:
            continue
        if namespace != NAMESPACE:
            yield place(item), f"is in the namespace {namespace}, not in {NAMESPACE}"
    spaces = [name_of(it) for it in of_kind(render.objects, "Namespace")]
    if spaces != [NAMESPACE]:
        yield "Namespace", f"the namespaces made are {spaces}, not [{NAMESPACE}]"
    if not pods(render.objects):
        yield "kustomization", "there is no workload"
