"""The parent of one server: sees to it that the server never outlives whoever asked for it.

Run as a script: `python keeper.py command [argument …]`. Standard input is a pipe from the asker.
Each byte on it is the number of a signal for the server; its end (a clean close, or the asker's
death, even by SIGKILL) means SIGKILL. The server's process ID is written to standard output.

Why a process, and not PR_SET_PDEATHSIG in the server alone: the kernel ties that signal to the
*thread* that started the child, so a node started from a short-lived worker thread would die with
the thread. The keeper has one thread. It uses the same call for the opposite case, its own death.
Being a subreaper, it also inherits what the server leaves behind (Erlang's `erl_child_setup` and
`inet_gethost`), and it exits only when no descendant is left.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the keeper still works, without these two safety nets."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def spawn(command: list[str]) -> int:
    """Start the server in its own session, so that Ctrl-C in a terminal does not reach it."""
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:  # The keeper died between fork and prctl.
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        signal.signal(
            signal.SIGPIPE, signal.SIG_DFL
        )  # Python ignores it, and exec would pass that on.
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    os._exit(127)


def reap(server: int) -> int | None:
    """Collect whoever has ended; the server's exit code once it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == server:
            code = os.waitstatus_to_exitcode(status)


def children() -> list[int]:
    """Process IDs whose parent is this process, by /proc (stdlib only)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def sweep(server: int) -> None:
    """Kill and collect every descendant; orphans arrive here one generation at a time."""
    while True:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def keep(server: int, wakeup: int) -> int:
    """Pass signals on until the asker is gone or the server has ended; return its exit code."""
    while True:
        ready, _, _ = select.select([0, wakeup], [], [])
        if wakeup in ready:
            os.read(wakeup, 4096)
            code = reap(server)
            if code is not None:
                return code
        if 0 in ready:
            numbers = os.read(0, 64)
            if not numbers:
                return -signal.SIGKILL
            for number in numbers:
                os.kill(server, number)  # Not reaped yet, so the ID is still the server's.


def main(command: list[str]) -> int:
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    wakeup, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.set_wakeup_fd(noted)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server = spawn(command)
    os.write(1, f"{server}\n".encode())
    os.close(1)
    code = keep(server, wakeup)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sweep(server)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
