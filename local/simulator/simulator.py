"""The simulator put together: what exists, how it starts, how it stops; and its in-process API."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from aiohttp import web

from local.simulator import events, keywords
from local.simulator.acceptance import Acceptance
from local.simulator.access_key import AccessKeys
from local.simulator.control import Control
from local.simulator.event_grid import EventGrid
from local.simulator.events import RawEvent
from local.simulator.faults import DuplicateTexts, FaultBook
from local.simulator.opt_outs import OptOuts
from local.simulator.phones import Text
from local.simulator.queries import QueryEndpoint
from local.simulator.report_book import ReportBook
from local.simulator.reports import Reports
from local.simulator.sms import SmsEndpoint
from local.simulator.subscriptions import Subscription
from local.simulator.world import HOST, SimulatedWorld


class UnknownNumber(ValueError):
    """A phone texted a number that the simulated resource does not own."""


class Simulator(SimulatedWorld):
    """One ACS resource with its numbers, the phones of the world, and Event Grid in between.

    `access_key` and `secondary_key` are base64, as in a connection string. `partner_numbers` are
    owned through Messaging Connect: the partner by the number. `time_scale` compresses
    Event Grid's retry schedule and time to live (0.01: 10 s become 0.1 s) but not
    `delivery_timeout` (seconds an endpoint may take) nor the seconds named in faults, which are
    real. `host` and `port`: see `SimulatedWorld`.
    """

    def __init__(
        self,
        *,
        access_key: str,
        secondary_key: str | None = None,
        numbers: Iterable[str] = (),
        partner_numbers: Mapping[str, str] | None = None,
        time_scale: float = 1.0,
        port: int = 0,
        host: str = HOST,
        carrier_opt_out: bool = True,
        delivery_timeout: float = 30.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(faults=FaultBook(), port=port, host=host)
        self.access_key = access_key
        self.carrier_opt_out = carrier_opt_out
        self.partners: dict[str, str] = dict(partner_numbers or {})
        owned = (*numbers, *self.partners)
        self.numbers: dict[str, bool] = dict.fromkeys(owned, carrier_opt_out)
        self.grid = EventGrid(
            self.journal, time_scale=time_scale, delivery_timeout=delivery_timeout, seed=seed
        )
        self._reports = Reports(grid=self.grid, faults=self.faults, journal=self.journal)
        self.keys = AccessKeys([key for key in (access_key, secondary_key) if key is not None])
        book = ReportBook()
        self._endpoint = SmsEndpoint(
            keys=self.keys,
            numbers=self.numbers,
            partners=self.partners,
            acceptance=Acceptance(phones=self.phones, faults=self.faults, book=book),
            reports=self._reports,
            faults=self.faults,
            journal=self.journal,
        )
        self._queries = QueryEndpoint(
            keys=self.keys,
            opt_outs=OptOuts(numbers=self.numbers, phones=self.phones),
            book=book,
            faults=self.faults,
            journal=self.journal,
        )

    def regenerate_key(self, access_key: str) -> None:
        """What the portal's button does: from now on no earlier key is good."""
        self.access_key = access_key
        self.keys.accept_only(access_key)

    # --- Life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        await self.listen(
            web.post("/sms", self._endpoint.post), *self._queries.routes(), *Control(self).routes()
        )

    async def stop(self) -> None:
        """Stop listening and delivering; pending events are forgotten."""
        await self._reports.close()
        await self.grid.close()
        await self.close()

    @property
    def pending(self) -> int:
        """Count events that are not delivered yet."""
        return self.grid.pending

    # --- Phones ---------------------------------------------------------------------------------

    async def text(
        self, from_: str, to: str, body: str, *, message_id: str | None = None, copies: int = 1
    ) -> str:
        """Let a phone text a number; gives the message ID, raises UnknownNumber.

        `copies` deliveries of the same event run concurrently.
        """
        if to not in self.numbers:
            raise UnknownNumber(f"{to} is not a number of the simulated resource")
        text = Text(message_id or events.message_id("Incoming"), from_, to, body)
        self.phones[from_].send(text)
        self._obey(text)
        duplicate = self.faults.take(DuplicateTexts, [from_])
        copies = max(copies, duplicate.copies if duplicate else 1)
        self.journal.record("text", **text.facts(), copies=copies)
        await self.grid.publish(events.received(text), copies=copies)
        return text.message_id

    def _obey(self, text: Text) -> None:
        """Do what the carrier, or ACS, does at the words that it knows."""
        word = keywords.keyword(text.to, text.body, leased=text.to in self.partners)
        if word is not None and self.numbers[text.to]:
            self.phones[text.from_].obey(word, text.to)

    async def publish(self, *payloads: Any) -> None:
        """Deliver raw events exactly as they are, to every subscription that wants their type."""
        for payload in payloads:
            await self.grid.publish(RawEvent(payload))

    # --- Arrangement ----------------------------------------------------------------------------

    def own(
        self, number: str, *, carrier_opt_out: bool | None = None, partner: str | None = None
    ) -> None:
        """Give the resource a number, its own or a partner's; by default STOP works there as
        everywhere."""
        obeys = self.carrier_opt_out if carrier_opt_out is None else carrier_opt_out
        self.numbers[number] = obeys
        if partner is None:
            self.partners.pop(number, None)
        else:
            self.partners[number] = partner

    async def subscribe(self, url: str, **options: Any) -> Subscription:
        """Subscribe an endpoint; options are the fields of Subscription, raises HandshakeFailed."""
        subscription = Subscription.model_validate({"url": url, **options})
        await self.grid.subscribe(subscription)
        return subscription

    async def unsubscribe(self, name: str = "simulator", *, notify: bool = False) -> None:
        """End a subscription; raises KeyError."""
        await self.grid.unsubscribe(name, notify=notify)

    def health(self) -> Mapping[str, Any]:
        """Tell that it runs and what is still under way."""
        return {"status": "ok", "pending": self.pending, "numbers": sorted(self.numbers)}
