"""Every pod that an overlay leads to: those of its own workloads, and those that the operators of
RabbitMQ and MongoDB make of their custom resources.

The operators' labels, ports and container names: rabbitmq/cluster-operator `internal/metadata` and
`internal/resource/statefulset.go`; mongodb/mongodb-kubernetes `mongodb-community-operator`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.checks.k8s.objects import NAME_LABEL, Object, dig, kind_of, name_of, of_kind

WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
OPERATED: Final = ("RabbitmqCluster", "MongoDBCommunity")

_OPERATED_PORTS: Final[Mapping[str, Mapping[str, int]]] = {
    "RabbitmqCluster": {"amqp": 5672, "management": 15672, "prometheus": 15692},
    "MongoDBCommunity": {"mongodb": 27017},
}
OPERATED_CONTAINERS: Final[Mapping[str, frozenset[str]]] = {
    "RabbitmqCluster": frozenset({"setup-container", "rabbitmq"}),
    "MongoDBCommunity": frozenset(
        {"mongod-posthook", "mongodb-agent-readinessprobe", "mongod", "mongodb-agent"}
    ),
}
"""The containers that the operators make; the manifests give each its security context."""
_OPERATED_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "RabbitmqCluster": ("spec", "override", "statefulSet", "spec", "template"),
    "MongoDBCommunity": ("spec", "statefulSet", "spec", "template"),
}
_OPERATED_SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "RabbitmqCluster": ("{}", "{}-nodes"),
    "MongoDBCommunity": ("{}-svc",),
}


@dataclass(frozen=True)
class Pods:
    """The pods of one workload, which are all alike."""

    owner: Object
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    ports: Mapping[str, int]

    @property
    def name(self) -> str:
        """The owner's name, which is the service's."""
        return name_of(self.owner)

    @property
    def kind(self) -> str:
        """The owner's kind."""
        return kind_of(self.owner)

    @property
    def operated(self) -> bool:
        """Whether an operator makes them, so that only what is overridden is known."""
        return self.kind in OPERATED

    @property
    def containers(self) -> list[Object]:
        """Containers, those that only initialise included."""
        return [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]

    @property
    def place(self) -> str:
        """How a finding names them."""
        return f"{self.kind}/{self.name}"


def pods(objects: Sequence[Object]) -> list[Pods]:
    """All of them."""
    return [*_of_workloads(objects), *_of_operators(objects)]


def ours(objects: Sequence[Object], services: Sequence[str]) -> list[Pods]:
    """The pods of the four services' Deployments."""
    return [it for it in pods(objects) if it.kind == "Deployment" and it.name in services]


def _of_workloads(objects: Sequence[Object]) -> Iterator[Pods]:
    for item in of_kind(objects, *WORKLOADS):
        owner = _job(item) if kind_of(item) == "CronJob" else item
        template = dig(owner, "spec", "template", default={})
        spec = dig(template, "spec", default={})
        ports = {
            str(port["name"]): int(port["containerPort"])
            for container in spec.get("containers") or ()
            for port in container.get("ports") or ()
            if "name" in port
        }
        yield Pods(owner, dig(template, "metadata", "labels", default={}), spec, ports)


def _job(item: Object) -> Object:
    """The Job that a CronJob makes, under the CronJob's name: what holds for one holds for it."""
    spec = dig(item, "spec", "jobTemplate", "spec", default={})
    return {"kind": "Job", "metadata": item["metadata"], "spec": spec}


def _of_operators(objects: Sequence[Object]) -> Iterator[Pods]:
    for owner in of_kind(objects, *OPERATED):
        kind, name = kind_of(owner), name_of(owner)
        template = dig(owner, *_OPERATED_TEMPLATES[kind], default={})
        labels = dict(dig(template, "metadata", "labels", default={}))
        if kind == "RabbitmqCluster":
            labels |= {
                NAME_LABEL: name,
                "app.kubernetes.io/component": "rabbitmq",
                "app.kubernetes.io/part-of": "rabbitmq",
            }
        else:
            labels |= {"app": f"{name}-svc"}
        yield Pods(owner, labels, dig(template, "spec", default={}), _OPERATED_PORTS[kind])


def service_names(objects: Sequence[Object]) -> set[str]:
    """The Services that will be there, those that operators make included."""
    made = {
        form.format(name_of(owner))
        for owner in of_kind(objects, *OPERATED)
        for form in _OPERATED_SERVICES[kind_of(owner)]
    }
    return made | {name_of(item) for item in of_kind(objects, "Service")}
