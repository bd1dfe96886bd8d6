"""Rendered objects as plain dictionaries, and how the checks look into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

NAME_LABEL = "app.kubernetes.io/name"


def dig(value: Any, *path: str | int, default: Any = None) -> Any:
    """What stands at a path, `default` where a step of it is missing."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, Sequence) or len(value) <= step:
                return default
        elif not isinstance(value, Mapping) or step not in value:
            return default
        value = value[step]
    return value


def kind_of(item: Object) -> str:
    """`Deployment`, …"""
    return str(item.get("kind", ""))


def name_of(item: Object) -> str:
    """`metadata.name`."""
    return str(dig(item, "metadata", "name", default=""))


def labels_of(item: Object) -> dict[str, str]:
    """`metadata.labels`."""
    return dict(dig(item, "metadata", "labels", default={}) or {})


def for_grafana(item: Object) -> bool:
    """Whether a ConfigMap is a dashboard: Grafana takes it, and no pod of ours reads it."""
    return "grafana_dashboard" in labels_of(item)


def family(item: Object) -> str:
    """The service that an object belongs to, as its label says."""
    return labels_of(item).get(NAME_LABEL, "")


def place(item: Object) -> str:
    """How a finding names an object."""
    return f"{kind_of(item)}/{name_of(item)}"


def of_kind(objects: Sequence[Object], *kinds: str) -> Iterator[Object]:
    """The objects of these kinds."""
    return (item for item in objects if kind_of(item) in kinds)


def named(objects: Sequence[Object], kind: str, name: str) -> Object | None:
    """The object of that kind and name, if it is there."""
    return next((item for item in of_kind(objects, kind) if name_of(item) == name), None)


def walk(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value below, with its path."""
    yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from walk(inner, (*path, number))


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels. An empty one takes everything, None nothing
    (Kubernetes API reference, LabelSelector)."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_matches(rule, labels) for rule in selector.get("matchExpressions") or ())


def _matches(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(rule.get("key")), rule.get("values") or ()
    match rule.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False
