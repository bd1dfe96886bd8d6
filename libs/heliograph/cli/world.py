"""What a command can touch of the process around it, so that tests can give it another one."""

from __future__ import annotations

import getpass
import io
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Environment, streams, hidden input, network and time.

    `transport` is None for the real network. `hidden` asks without echo.
    """

    environment: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    hidden: Callable[[str], str] = getpass.getpass
    transport: httpx.BaseTransport | None = None
    pause: Callable[[float], None] = time.sleep

    @classmethod
    def of_process(cls) -> World:
        """The real one, which says what its terminal's encoding lacks by its number."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return cls(environment=os.environ, stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)
