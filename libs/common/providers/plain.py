"""A provider that takes one recipient a call and keeps no list of its own: what an adapter need not
say again."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.providers.callbacks import Callbacks
from common.providers.http_session import HttpSession
from common.providers.port import (
    FetchedReport,
    Health,
    ProviderClient,
    SendResult,
    Text,
    UnusableCredentials,
)
from common.providers.spec import ProviderSpec


def whole(spec: ProviderSpec, credentials: Mapping[str, str]) -> Mapping[str, str]:
    """A connection's parameters in normal form. What was stored was judged when it was entered;
    this machine is let through, because a simulator may have been allowed then.

    Raises:
        UnusableCredentials: one is missing or malformed.
    """
    given = {it.name: credentials.get(it.name, "").strip() for it in spec.parameters}
    for parameter in spec.parameters:
        if parameter.required and not given[parameter.name]:
            raise UnusableCredentials(f"{parameter.name} is missing.", field=parameter.name)
    return spec.read(spec, {name: value for name, value in given.items() if value}, True).values


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainProvider(abc.ABC):
    """A `Provider` that knows no idempotency and takes one recipient a call, if its adapter does
    not say otherwise."""

    name: str
    spec: ProviderSpec
    callbacks: Callbacks | None
    deduplicates: bool = False
    remembers: float | None = None
    max_recipients: int = 1

    def prepare(self) -> None:
        """Nothing takes long."""
        return

    @abc.abstractmethod
    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> ProviderClient:
        """Build a client; makes no call."""


class PlainClient(abc.ABC):
    """A `ProviderClient` over one pooled session, of which an adapter writes `send` and `check`,
    and `report` where its provider can be asked."""

    def __init__(self, session: HttpSession):
        self._session = session

    @abc.abstractmethod
    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""

    @abc.abstractmethod
    async def check(self, numbers: Sequence[str]) -> Health:
        """Make an authenticated call that sends nothing."""

    async def send_all(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        """Send the texts one by one: a call has one recipient."""
        return [await self.send(text) for text in texts]

    async def owns(self, number: str) -> bool | None:
        """None: the provider does not tell, or not of every kind of sender."""
        return None

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None:
        """None: there is no list of opt-outs to be told."""
        return None

    async def opted_out(self, sender: str, recipient: str) -> bool | None:
        """None: nor one to be asked."""
        return None

    async def report(self, provider_message_id: str) -> FetchedReport | None:
        """None: the provider does not tell of a text."""
        return None

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()
