"""Takes from the base image what installs packages: nobody is to install any in a running service.

Runs once, while the image is built, with the base's own Python.
"""

from __future__ import annotations

import shutil
import site
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PATTERNS = ("pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "wheel", "wheel-*",
            "_distutils_hack", "distutils-precedence.pth")  # fmt: skip
PROGRAMS = ("pip*", "wheel", "easy_install*")


def main() -> None:
    for path in unwanted():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def unwanted() -> Iterator[Path]:
    """Each once, whether the base is Python's own image or Debian's Python."""
    library = Path(sysconfig.get_path("stdlib"))
    folders = {*map(Path, site.getsitepackages()), library / "site-packages"}
    folders |= {Path("/usr/lib/python3/dist-packages")}
    for folder in sorted(folders):
        for pattern in PATTERNS:
            yield from folder.glob(pattern)
    for folder in (Path("/usr/local/bin"), Path("/usr/bin")):
        for pattern in PROGRAMS:
            yield from folder.glob(pattern)
    yield from filter(Path.exists, (library / "ensurepip", Path("/usr/share/python-wheels")))


if __name__ == "__main__":
    main()
