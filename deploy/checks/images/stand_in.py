"""A base image for machines that can pull none: Debian's own Python 3.11, put together by apt.

It stands in for the real base, which is Debian with a Python of the same version in another place.
So a build on it proves the Dockerfile's steps, files, user and entry points, and says nothing of
what else is in the real base. Its pip asks no index: it takes wheels from a folder (`wheels.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.checks.images.building import WHEELS, Store
from deploy.checks.images.running import ToolFailed, tell

PYTHON: Final = "3.11"
NAME: Final = f"localhost/stand-in:{PYTHON}"
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
    words = ("mmdebstrap", "--mode=root", "--variant=extract", f"--include={_PACKAGES}")
    tell(*words, _SUITE, tree, *mirrors(_known_sources()))
    (tree / "etc" / "passwd").write_text(_USERS, encoding="utf-8")
    (tree / WHEELS.removeprefix("/")).mkdir()
    (tree / "etc" / "pip.conf").write_text(_PIP, encoding="utf-8")


def mirrors(known: str) -> list[str]:
    """Where this machine's apt has the suite from; none leaves it to mmdebstrap's own choice."""
    lines = (line.split("|") for line in known.splitlines())
    return sorted({words[-1] for words in lines if words[:-1] == ["Debian", _SUITE, "main"]})


def _known_sources() -> str:
    form = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)"
    try:
        return tell("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    except (OSError, ToolFailed):
        return ""
