"""hadolint's word on a Dockerfile."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path


def findings(dockerfile: Path) -> list[str]:
    """One line each; none is ignored."""
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [str(program), "--no-color", str(dockerfile)], capture_output=True, text=True, check=False
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode and not lines:
        return [f"hadolint ended with exit code {done.returncode}."]
    return [f"hadolint: {line}" for line in lines]
