"""Builds with buildah: no engine, no daemon, a store of its own below one folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.checks.images.rules import DOCKERFILE, ROOT
from deploy.checks.images.running import ToolFailed, tell

TOOLS: Final = ("buildah", "mmdebstrap", "bwrap")
WHEELS: Final = "/wheels"
"""Where a build finds them; in the base, and therefore in no layer of ours."""


def obstacle() -> str | None:
    """Why no image can be built here, in a sentence; None where one can."""
    missing = missing_tools()
    if missing:
        return f"no images are built here: {', '.join(missing)} is missing (see images.md)."
    if os.geteuid() != 0:
        return "no images are built here: buildah's chroot isolation and its mounts need root."
    with tempfile.TemporaryDirectory() as place:
        try:
            _try_mounts(Path(place))
        except ToolFailed as error:
            return f"no images are built here, where root may not mount: {error}"
    return None


def missing_tools() -> list[str]:
    """Those that could be installed, and are not."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _try_mounts(folder: Path) -> None:
    """A layer over another, and a process table of one's own: some sandboxes forbid them."""
    for part in ("below", "above", "work", "both"):
        (folder / part).mkdir()
    below, above, work, both = (folder / part for part in ("below", "above", "work", "both"))
    options = f"lowerdir={below},upperdir={above},workdir={work}"
    tell("mount", "-t", "overlay", "-o", options, "overlay", both)
    tell("umount", both)
    tell(
        "bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-pid", "true"
    )


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

    def tidy(self) -> None:
        """Remove what an earlier run left, but for named images."""
        tell(*self._command, "rm", "--all")
        tell(*self._command, "rmi", "--prune", "--force")

    @contextlib.contextmanager
    def made(self, name: str) -> Iterator[Path]:
        """An empty folder that becomes an image of one layer at the end."""
        container = tell(*self._command, "from", "scratch")
        yield Path(tell(*self._command, "mount", container))
        tell(*self._command, "unmount", container)
        tell(*self._command, "commit", "--rm", container, name)

    def build(self, target: str, *, base: str, wheels: Path, revision: str) -> Built:
        """Build one target of our Dockerfile, from nothing but the base. Raises ToolFailed.

        Without `--layers`: that would write each step of the build stages to the disk, of which
        two folders are wanted.
        """
        name = f"localhost/{target}:check"
        tell(
            *self._command,
            "bud",
            "--isolation=chroot",
            "--pull-never",
            "--format=docker",  # The OCI's has no HEALTHCHECK.
            "--timestamp=0",
            f"--volume={wheels.resolve()}:{WHEELS}:ro",
            f"--build-arg=PYTHON_IMAGE={base}",
            f"--build-arg=REVISION={revision}",
            f"--target={target}",
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
