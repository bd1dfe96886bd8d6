"""What the real Compose makes of the project file, for each profile."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[3]
FOLDER: Final = ROOT / "deploy" / "compose"
FILE: Final = FOLDER / "compose.yaml"
EVERY_PROFILE: Final = "*"

Project = Mapping[str, Any]


class NotComposed(Exception):
    """Compose refuses the file; the text is its own."""


def validate(file: Path, profile: str | None) -> None:
    """`config -q`, as a person would ask it. Raises NotComposed."""
    _compose(file, profile, "--quiet")


def rendered(file: Path, profile: str = EVERY_PROFILE) -> Project:
    """The project with every variable, anchor and default filled in. Raises NotComposed."""
    return json.loads(_compose(file, profile, "--format", "json"))  # type: ignore[no-any-return] # JSON


def profiles(file: Path) -> list[str]:
    """Those that the file has."""
    return _compose(file, None, "--profiles").split()


def _compose(file: Path, profile: str | None, *options: str) -> str:
    program = Path(sysconfig.get_path("scripts")) / "docker-compose"
    chosen: Sequence[str] = () if profile is None else ("--profile", profile)
    # Neither this shell's variables nor an .env of somebody's: the defaults are what is judged.
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [
            *(str(program), "--file", str(file), "--project-directory", str(FOLDER)),
            *("--env-file", os.devnull, *chosen, "config", *options),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.strip()
    if done.returncode or "level=warning" in said:
        raise NotComposed(said.replace(str(FOLDER), "") or f"exit code {done.returncode}")
    return done.stdout
