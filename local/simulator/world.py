"""What every simulated provider lets its caller see and arrange: the phones of the world, the
faults in force, what happened so far; and the port that it listens on."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from local.simulator.faults import FaultBook
from local.simulator.journal import Entry, Journal
from local.simulator.phones import Phone, Phones, Text

HOST = "127.0.0.1"
_MAX_BODY = 16 * 1024 * 1024
# Handlers that still wait (long polls, slow answers) get this long when the simulator stops.
_SHUTDOWN_SECONDS = 0.2


class SimulatedWorld:
    """The world around one simulated account. `port` 0 picks a free one. Whoever reaches `host`
    owns the account: it is the loopback interface, but in a network of containers of its own."""

    def __init__(self, *, faults: FaultBook, port: int, host: str = HOST) -> None:
        self.journal = Journal()
        self.phones = Phones()
        self.faults = faults
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Give the base address on this machine, without a trailing slash."""
        return f"http://{HOST}:{self._port}"

    @property
    def pending(self) -> int:
        """Count what is still on its way to whoever is to be told."""
        raise NotImplementedError

    async def listen(self, *routes: web.AbstractRouteDef) -> None:
        """Serve the routes; raises OSError when the port is taken."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def close(self) -> None:
        """Serve nobody any more."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def phone(self, number: str) -> Phone:
        """Give a phone, with `received` and `sent` texts."""
        return self.phones[number]

    async def wait_for_texts(self, number: str, total: int, timeout: float = 5.0) -> list[Text]:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until a phone has received `total` texts since the start; raises TimeoutError."""
        return await self.phones[number].wait_for_texts(total, timeout)

    def fault(self, name: str, /, **parameters: Any) -> None:
        """Put a fault in force; raises KeyError or pydantic's ValidationError."""
        self.faults.set(name, parameters)
        self.journal.record("fault", name=name, parameters=parameters)

    def clear_faults(self, *names: str) -> None:
        """Lift the named faults, or all."""
        self.faults.clear(*names)
        self.journal.record("faults_cleared", names=list(names))

    @property
    def sends(self) -> list[Entry]:
        """Give every call of the send endpoint, oldest first."""
        return self.journal.entries("send")

    @property
    def deliveries(self) -> list[Entry]:
        """Give every try to deliver an event or a callback, oldest first."""
        return self.journal.entries("delivery")

    @property
    def dead_letters(self) -> list[Entry]:
        """Give everything whose delivery was given up, oldest first."""
        return self.journal.entries("dead_letter")

    async def wait_for(self, kind: str, total: int, timeout: float = 5.0) -> list[Entry]:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until `total` entries of a kind (e.g. `delivery`) exist; raises TimeoutError."""
        return await self.journal.wait_for(kind, total, timeout)

    async def settled(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until nothing is on its way; raises TimeoutError."""
        await self.journal.bell.wait(lambda: self.pending == 0, timeout)
