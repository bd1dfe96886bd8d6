"""promtool, the judge of rules: where it is, how it comes onto the machine, what it says.

Debian has it in the package `prometheus`. The package is taken apart rather than installed, so no
server is started, nothing of the system is touched, and only the package lists want root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.checks.alerts.places import ROOT
from local import bootstrap

KEPT: Final = ROOT / ".local" / "tools" / "promtool"
PACKAGE: Final = "prometheus"
RULES: Final = "rules.yaml"
"""The name under which tests find the rules."""

_APT: Final = ("apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=120")


class PromtoolMissing(Exception):
    """There is no promtool, and none can be had; the message says why."""


def find_promtool() -> Path:
    """promtool from the machine, from an earlier call, or from Debian's package.

    Raises:
        PromtoolMissing: it cannot be had here.
    """
    found = shutil.which("promtool")
    if found:
        return Path(found)
    if not KEPT.exists():
        _unpack()
    return KEPT


def _unpack() -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise PromtoolMissing("this system has no apt-get: install Prometheus, which has promtool")
    with tempfile.TemporaryDirectory(prefix="heliograph-promtool-") as folder:
        with bootstrap.step("Fetching promtool"):
            _fetch(Path(folder))
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        fresh = KEPT.with_name(f"promtool.{os.getpid()}")
        shutil.copy2(Path(folder) / "usr" / "bin" / "promtool", fresh)
        fresh.replace(KEPT)  # Whole or not at all, whoever else does the same.


def _fetch(folder: Path) -> None:
    if os.geteuid() == 0:
        bootstrap.attempt([*_APT, "update"])
    code, output = _in(folder, [*_APT, "download", PACKAGE])
    packages = list(folder.glob("*.deb"))
    if code or not packages:
        last = output.strip().rpartition("\n")[2] or "it printed nothing"
        raise PromtoolMissing(
            f"Debian's package {PACKAGE} cannot be fetched ({last}): run `apt-get update` as root, "
            "or put promtool on PATH"
        )
    code, output = _in(folder, ["dpkg-deb", "--extract", str(packages[0]), str(folder)])
    if code:
        raise PromtoolMissing(f"Debian's package {PACKAGE} does not open: {output.strip()}")


def _in(folder: Path, command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def judge_rules(promtool: Path, groups: Sequence[Mapping[str, Any]], what: str) -> Iterator[str]:
    """What `promtool check rules` finds; nothing else gets as far as its templates."""
    with tempfile.TemporaryDirectory(prefix="heliograph-rules-") as folder:
        _write(Path(folder) / RULES, groups)
        code, output = _in(Path(folder), [str(promtool), "check", "rules", RULES])
    if code:
        yield f"{what}: promtool check rules: {_short(output)}"


def judge_tests(
    promtool: Path, groups: Sequence[Mapping[str, Any]], tests: Sequence[Path]
) -> Iterator[str]:
    """What `promtool test rules` finds in test files, which call the rules `rules.yaml`."""
    with tempfile.TemporaryDirectory(prefix="heliograph-rules-") as folder:
        _write(Path(folder) / RULES, groups)
        for test in tests:
            shutil.copy2(test, Path(folder) / f"test-{test.name}")
            command = [str(promtool), "test", "rules", f"test-{test.name}"]
            code, output = _in(Path(folder), command)
            if code:
                yield f"{test.name}: promtool test rules: {_short(output)}"


def _write(path: Path, groups: Sequence[Mapping[str, Any]]) -> None:
    path.write_text(yaml.safe_dump({"groups": list(groups)}, sort_keys=False), encoding="utf-8")


def _short(output: str) -> str:
    """One line, long enough for the first thing that is wrong."""
    return " ".join(output.split())[:2000]
