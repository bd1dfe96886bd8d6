"""Starting the tools, with their last words where they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ToolFailed(Exception):
    """A tool ended with another code than 0; the text has the end of what it printed."""

    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        shown = "\n".join(output.strip().splitlines()[-30:])
        super().__init__(f"`{' '.join(command[:6])} …` failed with exit code {code}:\n{shown}")


def tell(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run a command and give its standard output without blanks around it.

    Raises:
        ToolFailed: with the end of its output.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ToolFailed(words, done.returncode, done.stdout + done.stderr)
    return done.stdout.strip()
