"""Ports on 127.0.0.1 for private servers."""

from __future__ import annotations

import errno
import random
import socket

FIRST, LAST = 20_000, 32_000
"""Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes a port between
its choice here and the seconds that a server needs to bind it."""


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now (a port in TIME_WAIT counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def choose() -> int:
    """A random port that is free now; its own generator, because tests seed the global one."""
    generator = random.SystemRandom()
    while True:
        port = generator.randint(FIRST, LAST)
        if is_free(port):
            return port


def answers(port: int, greeting: bytes = b"") -> bool:
    """Whether a server accepts a connection and, if it is greeted, says something back."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(greeting)
            return not greeting or bool(connection.recv(1))
    except OSError:
        return False
