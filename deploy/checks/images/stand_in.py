"""A base image for machines that can pull none: Debian's own Python 3.11, put together by apt.

It stands in for the real base, which is Debian with a Python of the same version in another place.
So a build on it proves the Dockerfile's steps, files, user and entry points, and says nothing of
what else is in the real base.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from deploy.checks.images.building import Store
from deploy.checks.images.running import tell

NAME: Final = "localhost/stand-in:3.11"
_SUITE: Final = "bookworm"
_PACKAGES: Final = "ca-certificates,python3,python3-venv"
_AUTHORITIES: Final = Path("etc/ssl/certs/ca-certificates.crt")
_NOT_NEEDED: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def provide(store: Store, folder: Path) -> str:
    """Make the image in the store, from a tree that is kept in `folder`; its name."""
    if not store.has(NAME):
        tree = folder / "stand-in"
        if not (tree / "complete").exists():
            shutil.rmtree(tree, ignore_errors=True)
            _debootstrap(tree)
            _trust_as_this_machine_does(tree)
            (tree / "complete").touch()
        store.commit_tree(tree, NAME)
    return NAME


def _debootstrap(tree: Path) -> None:
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _NOT_NEEDED]
    tell(
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={_PACKAGES}",
        "--dpkgopt=force-unsafe-io",
        *options,
        _SUITE,
        tree,
    )


def _trust_as_this_machine_does(tree: Path) -> None:
    """pip in the build asks the index through whatever stands between this machine and it."""
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    if bundle and Path(bundle).is_file():
        shutil.copyfile(bundle, tree / _AUTHORITIES)
    lines = ["[global]", f"cert = /{_AUTHORITIES}"]
    index = os.environ.get("PIP_INDEX_URL")
    if index:
        lines.append(f"index-url = {index}")
    (tree / "etc" / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
