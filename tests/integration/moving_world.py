"""What tests of moving a number share: an agent's text through the sender, over the store of a
world of connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from connection_world import ADMIN, NUMBER, TENANT, World, open_world

from common.failpoints import Failpoints
from common.lifecycle import Runtime
from common.management import Management
from common.metrics import Metrics
from common.providers.port import (
    Accepted,
    FetchedReport,
    Health,
    Healthy,
    Provider,
    SendResult,
    Text,
)
from common.providers.registry import PROVIDERS
from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS
from common.secrets import generate_master_key
from health.web.problems import Problem, ProblemCode
from heliograph.models import SendCommand
from sender.app import build_handler
from sender.clients import Clients
from sender.handler import Handler
from sender.settings import SenderSettings

REMOTE = "+12065550147"

TWILIO: Mapping[str, Any] = {
    "name": "New line",
    "provider": "twilio",
    "parameters": {
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "auth_token": "0123456789abcdeffedcba9876543210",
    },
}
VIBES: Mapping[str, Any] = {
    "name": "New line",
    "provider": "vibes",
    "parameters": {"username": "acme", "password": "fence-post"},
}


@dataclass
class StandIn:
    """A second provider, which accepts what it is given."""

    name: str = "twilio"
    callbacks: None = None
    deduplicates: bool = True
    remembers: float | None = None
    max_recipients: int = 1
    sent: list[tuple[Mapping[str, str], Text]] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)
    """Numbers that are not the account's."""

    @property
    def spec(self) -> ProviderSpec:
        return SPECS[self.name]

    def prepare(self) -> None: ...

    def connect(
        self, credentials: Mapping[str, str], *, timeout: float, report_url: str | None = None
    ) -> StandInClient:
        return StandInClient(self, credentials)


@dataclass
class StandInClient:
    provider: StandIn
    credentials: Mapping[str, str]

    async def send(self, text: Text) -> SendResult:
        self.provider.sent.append((self.credentials, text))
        return Accepted("stand-in-1")

    async def send_all(self, texts: Sequence[Text]) -> Sequence[SendResult]:
        return [await self.send(text) for text in texts]

    async def check(self, numbers: Sequence[str]) -> Health:
        return Healthy()

    async def owns(self, number: str) -> bool | None:
        return number not in self.provider.foreign

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None: ...

    async def opted_out(self, sender: str, recipient: str) -> bool | None: ...

    async def report(self, provider_message_id: str) -> FetchedReport | None: ...

    async def close(self) -> None: ...


@asynccontextmanager
async def open_lines(uri: str, database: str, twilio: StandIn) -> AsyncIterator[World]:
    """A world of connections at ACS, and at two stand-ins that the tenant may use as well."""
    providers: dict[str, Provider] = {**PROVIDERS, "twilio": twilio, "vibes": StandIn("vibes")}
    async with open_world(uri, database, providers) as it:
        await allow(it, "custom.acs_sms", "custom.twilio_sms", "custom.vibes_sms")
        yield it


def refused(code: ProblemCode, **more: Any) -> Any:
    return pytest.raises(Problem, check=lambda it: it.code is code, **more)


async def allow(world: World, *features: str) -> None:
    await world.tenants.update(TENANT, features=features, version=None, by=ADMIN.actor)


class Nowhere:
    """Where the outcomes of these texts go."""

    user = "sender"

    async def publish_all(self, messages: Sequence[object]) -> list[None]:
        return [None] * len(messages)


def sender(world: World, clients: Clients) -> Handler:
    """The sender's handler over the same store and providers."""
    settings = SenderSettings(
        rabbitmq_url="amqp://nowhere",
        mongodb_uri="mongodb://nowhere",
        master_key=generate_master_key(),
        trust_command_identity=True,
        sender_retry_in_place_max=0,
    )
    metrics = Metrics()
    management = Management(metrics, host="127.0.0.1", port=0)
    runtime = Runtime("sender", metrics, management, Failpoints(), replica="a")
    return build_handler(settings, runtime, world.database, cast("Any", Nowhere()), clients)


async def answer(
    world: World,
    command_id: str,
    in_reply_to: str | None = None,
    *,
    number: str = NUMBER,
    public_url: str = "",
) -> None:
    """An agent's text, through the sender. `public_url` is where reports on it go."""
    order = SendCommand(
        command_id=command_id,
        tenant_id=TENANT,
        agent_id="support",
        number=number,
        to=REMOTE,
        body=f"Answer {command_id}",
        in_reply_to=in_reply_to,
    )
    clients = Clients(
        world.connections, world.providers, world.keys, size=2, timeout=5, public_url=public_url
    )
    delivery = SimpleNamespace(
        body=order.encode(),
        headers={},
        user_id=f"{TENANT}.support",
        routing_key=f"{TENANT}.support.send",
        queue="sender.commands",
        message_id=command_id,
        redelivered=False,
        published_at=None,
        correlation_id=None,
        reply_to=None,
        type="command.send",
        stale=False,
    )
    try:
        await sender(world, clients).handle(cast("Any", delivery))
    finally:
        await clients.close()
