"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

Said: TypeAlias = tuple[str, str]
"""The object, as `kind/name`, and what is wrong with it."""

Check: TypeAlias = Callable[[Render, Project], Iterator[Said]]
"""One point, asked of one overlay."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong."""

    point: int
    overlay: str
    place: str
    problem: str

    def __str__(self) -> str:
        return f"point {self.point}: {self.overlay} {self.place}: {self.problem}"
