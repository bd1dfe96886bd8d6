"""The process that a nursery forks from: `python -m local.nodes.cradle descriptor [module …]`.

It imports the modules, then forks a keeper for each request on the socket `descriptor`, until the
asker is gone. A request is a JSON object with `command` (a module and its arguments) and
`environment`; with it come three descriptors: the keeper's signals, its answers, and the log. The
keeper's answers are a line with its own process ID and the server's, and at last the exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from local.nodes import keeper

_LONGEST: Final = 1 << 20
"""Bytes of one request; an environment has a few thousand."""


def _keep(command: Sequence[str], environment: Mapping[str, str], fds: Sequence[int]) -> None:
    """Be a keeper; in its child, be the module, and return when it has ended."""
    os.setsid()
    for number, descriptor in enumerate(fds):
        os.dup2(descriptor, number)
    for descriptor in fds:
        os.close(descriptor)
    wakeup = keeper.prepare()
    server = keeper.spawn()
    if server == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv[1:] = command[1:]
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
        return
    os.write(1, f"{os.getpid()} {server}\n".encode())
    code = keeper.until_the_end(server, wakeup)
    os.write(1, f"{code}\n".encode())
    os._exit(code)


def main(descriptor: int, modules: Sequence[str]) -> None:
    """Import, then fork whenever the asker wants it, until the asker is gone."""
    for module in modules:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody here waits for a keeper.
    asker = socket.socket(fileno=descriptor)
    while True:
        request, fds, _, _ = socket.recv_fds(asker, _LONGEST, 3)
        if not request:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asker.close()
            wanted = json.loads(request)
            _keep(wanted["command"], wanted["environment"], fds)
            return
        for taken in fds:
            os.close(taken)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
