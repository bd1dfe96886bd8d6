"""Points 28 to 31: what scales, on which figure, and how far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from deploy.checks.k8s.configuration import loaded
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object, dig, name_of, named, of_kind, place
from deploy.checks.k8s.pods import ours
from deploy.checks.k8s.project import SERVICES, Project
from deploy.checks.k8s.rendering import Render
from deploy.checks.k8s.validity import quantity

MOST_UNACKNOWLEDGED: Final = 20_000
"""Messages that the consumers of one queue may hold together. Until they are acknowledged a quorum
queue keeps them: 100 MB of messages of 5 kB, well below the watermark of a 4 GiB node."""
MOST_CONNECTIONS: Final = 200
"""AMQP connections, of which each replica has one: each costs a broker some 100 kB and a handle."""
MOST_PROVIDER_CALLS: Final = 500
"""Calls to providers at the same time, over all senders. How many texts leave in a second is kept
by limits in the database, however many senders there are; this is for the providers' servers."""
_VHOST: Final = "/"
"""Where the URLs lead that docs/operations/kubernetes.md asks for."""
_STEADY: Final = 300
"""Seconds of calm before a consumer is taken away."""


def targets(render: Render, project: Project) -> Iterator[Said]:
    """28. Consumers by queue length, the webhook by CPU, none by two; the base has none of it."""
    if not render.production:
        for item in of_kind(render.objects, "ScaledObject", "HorizontalPodAutoscaler"):
            yield place(item), "does not belong into an overlay for one node"
        return
    found = Counter(
        dig(item, "spec", "scaleTargetRef", "name")
        for item in of_kind(render.objects, "ScaledObject", "HorizontalPodAutoscaler")
    )
    for name, times in found.items():
        if times > 1:
            yield f"Deployment/{name}", f"is scaled by {times} autoscalers"
    for name, service in SERVICES.items():
        kind = "ScaledObject" if service.queue else "HorizontalPodAutoscaler"
        scaler = next((it for it in of_kind(render.objects, kind) if _target(it) == name), None)
        if scaler is None and name != "health":
            yield f"Deployment/{name}", f"has no {kind}"
        elif scaler is not None and not service.queue:
            metrics = dig(scaler, "spec", "metrics", default=())
            if not any(dig(it, "resource", "name") == "cpu" for it in metrics):
                yield place(scaler), "does not scale on CPU"


def _target(scaler: Object) -> str:
    return str(dig(scaler, "spec", "scaleTargetRef", "name"))


def counts(render: Render, project: Project) -> Iterator[Said]:
    """29. What an autoscaler owns has no count of its own."""
    for scaler in of_kind(render.objects, "ScaledObject", "HorizontalPodAutoscaler"):
        kind = dig(scaler, "spec", "scaleTargetRef", "kind", default="Deployment")
        workload = named(render.objects, kind, _target(scaler))
        if workload is not None and "replicas" in workload["spec"]:
            yield place(workload), "its spec.replicas resets what the autoscaler chose"


def triggers(render: Render, project: Project) -> Iterator[Said]:
    """30. Queue length by HTTP, of a queue that the code declares, with a TriggerAuthentication."""
    for scaler in of_kind(render.objects, "ScaledObject"):
        service = SERVICES.get(_target(scaler))
        found = dig(scaler, "spec", "triggers", default=())
        if len(found) != 1 or service is None:
            yield place(scaler), "has not exactly one trigger for one of the consumers"
            continue
        metadata = found[0].get("metadata", {})
        wanted = {
            "mode": "QueueLength",
            "protocol": "http",
            "queueName": service.queue,
            "vhostName": _VHOST,
        }
        for key, value in wanted.items():
            if metadata.get(key) != value:
                yield place(scaler), f"{key} is {metadata.get(key)}, not {value}"
        if "queueLength" in metadata or not str(metadata.get("value", "")).isdigit():
            yield place(scaler), "does not say its value"
        if any(not isinstance(value, str) for value in metadata.values()):
            yield place(scaler), "a value of its metadata is no text"
        name = dig(found[0], "authenticationRef", "name")
        login = named(render.objects, "TriggerAuthentication", str(name))
        given = [it["parameter"] for it in dig(login, "spec", "secretTargetRef", default=())]
        if not name:
            yield place(scaler), "has no TriggerAuthentication"
        elif given != ["host"]:
            yield place(scaler), f"its TriggerAuthentication gives {given}, not ['host']"
        if {"host", "hostFromEnv", "password", "username"} & metadata.keys():
            yield place(scaler), "has credentials in its metadata"


def ranges(render: Render, project: Project) -> Iterator[Said]:
    """31. Never none, slowly down, a fallback, no more than broker, quota and providers take."""
    for scaler in of_kind(render.objects, "ScaledObject"):
        yield from _scaled(render, scaler)
    replicas = {
        name_of(it): int(dig(it, "spec", "replicas", default=1)) for it in _deployments(render)
    }
    for scaler in of_kind(render.objects, "ScaledObject", "HorizontalPodAutoscaler"):
        spec = scaler["spec"]
        replicas[_target(scaler)] = int(spec.get("maxReplicas", spec.get("maxReplicaCount", 100)))
        yield from _down(scaler)
    connections = sum(replicas.values())
    if connections > MOST_CONNECTIONS:
        yield "autoscaling", f"{connections} connections to the broker, at most {MOST_CONNECTIONS}"
    yield from _provider_calls(render, replicas.get("sender", 0))
    for quota in of_kind(render.objects, "ResourceQuota"):
        pods = quantity(dig(quota, "spec", "hard", "pods", default="0"))
        # Each Deployment surges by one; Job and servers come on top.
        if pods is not None and pods < connections + len(replicas) + 10:
            yield place(quota), f"{pods} pods are too few for {connections} replicas"


def _deployments(render: Render) -> Iterator[Object]:
    return of_kind(render.objects, "Deployment")


def _scaled(render: Render, scaler: Object) -> Iterator[Said]:
    spec = scaler["spec"]
    fewest = 2 if render.production else 1
    if spec.get("minReplicaCount", 0) < fewest:
        yield place(scaler), f"goes down to {spec.get('minReplicaCount', 0)}, not {fewest}"
    fallback: Any = spec.get("fallback") or {}
    if not fallback.get("failureThreshold") or fallback.get("replicas", 0) < fewest:
        yield place(scaler), "has no fallback for when the broker cannot be asked"
    service = SERVICES.get(_target(scaler))
    each = next((it for it in ours(render.objects, (_target(scaler),))), None)
    if service is None or service.prefetch is None or each is None:
        return
    settings = loaded(render.objects, each)
    prefetch = int(getattr(settings, service.prefetch, 0))
    held = int(spec.get("maxReplicaCount", 100)) * prefetch
    if held > MOST_UNACKNOWLEDGED:
        yield place(scaler), f"may hold {held} messages, at most {MOST_UNACKNOWLEDGED}"
    value = str(dig(spec, "triggers", 0, "metadata", "value", default=""))
    # Over HTTP what is unacknowledged counts: below the prefetch, replicas would ask for replicas.
    if value.isdigit() and int(value) <= prefetch:
        yield place(scaler), f"its value {value} is not above the prefetch {prefetch}"


def _down(scaler: Object) -> Iterator[Said]:
    keda = dig(scaler, "spec", "advanced", "horizontalPodAutoscalerConfig", default={})
    behavior = dig(keda, "behavior") or dig(scaler, "spec", "behavior", default={})
    down = dig(behavior, "scaleDown", default={})
    if down.get("stabilizationWindowSeconds", 0) < _STEADY:
        yield place(scaler), f"scales down before {_STEADY} s of calm"
    policies = down.get("policies") or ()
    if not any(
        it.get("type") in {"Pods", "Percent"} and it.get("periodSeconds", 0) >= 60
        for it in policies
    ):
        yield place(scaler), "does not say how many may go in a minute"


def _provider_calls(render: Render, senders: int) -> Iterator[Said]:
    each = next((it for it in ours(render.objects, ("sender",))), None)
    settings = loaded(render.objects, each) if each is not None else None
    lanes = int(getattr(settings, "sender_lanes", 0))
    if senders * lanes > MOST_PROVIDER_CALLS:
        calls = senders * lanes
        yield "autoscaling", f"{calls} provider calls at once, at most {MOST_PROVIDER_CALLS}"
