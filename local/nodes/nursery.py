"""Services that start at once: a process that has imported everything, and forks.

Importing a service's libraries takes a second or two of processor time, which the end-to-end tests
would spend hundreds of times over. A child of the nursery lives as `python -m service` does, under
a keeper of its own, with its own environment, working directory, log and signals; only the imports
are not repeated. `make run`, the images and a few tests start services in the usual way.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import BinaryIO


class Child:
    """A keeper that was forked in the nursery: what `subprocess.Popen` is to one that was not."""

    def __init__(self, signals: BinaryIO, answers: BinaryIO):
        self.stdin = signals
        self.stdout = answers
        self.pid = 0
        self._code: int | None = None

    def begun(self) -> int:
        """The server's process ID, once it is there; 0 where it is not."""
        keeper_pid, _, server_pid = self.stdout.readline().partition(b" ")
        self.pid = int(keeper_pid or 0)
        return int(server_pid or 0)

    def poll(self) -> int | None:
        """The exit code; None while the keeper runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code, for at most `timeout` seconds.

        Raises:
            subprocess.TimeoutExpired: the keeper still runs.
        """
        if self._code is None:
            ready, _, _ = select.select([self.stdout], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("keeper", timeout or 0)
            # Its last word, or nothing where it was killed: as a shell says it.
            self._code = int(self.stdout.readline() or 128 + signal.SIGKILL)
            self.stdout.close()
            self.stdin.close()
        return self._code

    def kill(self) -> None:
        """SIGKILL for the keeper, and so for what it keeps."""
        os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The forking process, from the side of whoever wants children. It dies with this process.

    Args:
        modules: what is imported once; nothing that starts a thread or draws a random number.
    """

    def __init__(self, *modules: str):
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.nodes.cradle", str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._socket = ours

    def bear(self, command: Sequence[str], *, env: Mapping[str, str] | None, log: int) -> Child:
        """A child that runs `python -m` with the command (a module and its arguments), and writes
        its output to the descriptor `log`."""
        signals, to_child = os.pipe()
        from_child, answers = os.pipe()
        environment = dict(os.environ if env is None else env)
        request = json.dumps({"command": list(command), "environment": environment}).encode()
        try:
            socket.send_fds(self._socket, [request], [signals, answers, log])
        finally:
            os.close(signals)
            os.close(answers)
        return Child(os.fdopen(to_child, "wb", buffering=0), os.fdopen(from_child, "rb"))

    def close(self) -> None:
        """End the nursery; its children live on, each with its asker."""
        self._socket.close()
        self._process.wait(15)
