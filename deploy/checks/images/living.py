"""An image's process, as Kubernetes runs it: user 10001, no capability, a root that nobody writes.

bubblewrap stands in for the container runtime. The process has its own process table, in which it
is PID 1, as in a pod; the network is this machine's, for the private servers are on its loopback.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

_TO_BECOME_THE_USER: Final = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
_WRITABLE: Final = "/tmp"  # noqa: S108 - in the image, where nothing else can be written
_PATIENCE: Final = 60.0
"""Seconds to be ready in, on a machine that is busy with other tests."""


class DidNotLive(Exception):
    """A started image did not do what a pod's does; the text says what, and its last words."""


class Container:
    """The process of a mounted image. A context: what still runs at its end is killed."""

    def __init__(
        self,
        tree: Path,
        configuration: Mapping[str, Any],
        environment: Mapping[str, str],
        arguments: Sequence[str] = (),
    ) -> None:
        baked = dict(entry.split("=", 1) for entry in configuration["Env"])
        self._management = int(environment["HELIOGRAPH_MANAGEMENT_PORT"])
        told, tells = os.pipe()
        # A file, not a pipe: a pipe that nobody reads fills, and then a log line blocks.
        self._log = os.memfd_create("log")
        command = [*_bubblewrap(tree, configuration, baked | dict(environment), tells)]
        command += ["--", *configuration["Entrypoint"], *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, pass_fds=[tells]
        )
        os.close(tells)
        with os.fdopen(told) as facts:
            text = facts.read()
        self.pid = int(json.loads(text)["child-pid"]) if text else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            # Not bubblewrap: what became another user does not die with it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._log)

    def answers(self, path: str) -> None:
        """Wait until the management port answers 200 there.

        Raises:
            DidNotLive: it ended, or did not in time.
        """
        deadline = time.monotonic() + _PATIENCE
        problem = "no answer"
        while time.monotonic() < deadline and self._process.poll() is None:
            url = f"http://127.0.0.1:{self._management}{path}"
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except urllib.error.HTTPError as error:
                problem = error.read().decode(errors="replace")
            except OSError as error:
                problem = str(error)
            time.sleep(0.05)  # A probe has no event to wait for; a kubelet polls as well.
        raise DidNotLive(f"{path} was not 200: {problem}. {self.last_words()}")

    def stop(self, limit: float) -> float:
        """SIGTERM to the process; the seconds until it ended with exit code 0.

        Raises:
            DidNotLive: it ended otherwise, or not within `limit` seconds.
        """
        began = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        try:
            code = self._process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise DidNotLive(f"SIGTERM did not end it in {limit} s. {self.last_words()}") from None
        if code:
            raise DidNotLive(f"SIGTERM ended it with exit code {code}. {self.last_words()}")
        return time.monotonic() - began

    def ended(self, limit: float = _PATIENCE) -> int:
        """Wait until it ends by itself; its exit code."""
        return self._process.wait(timeout=limit)

    def facts(self) -> dict[str, str]:
        """What the kernel says of the process: `Uid`, `CapEff`, `NoNewPrivs`, …"""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def last_words(self) -> str:
        """The end of what it printed."""
        size = os.fstat(self._log).st_size
        text = os.pread(self._log, 2000, max(0, size - 2000)).decode(errors="replace")
        return f"Its last words: {text.strip() or 'none'}"


def _bubblewrap(
    tree: Path, configuration: Mapping[str, Any], environment: Mapping[str, str], tells: int
) -> list[str]:
    """Begins as root, which may mount, and becomes the image's user for good (setpriv, of the base
    image) before the entry point begins."""
    words = ["bwrap", "--ro-bind", str(tree), "/", "--perms", "1777", "--tmpfs", _WRITABLE]
    words += ["--proc", "/proc", "--dev", "/dev", "--unshare-pid", "--unshare-ipc", "--as-pid-1"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for capability in _TO_BECOME_THE_USER:
        words += ["--cap-add", capability]
    words += ["--chdir", configuration["WorkingDir"], "--info-fd", str(tells), "--clearenv"]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    user, _, group = configuration["User"].partition(":")
    words += ["--", "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return [*words, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
