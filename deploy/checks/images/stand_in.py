"""A base image for machines that can pull none: Debian's own Python 3.11, put together by apt.

It stands in for the real base, which is Debian with a Python of the same version in another place.
So a build on it proves the Dockerfile's steps, files, user and entry points, and says nothing of
what else is in the real base. Its pip asks no index: it takes wheels from a folder (`wheels.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.checks.images.building import WHEELS, Store
from deploy.checks.images.running import tell

NAME: Final = "localhost/stand-in:3.11"
_SUITE: Final = "bookworm"
_PACKAGES: Final = "base-files,bash,coreutils,dash,python3-pip,python3-venv,util-linux"
_USERS: Final = "root:x:0:0:root:/root:/bin/sh\n"
_PIP: Final = f"[global]\nno-index = true\nfind-links = {WHEELS}\n"


def provide(store: Store) -> str:
    """Make the image where the store has none; its name. Raises ToolFailed."""
    if not store.has(NAME):
        with store.made(NAME) as tree:
            _unpack(tree)
    return NAME


def _unpack(tree: Path) -> None:
    """The packages' files as they are, without their scripts, which take ten times as long."""
    tell("mmdebstrap", "--mode=root", "--variant=extract", f"--include={_PACKAGES}", _SUITE, tree)
    (tree / "etc" / "passwd").write_text(_USERS, encoding="utf-8")
    (tree / WHEELS.removeprefix("/")).mkdir()
    (tree / "etc" / "pip.conf").write_text(_PIP, encoding="utf-8")
