"""What the production overlay carries as shipped, and which field of it to raise for more."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from bench.planning import Assumptions, Costs, Plan, markdown, plan, short

MANIFESTS: Final = Path(__file__).parents[1] / "deploy/k8s"

_MOST: Final = 10**12
"""Texts a month that nobody asks for."""
_UNITS: Final[Mapping[str, float]] = {"m": 1e-3, "Mi": 1 / 1024, "Gi": 1.0, "Ti": 1024.0}

Objects: TypeAlias = Sequence[Mapping[str, Any]]


class FieldMissing(Exception):
    """A manifest does not hold what it is read for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a manifest that bounds how much is carried."""

    what: str
    file: str
    """Under `deploy/k8s`."""
    kind: str
    name: str
    path: str
    """`a.b[c].d`: `[c]` is the item of that name."""
    need: Callable[[Plan], float]
    """What a month asks of it: replicas, cores or GiB."""
    unit: str = ""

    def shipped(self, objects: Objects) -> float:
        """Its value among objects.

        Raises:
            FieldMissing: it is not there.
        """
        for item in objects:
            if (item["kind"], item["metadata"]["name"]) == (self.kind, self.name):
                return quantity(_at(item, self.path))
        raise FieldMissing(f"{self.kind}/{self.name}")

    def needed(self, planned: Plan) -> str:
        """What to write there for a plan."""
        need = self.need(planned)
        return f"{short(need)}" if self.unit == "cores" else f"{math.ceil(need):,}{self.unit}"


_HPA, _KEDA = "components/hpa/webhook.yaml", "components/keda/scaling.yaml"
_BROKER, _STORE = "components/rabbitmq/cluster.yaml", "components/mongodb/cluster.yaml"
_RABBIT: Final[Mapping[str, str]] = {"file": _BROKER, "kind": "RabbitmqCluster", "name": "rabbitmq"}
_MONGO: Final[Mapping[str, str]] = {"file": _STORE, "kind": "MongoDBCommunity", "name": "mongodb"}
_MONGOD: Final = "spec.statefulSet.spec.template.spec.containers[mongod].resources"
_VOLUME: Final = "spec.statefulSet.spec.volumeClaimTemplates[data-volume].spec.resources"


def fields(reserved_gib: float) -> Sequence[Field]:
    """What bounds the production overlay.

    Args:
        reserved_gib: of a broker's disk, what has to be free lest it stops.
    """
    return (
        Field(
            what="webhooks at most",
            file=_HPA,
            kind="HorizontalPodAutoscaler",
            name="webhook",
            path="spec.maxReplicas",
            need=attrgetter("webhook"),
        ),
        *(
            Field(
                what=f"{name}s at most",
                file=_KEDA,
                kind="ScaledObject",
                name=name,
                path="spec.maxReplicaCount",
                need=attrgetter(name),
            )
            for name in ("processor", "sender")
        ),
        Field(
            what="cores of a RabbitMQ node",
            **_RABBIT,
            path="spec.resources.requests.cpu",
            need=attrgetter("rabbitmq_cores"),
            unit="cores",
        ),
        Field(
            what="disk of a RabbitMQ node",
            **_RABBIT,
            path="spec.persistence.storage",
            need=lambda planned: reserved_gib + planned.waiting_gib,
            unit="Gi",
        ),
        Field(
            what="cores of a MongoDB member",
            **_MONGO,
            path=f"{_MONGOD}.requests.cpu",
            need=attrgetter("mongodb_cores"),
            unit="cores",
        ),
        # Its cache is half of what is left of the memory after the first GiB.
        Field(
            what="memory of a MongoDB member",
            **_MONGO,
            path=f"{_MONGOD}.limits.memory",
            need=lambda planned: 2 * planned.remembered_gib + 1,
            unit="Gi",
        ),
        Field(
            what="disk of a MongoDB member",
            **_MONGO,
            path=f"{_VOLUME}.requests.storage",
            need=attrgetter("kept_gib"),
            unit="Gi",
        ),
    )


def read(root: Path = MANIFESTS) -> Objects:
    """The objects of every file that a field is in."""
    files = sorted({field.file for field in fields(0)})
    return [
        item
        for file in files
        for item in yaml.safe_load_all((root / file).read_text(encoding="utf-8"))
    ]


def reserved(objects: Objects) -> float:
    """GiB of a broker's disk that `disk_free_limit.absolute` keeps free."""
    (broker,) = (item for item in objects if item["kind"] == _RABBIT["kind"])
    settings: dict[str, str] = {}
    for line in _at(broker, "spec.rabbitmq.additionalConfig").splitlines():
        name, _, value = line.partition("=")
        settings[name.strip()] = value.strip()
    return int(settings["disk_free_limit.absolute"].removesuffix("GB")) * 1e9 / 2**30


def carried(field: Field, objects: Objects, costs: Costs, given: Assumptions) -> int:
    """The most texts a month for which a field is enough."""
    shipped = field.shipped(objects)
    enough, too_many = 0, _MOST
    while too_many - enough > 1:
        texts = (enough + too_many) // 2
        if field.need(plan(texts, costs, given)) <= shipped:
            enough = texts
        else:
            too_many = texts
    return enough


def raising(objects: Objects, costs: Costs, given: Assumptions, months: Sequence[int]) -> str:
    """Which field to raise for which month, and for how much it is enough as shipped."""
    headings = ("what", "as shipped", *(f"{texts:,}" for texts in months), "enough for")
    lines = [headings]
    for field in fields(reserved(objects)):
        shipped = field.shipped(objects)
        cells = []
        for texts in months:
            planned = plan(texts, costs, given)
            needed = field.needed(planned)
            cells.append(f"**{needed}**" if field.need(planned) > shipped else needed)
        enough = f"{_rounded(carried(field, objects, costs, given)):,}"
        unit = field.unit if field.unit == "Gi" else ""
        lines.append((field.what, f"{shipped:g}{unit}", *cells, enough))
    return markdown(lines)


def places() -> str:
    """Where each field is."""
    rows = [(it.what, f"`{it.file}`", f"{it.kind} `{it.name}`: `{it.path}`") for it in fields(0)]
    return markdown([("what", "file under `deploy/k8s`", "field"), *rows])


def summary(objects: Objects, costs: Costs, given: Assumptions) -> str:
    """How much the production overlay carries as shipped, and what ends first."""
    ends = {
        field.what: carried(field, objects, costs, given) for field in fields(reserved(objects))
    }
    first = min(ends, key=lambda what: ends[what])
    return f"As shipped: up to {_rounded(ends[first]):,} texts a month. What ends first: {first}."


def quantity(value: float | str) -> float:
    """A Kubernetes quantity: cores, GiB, or a plain number."""
    text = str(value)
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def _rounded(texts: int) -> int:
    """Down to two digits."""
    step = int(10 ** max(0, len(str(texts)) - 2))
    return texts // step * step


def _at(item: Any, path: str) -> Any:
    for step in path.replace("[", ".[").split("."):
        try:
            if step.startswith("["):
                item = next(it for it in item if _name(it) == step.strip("[]"))
            else:
                item = item[step]
        except (KeyError, StopIteration) as error:
            raise FieldMissing(path) from error
    return item


def _name(item: Mapping[str, Any]) -> Any:
    return item.get("name") or item.get("metadata", {}).get("name")
