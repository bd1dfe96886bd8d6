"""What a provider's simulator writes of its own: the hooks that `ProviderSimulator` calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from aiohttp import web

from local.simulator.faults import Fault
from local.simulator.phones import Text
from local.simulators.courier import Letter, Post, Reply, Retries
from local.simulators.messages import News, Order, Portal, Refusal, Sent


class Wire:
    """One provider's wire format. Everything without a body must be written."""

    name: ClassVar[str]
    account: ClassVar[tuple[str, ...]] = ()
    """The provider's own arguments of the constructor, all strings: what an account consists of."""
    success: ClassVar[int] = 200
    """HTTP status of an accepted send."""
    batch: ClassVar[int] = 1
    """Letters of a kind that may travel in one request."""
    per_part: ClassVar[bool] = False
    """A text in parts has a report for each part."""
    faults_of_its_own: ClassVar[Mapping[str, type[Fault]]] = {}

    DENIED: ClassVar[Refusal] = Refusal(401)
    THROTTLED: ClassVar[Refusal] = Refusal(429)
    NO_CREDIT: ClassVar[Refusal] = Refusal(402)
    SUSPENDED: ClassVar[Refusal] = Refusal(403)

    def routes(self) -> list[web.RouteDef]:
        """The provider's own routes."""
        raise NotImplementedError

    def denial(self, request: web.Request, body: bytes) -> Refusal | None:
        """Refuse a caller whose credentials are not good."""
        raise NotImplementedError

    def read(self, request: web.Request, body: bytes) -> list[Order] | Refusal:
        """Read a call of the send endpoint, one order a recipient; refuse one that is unsound."""
        raise NotImplementedError

    def objection(self, order: Order) -> Refusal | None:
        """Refuse a sound order: a bad number, a sender that is not owned, an opt-out."""
        raise NotImplementedError

    def blocked(self, order: Order) -> str | None:
        """The code with which an order is accepted and then fails by report, where that is the
        provider's way; None lets it out."""
        del order
        return None

    def accepted(self, results: Sequence[Sent | Refusal]) -> web.Response:
        """The answer to a call: what became of each order, in their sequence."""
        raise NotImplementedError

    def refused(self, refusal: Refusal) -> web.Response:
        """The answer to a call that is refused as a whole, in the provider's error shape. `code`
        and `message` may be empty: the usual ones of the status."""
        raise NotImplementedError

    def message_id(self, order: Order) -> str:
        """A new ID in the provider's form."""
        raise NotImplementedError

    def inbound(self, text: Text, portal: Portal) -> Letter:
        """What is told of a phone's text."""
        raise NotImplementedError

    def report(self, sent: Sent, news: News) -> Letter | None:
        """What is told of a text's news; None where nobody is told."""
        raise NotImplementedError

    def pack(self, letters: Sequence[Letter], attempt: int) -> Post:
        """The request of letters (one, unless `batch` says more) at this try, from 1 on."""
        raise NotImplementedError

    def retries(self, letter: Letter) -> Retries:
        """How the provider insists on a letter."""
        raise NotImplementedError

    def heard(self, letters: Sequence[Letter], reply: Reply) -> None:
        """Do what the provider does with the answer of an endpoint; most ignore it."""

    def obey(self, text: Text) -> None:
        """Do what the provider itself does at STOP and the like; most do nothing."""

    def change_secret(self, secret: str) -> None:
        """What the portal's button does: from now on the earlier password or key is not good."""
        raise NotImplementedError
