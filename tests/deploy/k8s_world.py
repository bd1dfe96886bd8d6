"""The rendered overlays, rendered once a session, and copies of them to break."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.checks.k8s.finding import Finding
from deploy.checks.k8s.objects import Object, kind_of, name_of
from deploy.checks.k8s.points import findings
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render, render

PROJECT = Project(released=False)


@functools.cache
def rendered(overlay: str) -> Render:
    """An overlay as it is in the repository."""
    return render(PROJECT.manifests / "overlays" / overlay, overlay)


@functools.cache
def usual(overlay: str, point: int) -> frozenset[Finding]:
    """What a point finds in the repository's own overlay: nothing, as another test wants it."""
    return frozenset(findings(rendered(overlay), PROJECT, [point]))


class Broken:
    """A copy of an overlay, to be broken in one place."""

    def __init__(self, overlay: str):
        whole = rendered(overlay)
        self.render = replace(whole, objects=copy.deepcopy(whole.objects))
        self.project = PROJECT

    def get(self, kind: str, name: str) -> Any:
        """The object of that kind whose name is this, or this with kustomize's hash."""
        for item in self.render.objects:
            found = name_of(item)
            hashed = found[: -len("-1234567890")]
            if kind_of(item) == kind and name in (found, hashed):
                return item
        raise LookupError(f"{kind}/{name}")

    def pod(self, name: str, kind: str = "Deployment") -> Any:
        """The pod's spec of a workload."""
        return self.get(kind, name)["spec"]["template"]["spec"]

    def container(self, name: str, kind: str = "Deployment") -> Any:
        """The first container of a workload."""
        return self.pod(name, kind)["containers"][0]

    def drop(self, kind: str, name: str) -> None:
        """Take an object away."""
        self.render.objects.remove(self.get(kind, name))

    def add(self, kind: str, name: str, spec: Any = None, **more: Any) -> Object:
        """Put an object there."""
        item: Object = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "heliograph", "labels": {}},
            **({"spec": spec} if spec is not None else {}),
            **more,
        }
        self.render.objects.append(item)
        return item

    def elsewhere(self, root: Path) -> None:
        """A repository without what the point looks for in it."""
        self.project = replace(self.project, root=root)


@dataclass(frozen=True)
class Case:
    """One way to break a point, and what its finding says."""

    point: int
    overlay: str
    break_it: Callable[[Broken], object]
    says: str
    what: str

    def __str__(self) -> str:
        return f"{self.point}-{self.overlay}-{self.what}"


class Cases(list[Case]):
    """A table of cases, filled by `case`."""

    def case(
        self, point: int, overlay: str, says: str
    ) -> Callable[[Callable[[Broken], object]], Callable[[Broken], object]]:
        """Add the function as a case; its name says what is broken."""

        def add(break_it: Callable[[Broken], object]) -> Callable[[Broken], object]:
            self.append(Case(point, overlay, break_it, says, break_it.__name__.strip("_")))
            return break_it

        return add
