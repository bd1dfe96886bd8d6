"""The `heliograph` command as a process, at a given API."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Terminal:
    """Somebody's shell: `home` is where the key is kept, `key` one in the environment instead."""

    url: str
    home: Path
    key: str = ""

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command, its three streams piped."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "heliograph.cli",
            *arguments,
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, stdin: str = "") -> Ended:
        """Run a command to its end."""
        return await self.end(await self.start(*arguments), stdin)

    async def type(self, *arguments: str, at: str, answer: Callable[[], Awaitable[str]]) -> Ended:
        """Run a command at a terminal, and answer it once it shows `at`."""
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "heliograph.cli",
            *arguments,
            env=self._environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            shown = await asyncio.to_thread(read_until, ours, lambda seen: at in seen)
            os.write(ours, (await answer()).encode() + b"\n")
            shown += await asyncio.to_thread(read_until, ours, lambda _: False)
            code = await asyncio.wait_for(process.wait(), PATIENCE)
        finally:
            os.close(ours)
        return Ended(code, shown, "")

    async def end(self, process: asyncio.subprocess.Process, stdin: str = "") -> Ended:
        """Wait until a command has ended; raises TimeoutError, and then it is killed."""
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin.encode()), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    def _environment(self) -> dict[str, str]:
        """Nothing of the tester's own Heliograph, and no proxy."""
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HELIOGRAPH_") and "proxy" not in name.lower()
        }
        given = {"XDG_CONFIG_HOME": str(self.home), "HELIOGRAPH_URL": self.url}
        return own | given | ({"HELIOGRAPH_API_KEY": self.key} if self.key else {})


def read_until(terminal: int, enough: Callable[[str], bool]) -> str:
    """What the terminal shows until it is enough, or until its process has gone."""
    seen = ""
    while not enough(seen):
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: nobody holds the other end any more.
            return seen
        if not piece:
            return seen
        seen += piece.decode()
    return seen
