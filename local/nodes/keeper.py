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
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere the keeper still works, without these two safety nets."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def spawn() -> int:
    """Fork the server into its own session, so that Ctrl-C in a terminal does not reach it; as
    `os.fork`, 0 in the server."""
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:  # The keeper died between fork and prctl.
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return 0


def become(command: list[str]) -> NoReturn:
    """Go on as the command."""
    # Python ignores this signal, and exec would pass that on.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
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
    wakeup = prepare()
    server = spawn()
    if server == 0:
        become(command)
    os.write(1, f"{server}\n".encode())
    os.close(1)
    return until_the_end(server, wakeup)


def prepare() -> int:
    """Make this process a keeper; gives what wakes it when a descendant has ended."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    wakeup, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.set_wakeup_fd(noted)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wakeup


def until_the_end(server: int, wakeup: int) -> int:
    """Keep the server until nothing of it is left; its exit code, as a shell says it."""
    code = keep(server, wakeup)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sweep(server)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
