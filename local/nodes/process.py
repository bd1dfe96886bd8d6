"""One server process under a keeper, seen from the Python that asked for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from local.nodes import keeper
from local.nodes.errors import NodeDirectoryInUse
from local.nodes.nursery import Child, Nursery

KEEPER = Path(keeper.__file__)
LOCK_WAIT = 10.0
"""Seconds for the servers of a killed previous run to vanish; their keeper needs milliseconds."""


class KeptProcess:
    """A running server. It dies with this Python process, and with this object at the latest."""

    def __init__(self, keeper: subprocess.Popen[bytes] | Child, signals: IO[bytes], pid: int):
        self._keeper = keeper
        self._signals = signals
        self.pid = pid
        """Of the server itself, not of its keeper."""

    @classmethod
    def started(
        cls,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        hold: int | None = None,
    ) -> Self:
        """A command under a keeper. `log` receives standard output and standard error; `hold` is a
        file descriptor which keeper and server keep open until both are gone: the lock on the
        server's directory."""
        with log.open("ab") as sink:
            keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env=None if env is None else dict(env),
                cwd=cwd,
                bufsize=0,
                start_new_session=True,
                pass_fds=() if hold is None else (hold,),
            )
        assert keeper.stdin is not None  # noqa: S101 - given by PIPE
        assert keeper.stdout is not None  # noqa: S101 - given by PIPE
        with keeper.stdout as answer:
            line = answer.readline()
        return cls(keeper, keeper.stdin, int(line or 0))

    @classmethod
    def born(
        cls, nursery: Nursery, command: Sequence[str], *, log: Path, env: Mapping[str, str]
    ) -> Self:
        """A child of a nursery: lives as `python -m` with the command does."""
        with log.open("ab") as sink:
            child = nursery.bear(command, env=env, log=sink.fileno())
        return cls(child, child.stdin, child.begun())

    @property
    def alive(self) -> bool:
        """Whether the server or one of its descendants still runs."""
        return self._keeper.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The server's exit code, as a shell says it (137 after SIGKILL); None while it runs."""
        return self._keeper.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server; nothing happens when it is gone already."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._signals.write(bytes([number]))

    def freeze(self) -> None:
        """Stop the server in its tracks: connections stay open and nothing is answered."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._state() != "running", timeout=5)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self.signal(signal.SIGCONT)
        wait_until(lambda: self._state() != "stopped", timeout=5)

    def stop(self, *, timeout: float) -> None:
        """SIGTERM (after a SIGCONT, for a frozen one), then SIGKILL after `timeout` seconds."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, and wait until nothing of the server is left."""
        self._signals.close()
        try:
            self._keeper.wait(15)
        except subprocess.TimeoutExpired:  # A keeper that is itself frozen.
            self._keeper.kill()
            self._keeper.wait()

    def _state(self) -> str:
        """`running`, `stopped` or `gone`, by proc(5)."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return "gone"
        return "stopped" if stat.rpartition(")")[2].split()[0] == "T" else "running"


def wait_until(condition: Callable[[], bool], *, timeout: float) -> bool:
    """Ask `condition` with growing pauses (5 to 50 ms); False when `timeout` seconds are over."""
    deadline = time.monotonic() + timeout
    pause = 0.005
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True


@contextlib.contextmanager
def locked(base_dir: Path) -> Iterator[int]:
    """A lock on a node's directory; pass the descriptor to `KeptProcess` to prolong it.

    A lock instead of a PID file: it ends with its last holder, so there is nothing stale to judge.
    """
    descriptor = os.open(base_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not wait_until(lambda: _try_lock(descriptor), timeout=LOCK_WAIT):
            raise NodeDirectoryInUse(base_dir)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
