"""What all simulated providers share. A provider is one file: a subclass of `ProviderSimulator`.

To add a provider, write `local/simulators/<name>.py` with a subclass that has

1. the constants of `Wire` (wire.py): `name`, `account` (the names of its own arguments, which are
   strings), and where they differ `success`, `batch`, `per_part`, and the refusals `DENIED`,
   `THROTTLED`, `NO_CREDIT`, `SUSPENDED` (HTTP status and the provider's own code);
2. the hooks of `Wire` for what comes in: `routes` (the send endpoint is `self.send`; probes and
   status queries go through `self.query`), `denial` (who calls), `read` (what is asked),
   `objection` (why not), `blocked` (why it fails later), `message_id`;
3. those for what goes out: `accepted` (the answer to a call), `refused` (an error's answer);
4. those for callbacks: `inbound` and `report` (what is told, as a `Letter`), `pack` (the request
   of letters, signed or with Basic), `retries` (how it insists), `heard` (what becomes of the
   endpoint's answer);
5. `obey` where it handles STOP itself, and `change_secret`;

and add one line to `SIMULATORS` in `local/simulators/__init__.py`. It imports nothing of the
services: it is written from the provider's pages, so that it can judge them.

    class Acme(ProviderSimulator):
        name = "acme"
        account = ("password",)

        def __init__(self, *, password: str, **options: Any) -> None:
            super().__init__(**options)
            self.password = password

        def routes(self) -> list[web.RouteDef]:
            return [web.post("/send", self.send), web.get("/me", self.show_me)]

        async def show_me(self, request: web.Request) -> web.StreamResponse:
            return await self.query("account", request, lambda: web.json_response({"ok": True}))
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from aiohttp import web

from local.simulator.faults import DuplicateTexts, FaultBook
from local.simulator.phones import Text
from local.simulator.world import SimulatedWorld
from local.simulators import faults as bad
from local.simulators.calls import Calls
from local.simulators.control import Control
from local.simulators.courier import TEXT, Courier
from local.simulators.messages import Order, Portal, Sent
from local.simulators.reports import Reports
from local.simulators.wire import Wire


class UnknownNumber(ValueError):
    """A phone texted a number that the simulated account does not own."""


class ProviderSimulator(SimulatedWorld, Wire):
    """One account at a provider with its numbers, the phones of the world, and the callbacks.

    `numbers` are E.164 with the plus sign, short codes or names. `time_scale` compresses the retry
    schedule and `report_delay`, which are the provider's seconds before each report; the seconds of
    faults and of an endpoint's time limit are real. `port` 0 picks a free one. `seed` makes IDs
    repeatable. It listens on the loopback interface only.
    """

    def __init__(
        self,
        *,
        numbers: Iterable[str] = (),
        time_scale: float = 1.0,
        report_delay: float = 1.0,
        port: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(faults=FaultBook({**bad.FAULTS, **self.faults_of_its_own}), port=port)
        self.numbers: dict[str, bool] = dict.fromkeys(numbers, True)
        self.dice = random.Random(seed)  # noqa: S311 -- IDs of a simulator are no secrets
        self.sent: OrderedDict[str, Sent] = OrderedDict()
        """Accepted texts by the provider's message ID; the oldest is forgotten when full."""
        self.where: Portal | None = None
        """What was entered in the portal."""
        self.courier = Courier(
            pack=self.pack,
            retries=self.retries,
            heard=self.heard,
            journal=self.journal,
            time_scale=time_scale,
            batch=self.batch,
        )
        self._reports = Reports(
            write=self.report,
            courier=self.courier,
            faults=self.faults,
            journal=self.journal,
            delay=report_delay * time_scale,
            per_part=self.per_part,
        )
        self._calls = Calls(
            self,
            sent=self.sent,
            phones=self.phones,
            reports=self._reports,
            faults=self.faults,
            journal=self.journal,
        )

    # --- Life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        await self.listen(*self.routes(), *Control(self).routes())

    async def stop(self) -> None:
        """Stop listening and calling back; what is pending is forgotten."""
        # The calls in hand first: what they accept late would be told by a courier that is gone.
        await self.close()
        await self._reports.close()
        await self.courier.close()

    @property
    def pending(self) -> int:
        """Count callbacks under way, and texts whose reports are not all told yet."""
        return self.courier.pending + self._reports.pending

    # --- The provider's face --------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Serve the send endpoint: routes of providers name this."""
        return await self._calls.send(request)

    async def query(
        self, operation: str, request: web.Request, answer: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Serve a probe or a status query: `answer` is for a caller whose credentials are good.
        `operation` names it in the log."""
        return await self._calls.query(operation, request, answer)

    def hex_id(self, digits: int = 32) -> str:
        """Give random hexadecimal digits."""
        return f"{self.dice.getrandbits(4 * digits):0{digits}x}"

    # --- Phones ---------------------------------------------------------------------------------

    async def text(
        self, from_: str, to: str, body: str, *, message_id: str | None = None, copies: int = 1
    ) -> str:
        """Let a phone text a number; gives the message ID, raises UnknownNumber.

        `copies` deliveries of the same text run concurrently.
        """
        if to not in self.numbers:
            raise UnknownNumber(f"{to} is not a number of the simulated account")
        order = Order(sender=from_, to=to, body=body)
        text = Text(message_id or self.message_id(order), from_, to, body)
        self.phones[from_].send(text)
        self.obey(text)
        duplicate = self.faults.take(DuplicateTexts, [from_])
        copies = max(copies, duplicate.copies if duplicate else 1)
        self.journal.record("text", **text.facts(), copies=copies)
        if self.where is None or self.faults.take(bad.MissingTexts, [from_]):
            reason = "Missing" if self.where else "NoPortal"
            self.journal.record(
                "dead_letter", of=TEXT, id=text.message_id, attempts=0, reason=reason
            )
        else:
            self.courier.post(self.inbound(text, self.where), copies=copies)
        return text.message_id

    # --- Arrangement ----------------------------------------------------------------------------

    def portal(self, url: str, username: str = "", password: str = "") -> None:
        """Enter in the portal where texts (and reports, at some providers) go, and with which Basic
        login."""
        self.where = Portal(url, username, password)
        self.journal.record("portal", url=url, username=username)

    def own(self, number: str) -> None:
        """Give the account a number."""
        self.numbers[number] = True

    def health(self) -> Mapping[str, Any]:
        """Tell that it runs and what is still under way."""
        return {
            "status": "ok",
            "provider": self.name,
            "pending": self.pending,
            "numbers": sorted(self.numbers),
        }
