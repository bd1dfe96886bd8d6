"""What a provider must be able to do, and the closed set of answers that a send can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus

if TYPE_CHECKING:
    from common.providers.callbacks import Callbacks
    from common.providers.spec import ProviderSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text to one recipient, ready to leave.

    `reference` is our message ID, echoed by the provider in its reports where it can. `request_id`
    and `first_sent` are the idempotency values: the same at every try.
    """

    sender: str
    recipient: str
    body: str
    reference: str
    request_id: UUID
    first_sent: datetime
    partner_number: bool = False
    """Whether the sender is leased from the connection's Messaging Connect partner."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the text. `repeated` where it recognised an earlier try."""

    provider_message_id: str | None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class NotProcessed:
    """Surely not sent, may work later. `retry_after` is the provider's wish in seconds.
    `text_only` says that this text alone has to wait, and neither number nor connection."""

    code: OutcomeCode
    detail: str
    retry_after: float | None = None
    text_only: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It may or may not have been sent."""

    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Surely not sent, and never will be as it is. `account` says that the connection is to blame,
    not the text."""

    code: OutcomeCode
    detail: str
    account: bool = False


SendResult = Accepted | NotProcessed | Ambiguous | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedReport:
    """A delivery report that was asked for rather than told."""

    status: ReportStatus
    code: str | None
    details: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Healthy:
    """The credentials work."""


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """The credentials do not work; `reason` is one sentence for an administrator."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider could not be asked, or its answer says nothing of the credentials.

    `let_in` says that it did answer, in a way in which it answers good ones too: a connection may
    be made with them, because the first text tells, and nothing is claimed of one that is there.
    """

    reason: str
    let_in: bool = False


Health = Healthy | Unhealthy | Unknown


class UnusableCredentials(ValueError):
    """Credentials that no client can be built from; the text names the field, never a value.

    `field` is the name of the parameter, where it is one parameter's fault.
    """

    code = "unusable_credentials"

    def __init__(self, what: str, *, field: str | None = None):
        self.field = field
        super().__init__(what)


class ProviderClient(Protocol):
    """One connection's client, with a pooled HTTP session. Never raises for a provider's fault."""

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        ...

    async def send_all(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        """Send one body from one sender to several recipients in one call, once, without retrying:
        results in order. At most `Provider.max_recipients` texts, which differ in nothing but
        recipient, reference and idempotency values. The reference that the provider echoes is the
        first text's, so a report is matched by its recipient as well."""
        ...

    async def check(self, numbers: Sequence[str]) -> Health:
        """Make an authenticated call that sends nothing."""
        ...

    async def owns(self, number: str) -> bool | None:
        """Whether the account may send from a number, found out without sending anything; None
        where the provider does not tell."""
        ...

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None:
        """Tell the provider's own opt-out list of an opt-out, or of an opt-in; True where it took
        it, False where it could not be told now, None where there is no such list."""
        ...

    async def opted_out(self, sender: str, recipient: str) -> bool | None:
        """Whether the provider's own list has the recipient as opted out; None where it does not
        tell."""
        ...

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """The delivery report of a text, asked for; None where the provider does not tell."""
        ...

    async def close(self) -> None:
        """Close the session."""
        ...


class Provider(Protocol):
    """A provider: its facts, how it calls back, and how to build a client."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> ProviderSpec:
        """How an administrator meets it."""
        ...

    @property
    def callbacks(self) -> Callbacks | None:
        """How it calls back at a connection's own address; None where it does not (ACS tells
        everything through Event Grid)."""
        ...

    @property
    def deduplicates(self) -> bool:
        """Whether a repeated request ID is answered without sending again."""
        ...

    @property
    def remembers(self) -> float | None:
        """Seconds after a text's first try for which a provider that deduplicates is trusted to
        know it; None where it is trusted for ever."""
        ...

    @property
    def max_recipients(self) -> int:
        """Recipients of one call."""
        ...

    def prepare(self) -> None:
        """Do now what the first client would otherwise wait for, such as importing an SDK."""
        ...

    def connect(
        self,
        credentials: Mapping[str, str],
        *,
        timeout: float,
        report_url: str | None = None,
    ) -> ProviderClient:
        """Build a client; makes no call. `timeout` bounds one call, in seconds. `report_url` is our
        address for reports on the texts of this connection, for providers that are told it with
        each text; it has no query. None: no reports are asked for there.

        Raises:
            UnusableCredentials: a field is missing or malformed.
        """
        ...
