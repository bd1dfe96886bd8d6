"""The wheels of the services' lock files, fetched once for four builds, by this machine's pip.

The builds then need no network: their pip finds the wheels in a folder that is mounted, and holds
them against the lock file's hashes as it would those of an index.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from deploy.checks.images.rules import ROOT
from deploy.checks.images.running import tell
from deploy.checks.images.stand_in import PYTHON
from local.configuration import SERVICES

_AT_ONCE: Final = 6
"""Downloads at the same time: each waits for the index most of the time."""
_OF_THE_BASE: Final = ("--implementation", "cp", "--python-version", PYTHON)
"""Wheels for the Python of the images, whichever this machine has."""
_STAMP: Final = "complete"


def provide(folder: Path) -> Path:
    """The folder with every wheel that any of the four locks names. Raises ToolFailed."""
    wheels = folder / "wheels"
    wanted = sorted(set(_requirements()))
    digest = hashlib.sha256("\n".join([PYTHON, *wanted]).encode()).hexdigest()
    stamp = wheels / _STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return wheels
    shutil.rmtree(wheels, ignore_errors=True)
    wheels.mkdir()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda part: _download(part, wheels), _parts(wanted)):
            pass  # Raises what a download raised.
    stamp.write_text(digest, encoding="utf-8")
    return wheels


def _requirements() -> Iterator[str]:
    """Each with its hashes, on one line."""
    for service in SERVICES:
        text = (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8")
        joined = re.sub(r"\\\n\s*", "", text)
        for line in joined.splitlines():
            if line and not line.lstrip().startswith("#"):
                yield line


def _parts(wanted: list[str]) -> list[list[str]]:
    """Two locks may name two versions of one package, and one call of pip takes no two."""
    parts: list[list[str]] = [[] for _ in range(_AT_ONCE)]
    for place, line in enumerate(wanted):
        parts[place % _AT_ONCE].append(line)
    return [part for part in parts if part]


def _download(part: list[str], wheels: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(part))
        file.flush()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(wheels)]
        tell(*pip, *options, *_OF_THE_BASE, "--requirement", file.name)
