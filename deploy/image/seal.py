"""Finishes what an image's build stage has put together: `/app` and the environment beside it.

- refuses a context whose console scripts are not those of the lock file;
- names the installed version, which the API's description shows;
- compiles every module. The compiled files are valid by the source's hash, not by its time, and are
  not checked again, so that two builds give the same octets and no start compiles.

Runs in the build stage only, with the standard library.
"""

from __future__ import annotations

import compileall
import hashlib
import py_compile
import shutil
import sys
import tomllib
from pathlib import Path

CODE = Path("/app")
ENVIRONMENT = Path("/opt/heliograph")
PROJECT = Path("/build/pyproject.toml")


def main() -> int:
    """The exit code."""
    console = CODE / "health" / "console"
    if console.is_dir() and not scripts_are_current(console):
        sys.stderr.write(
            "The console's scripts are missing or stale: run `make console-scripts`, "
            "then build again.\n"
        )
        return 1
    shutil.rmtree(console / "vendor", ignore_errors=True)
    (packages,) = ENVIRONMENT.glob("lib/python3*/site-packages")
    name_version(packages)
    return 0 if compiled(packages) and compiled(CODE) else 1


def scripts_are_current(console: Path) -> bool:
    """Whether the stamp beside the scripts is that of the lock file."""
    wanted = hashlib.sha256((console / "vendor" / "package-lock.json").read_bytes()).hexdigest()
    stamp = console / "static" / "vendor" / "stamp"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def name_version(packages: Path) -> None:
    """What `importlib.metadata` reads; the code itself lies in `/app`."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    folder = packages / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )


def compiled(folder: Path) -> bool:
    """Compile everything below. One process: what several intern differs from run to run."""
    return bool(
        compileall.compile_dir(
            folder,
            quiet=1,
            workers=1,
            maxlevels=20,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
