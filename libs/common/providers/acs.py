"""Azure Communication Services SMS: what the port asks, in terms of the service.

Around it: `acs_sdk` carries a call out, `acs_wire` says how it goes over the wire, `acs_answers`,
`acs_partner` and `acs_health` what an answer means, `acs_requests` what else can be asked,
`acs_versions` in which version of the API. Source of the wire's facts: Azure REST API specs,
Communication SMS; Microsoft docs, "Communication Services SMS: service limits" (429) and
"Authenticate to Communication Services".
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from common.addresses import AddressKind, kind_of, normalise_address
from common.providers import acs_requests
from common.providers.acs_answers import Item, Problem, answered, is_denied, of_each, problem_of
from common.providers.acs_credentials import Access, read_credentials
from common.providers.acs_health import health_of
from common.providers.acs_partner import NO_PARTNER, Partner, partner_refusal, read_partner
from common.providers.acs_requests import Answer, Entry, Request
from common.providers.acs_sdk import SdkClient, Unanswered, open_transport
from common.providers.acs_spec import ACS
from common.providers.acs_versions import DEFAULT_VERSION, FEATURES, ApiVersion
from common.providers.acs_wire import MAX_RECIPIENTS, Call, call_of
from common.providers.callbacks import Callbacks
from common.providers.port import (
    Ambiguous,
    FetchedReport,
    Health,
    NotProcessed,
    Refused,
    SendResult,
    Text,
)
from common.providers.spec import ProviderSpec
from heliograph.codes import OutcomeCode

_NO_SENDER: Final = "+10000000000"
"""Stands for the sender where a connection has no number yet; an empty request sends nothing."""

_NO_PHONE: Final = "+112345678901"
"""A recipient that can be none: a North American number has ten digits after the 1. The service
refuses it alone, inside a 202 (Azure REST API specs, Communication SMS, 2021-03-07, the example
"SendMultiple"), but a sender that is not the resource's makes it refuse the call."""

_REPEATED: Final = NotProcessed(
    OutcomeCode.PROVIDER_UNAVAILABLE, "another text of the same call has the same recipient"
)
"""Both in one call would get one answer that fits either."""

Heard = Sequence[Item] | Problem | Unanswered
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Acs:
    """The provider ACS.

    It deduplicates: a repeatability ID that it knows is answered with the earlier outcome and not
    sent again (for how long it remembers, Microsoft does not say).
    """

    name: str = "acs"
    spec: ProviderSpec = ACS
    callbacks: Callbacks | None = None
    deduplicates: bool = True
    remembers: float | None = None
    max_recipients: int = MAX_RECIPIENTS
    api_version: ApiVersion = DEFAULT_VERSION

    def prepare(self) -> None:
        """Import the SDK (a sixth of a second)."""
        importlib.import_module("azure.communication.sms.aio")

    def connect(
        self,
        credentials: Mapping[str, str],
        *,
        timeout: float,
        report_url: str | None = None,
    ) -> AcsClient:
        """Build a client from `connection_string` and, optionally, `secondary_connection_string`,
        which is asked where the first is denied, so that keys can be rotated without a pause; for a
        partner's numbers also from `partner` and `partner_key`."""
        return AcsClient(
            read_credentials(credentials),
            timeout=timeout,
            version=self.api_version,
            partner=read_partner(credentials),
        )


class AcsClient:
    """One ACS resource: a client for each of its keys over one pooled session."""

    def __init__(
        self,
        accesses: Sequence[Access],
        *,
        timeout: float,
        version: ApiVersion = DEFAULT_VERSION,
        partner: Partner | None = None,
    ):
        self._timeout = timeout
        self._version = version
        self._features = FEATURES[version]
        self._partner = partner
        self._transport = open_transport(timeout, loopback=all(it.loopback for it in accesses))
        self._clients = [SdkClient(access, self._transport) for access in accesses]

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        return (await self.send_all([text]))[0]

    async def send_all(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        """Send one body to several recipients in one call, once, without retrying."""
        by_recipient: dict[str, Text] = {}
        for text in texts:
            by_recipient.setdefault(normalise_address(text.recipient), text)
        firsts = list(by_recipient.values())
        results = dict(zip(firsts, await self._send(firsts), strict=True))
        return [results.get(text, _REPEATED) for text in texts]

    async def _send(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        if not texts:
            return []
        for_partner = texts[0].partner_number
        if for_partner and self._partner is None:
            return [NO_PARTNER] * len(texts)
        call = call_of(texts, self._version, self._partner if for_partner else None)
        return _results(call, texts, await self._post(call))

    async def check(self, numbers: Sequence[str]) -> Health:
        """Ask for a send to nobody: the service must know the key before it can refuse that."""
        sender = numbers[0] if numbers else _NO_SENDER
        heard = await self._post(Call(version=self._version, sender=sender, recipients=(), body=""))
        said = heard if isinstance(heard, Problem | Unanswered) else None
        return health_of(said, owns_a_number=bool(numbers))

    async def owns(self, number: str) -> bool | None:
        """Ask for a send to what is no phone: before it refuses that, the service looks whose the
        sender is. None where its answer speaks of something else."""
        heard = await self._post(
            Call(version=self._version, sender=number, recipients=(_NO_PHONE,), body="-")
        )
        if isinstance(heard, Unanswered):
            return None
        if not isinstance(heard, Problem):
            return True
        meant = answered(heard)
        not_owned = isinstance(meant, Refused) and meant.code is OutcomeCode.SENDER_NOT_OWNED
        return False if not_owned else None

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None:
        """Add to the service's opt-out list, or remove from it."""
        action = acs_requests.ADD if opted_out else acs_requests.REMOVE
        entry = await self._opt_outs(action, sender, recipient)
        return None if entry is None else entry.taken

    async def opted_out(self, sender: str, recipient: str) -> bool | None:
        """Look into the service's opt-out list."""
        entry = await self._opt_outs(acs_requests.CHECK, sender, recipient)
        return None if entry is None else entry.opted_out

    async def _opt_outs(self, action: str, sender: str, recipient: str) -> Entry | None:
        """None where there is no list: in older versions, and for alphanumeric senders (Microsoft
        docs, "SMS FAQ")."""
        if not self._features.opt_outs or kind_of(sender) is AddressKind.ALPHANUMERIC:
            return None
        asked = acs_requests.opt_outs_request(action, sender, recipient, self._version)
        answer = await self._request(asked)
        if not isinstance(answer, Answer):
            return Entry(taken=False, opted_out=None)
        return acs_requests.read_opt_outs(answer, recipient)

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """The delivery report of a text, where the version has them and there is one by now."""
        if not self._features.delivery_reports:
            return None
        asked = acs_requests.report_request(provider_message_id, self._version)
        answer = await self._request(asked) if asked is not None else None
        if not isinstance(answer, Answer):
            return None
        return acs_requests.read_report(answer, provider_message_id, datetime.now(UTC))

    async def close(self) -> None:
        """Close the session."""
        await self._transport.close()

    async def _post(self, call: Call) -> Heard:
        return await self._first_not_denied(lambda client: client.send(call), is_denied)

    async def _request(self, asked: Request) -> Answer | Unanswered:
        return await self._first_not_denied(lambda client: client.request(asked), _denies)

    async def _first_not_denied(
        self, ask: Callable[[SdkClient], Awaitable[T]], denied: Callable[[T], bool]
    ) -> T | Ambiguous:
        """What is heard with the first key that is not denied; that one is asked first from then
        on."""
        heard: T | Ambiguous = Ambiguous("never asked")
        try:
            async with asyncio.timeout(self._timeout):
                for client in tuple(self._clients):
                    heard = said = await ask(client)
                    if not denied(said):
                        self._prefer(client)
                        break
        except TimeoutError as late:
            return Ambiguous(type(late).__name__)
        return heard

    def _prefer(self, client: SdkClient) -> None:
        if client is not self._clients[0]:
            self._clients.remove(client)
            self._clients.insert(0, client)


def _denies(answer: Answer | Unanswered) -> bool:
    if not isinstance(answer, Answer):
        return False
    return is_denied(problem_of(answer.status, answer.headers, answer.body))


def _results(call: Call, texts: Sequence[Text], heard: Heard) -> Sequence[SendResult]:
    """What was heard, for each text: an answer to the whole call is about all of them."""
    if isinstance(heard, Unanswered):
        return [heard] * len(texts)
    if isinstance(heard, Problem):
        refusal = partner_refusal(heard) if call.partner is not None else None
        return [refusal or answered(heard, recipients=len(texts))] * len(texts)
    return of_each(texts, heard, secret=call.secret)
