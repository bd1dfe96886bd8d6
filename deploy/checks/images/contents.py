"""What is in an image, and what is not."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.checks.images.rules import ROOT, USER
from local.configuration import SERVICES

CODE: Final = "app"
ENVIRONMENT: Final = "opt/heliograph"
OURS: Final = (CODE, ENVIRONMENT)
_LIBRARIES: Final = {"common", "heliograph"}
_UNWANTED: Final = re.compile(
    r"(pip|setuptools|wheel|ensurepip|tests|conftest\.py|g?cc|g\+\+|make|ld|as|cpp)(-[\d.]+)?"
)
_BINARIES: Final = {"bin", "usr/bin", "usr/local/bin", "usr/sbin", "sbin"}


def findings(service: str, tree: Path, configuration: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the built image of a service."""
    found = [*_configured(configuration), *_code(service, tree), *_packages(service, tree)]
    return [f"image {service}: {finding}" for finding in [*found, *_unwanted(tree)]]


def digest(tree: Path, folders: tuple[str, ...] = OURS) -> dict[str, str]:
    """Every path below the folders with its kind, rights, owner and the hash of its content."""
    return {
        str(path.relative_to(tree)): _fingerprint(path)
        for folder in folders
        for path in sorted((tree / folder).rglob("*"))
    }


def _fingerprint(path: Path) -> str:
    facts = path.lstat()
    if path.is_symlink():
        content = str(path.readlink())
    elif path.is_file():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        content = "/"
    return f"{stat.filemode(facts.st_mode)} {facts.st_uid}:{facts.st_gid} {content}"


def _configured(configuration: Mapping[str, Any]) -> Iterator[str]:
    if configuration.get("User") != USER:
        yield f"runs as {configuration.get('User') or 'root'}."
    labels = configuration.get("Labels") or {}
    environment = dict(entry.split("=", 1) for entry in configuration.get("Env") or ())
    revision = labels.get("org.opencontainers.image.revision")
    if not revision or environment.get("HELIOGRAPH_REVISION") != revision:
        yield "its label and its environment do not name one revision."
    if not configuration.get("Healthcheck"):
        yield "has no health check."


def _code(service: str, tree: Path) -> Iterator[str]:
    folders = {path.name for path in (tree / CODE).iterdir()}
    if folders != {*_LIBRARIES, service}:
        yield f"its code is {', '.join(sorted(folders))}."
    for path in (tree / CODE).rglob("*"):
        if path.suffix == ".py" and not list((path.parent / "__pycache__").glob(f"{path.stem}.*")):
            yield f"{path.name} is not compiled, and nobody may write there."
        if path.stat().st_mode & stat.S_IWOTH or not path.stat().st_mode & stat.S_IROTH:
            yield f"{path.relative_to(tree)} has rights {stat.filemode(path.stat().st_mode)}."
    if service == "health" and not list((tree / CODE).glob("health/console/static/vendor/*.js")):
        yield "the console has no scripts."


def _packages(service: str, tree: Path) -> Iterator[str]:
    """Exactly the lock file's, and ourselves."""
    lock = (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8")
    wanted = {_name(match) for match in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    wanted.add("heliograph")
    folders = (tree / ENVIRONMENT).glob("lib/python*/site-packages/*.dist-info")
    installed = {_name(path.name.partition("-")[0]) for path in folders}
    for name in sorted(installed ^ wanted):
        yield f"{name} is {'missing' if name in wanted else 'in no lock file of it'}."


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _unwanted(tree: Path) -> Iterator[str]:
    """Installers, compilers and tests: of the whole system by program, of Python's by folder."""
    for folder in sorted(_BINARIES):
        place = tree / folder
        for path in sorted(place.iterdir() if place.is_dir() and not place.is_symlink() else ()):
            if _UNWANTED.fullmatch(path.name):
                yield f"has the program /{folder}/{path.name}."
    for pattern in ("usr/lib/python3*/*-packages/*", "usr/local/lib/python3*/*-packages/*",
                    "usr/lib/python3*/*", "usr/local/lib/python3*/*",
                    f"{ENVIRONMENT}/lib/python3*/site-packages/*", f"{CODE}/*/*"):  # fmt: skip
        for path in sorted(tree.glob(pattern)):
            if _UNWANTED.fullmatch(path.name.partition("-")[0]):
                yield f"has {path.relative_to(tree)}."


def services() -> tuple[str, ...]:
    """Who has an image."""
    return tuple(SERVICES)
