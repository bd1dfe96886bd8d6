"""The command line in this process, over a stand-in of the API: no network, no clock, no terminal
but what a test gives it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from heliograph.cli.app import run
from heliograph.cli.world import World
from tests.unit.cli_stand_in import KEY, Asked, StandIn

URL = "http://api.test"
Streams = list[Callable[[], Iterator[str]]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Pieces(httpx.SyncByteStream):
    """A body that comes piece by piece, and is then cut."""

    def __init__(self, pieces: Iterator[str]):
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield piece.encode()


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Cli:
    """Runs commands. `streams` are the connections to /events, one after the other; when they are
    used up, nobody answers there."""

    home: Path
    api: StandIn = field(default_factory=StandIn)
    environment: dict[str, str] = field(default_factory=dict)
    streams: Streams = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    """What is typed without echo."""
    prompts: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, typed: str | None = None, piped: str = "") -> Ran:
        """`typed` is what a person at a terminal types; without it, stdin is a pipe."""
        stdin = io.StringIO(piped) if typed is None else Terminal(typed)
        out, err = io.StringIO(), io.StringIO()
        world = World(
            environment={
                "XDG_CONFIG_HOME": str(self.home),
                "HELIOGRAPH_URL": URL,
                "HELIOGRAPH_API_KEY": KEY,
                **self.environment,
            },
            stdin=stdin,
            stdout=out,
            stderr=err,
            hidden=self._hidden,
            transport=httpx.MockTransport(self._serve),
            pause=self.pauses.append,
        )
        return Ran(run(arguments, world), out.getvalue(), err.getvalue())

    def _hidden(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.secrets.pop(0)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            if not self.streams:
                message = "connection refused"
                raise httpx.ConnectError(message)
            return httpx.Response(200, stream=Pieces(self.streams.pop(0)()))
        path = request.url.raw_path.decode().partition("?")[0]
        asked = Asked(
            request.method,
            path,
            dict(request.url.params),
            dict(request.headers),
            json.loads(request.content) if request.content else None,
        )
        given = self.api.answer(asked)
        return httpx.Response(given.status, json=given.body, headers=dict(given.headers))
