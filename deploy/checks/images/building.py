"""Builds with buildah: no engine, no daemon, a store of its own below one folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.checks.images.rules import DOCKERFILE, ROOT
from deploy.checks.images.running import tell

TOOLS: Final = ("buildah", "mmdebstrap", "bwrap")


def obstacle() -> str | None:
    """Why no image can be built here, in a sentence; None where one can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"no images are built here: {', '.join(missing)} is missing (see images.md)."
    if os.geteuid() != 0:
        return "no images are built here: buildah's chroot isolation and its mounts need root."
    return None


@dataclass(frozen=True, slots=True)
class Built:
    """An image in the store."""

    id: str
    configuration: Mapping[str, Any]
    """As the image has it: `User`, `Entrypoint`, `Env`, `Labels`, `ExposedPorts`, …"""


class Store:
    """Where the images of one run are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._command = (
            "buildah",
            "--root",
            str(folder / "root"),
            "--runroot",
            str(folder / "run"),
        )

    def has(self, name: str) -> bool:
        """Whether there is an image of that name."""
        done = subprocess.run(
            [*self._command, "inspect", "--type", "image", name], capture_output=True, check=False
        )
        return done.returncode == 0

    def commit_tree(self, tree: Path, name: str) -> None:
        """Make an image of one layer from a folder."""
        container = tell(*self._command, "from", "scratch")
        tell(*self._command, "copy", container, tree, "/")
        tell(*self._command, "commit", "--rm", container, name)

    def build(self, target: str, *, base: str, revision: str, fresh: bool = False) -> Built:
        """Build one target of our Dockerfile; `fresh` uses no layer of an earlier build."""
        name = f"localhost/{target}:{'fresh' if fresh else 'check'}"
        id_file = self.folder / f"{target}.id"
        tell(
            *self._command,
            "bud",
            "--isolation=chroot",
            "--pull-never",
            "--format=docker",  # The OCI's has no HEALTHCHECK.
            "--timestamp=0",
            "--no-cache" if fresh else "--layers",
            f"--build-arg=PYTHON_IMAGE={base}",
            f"--build-arg=REVISION={revision}",
            f"--target={target}",
            f"--iidfile={id_file}",
            f"--tag={name}",
            f"--file={DOCKERFILE}",
            ROOT,
        )
        inspected = json.loads(tell(*self._command, "inspect", "--type", "image", name))
        return Built(inspected["FromImageID"], inspected["Docker"]["config"])

    @contextlib.contextmanager
    def mounted(self, image: Built) -> Iterator[Path]:
        """The image's file system, as a folder that is only looked at."""
        container = tell(*self._command, "from", "--pull-never", image.id)
        try:
            yield Path(tell(*self._command, "mount", container))
        finally:
            tell(*self._command, "rm", container)
