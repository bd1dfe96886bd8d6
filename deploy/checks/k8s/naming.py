"""Point 35: the recommended labels, everywhere, and in no selector what changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import dig, labels_of, place, walk
from deploy.checks.k8s.pods import pods
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

_PREFIX: Final = "app.kubernetes.io/"
LABELS: Final = ("name", "instance", "component", "part-of", "version", "managed-by")
_OPERATORS_OWN: Final = ("part-of", "managed-by")
"""Labels of its pods that the RabbitMQ operator writes itself."""
_SELECTORS: Final = frozenset({"selector", "labelSelector", "podSelector", "namespaceSelector"})


def labels(render: Render, project: Project) -> Iterator[Said]:
    """35. Six labels on every object and template; the version is the project's, in no selector."""
    for item in render.objects:
        yield from _complete(place(item), labels_of(item), LABELS, project)
        for path, value in walk(item):
            is_selector = path and path[-1] in _SELECTORS and isinstance(value, Mapping)
            if is_selector and any(f"{_PREFIX}version" in keys for keys in _keys(value)):
                yield place(item), "has the version in a selector, which cannot be changed"
    for each in pods(render.objects):
        left_out = _OPERATORS_OWN if each.kind == "RabbitmqCluster" else ()
        wanted = tuple(name for name in LABELS if name not in left_out)
        yield from _complete(f"{each.place} template", each.labels, wanted, project)


def _complete(
    where: str, found: Mapping[str, str], wanted: tuple[str, ...], project: Project
) -> Iterator[Said]:
    missing = [name for name in wanted if not found.get(f"{_PREFIX}{name}")]
    if missing:
        yield where, f"has no label {', '.join(f'{_PREFIX}{name}' for name in missing)}"
    version = found.get(f"{_PREFIX}version")
    if version is not None and version != project.version:
        yield where, f"is labelled with version {version}, and the project is {project.version}"


def _keys(selector: Mapping[str, object]) -> Iterator[set[str]]:
    yield set(selector)
    yield set(dig(selector, "matchLabels", default={}) or {})
    for rule in dig(selector, "matchExpressions", default=()) or ():
        yield {str(dig(rule, "key"))}
