"""An adapter and its provider's simulator, which know nothing of each other, face to face: what one
says over HTTP, the other has to understand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from common import callback_addresses
from common.providers.callbacks import (
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    DeliveryReport,
    Door,
    Known,
    Reading,
    ReceivedText,
)
from common.providers.port import ProviderClient, Text
from common.providers.registry import providers
from common.secrets import MasterKeys, TenantKey, generate_master_key
from local import accounts
from local.simulators import SIMULATORS, ProviderSimulator

NUMBER, SHORT_CODE, PHONE = "+12065550100", "98765", "+12065550147"
REFERENCE: Final = "5d41402abc4b2a76b9719d911017c592"

ACCOUNTS: Final[Mapping[str, Mapping[str, str]]] = {
    name: account.values for name, account in accounts.ACCOUNTS.items() if name in SIMULATORS
}
"""What a connection needs, beside an address."""

SENDERS: Final[Mapping[str, str]] = {"link": "NO-2333", "vibes": SHORT_CODE}
"""A number that the provider has, where it is no usual one."""


def sender_of(name: str) -> str:
    return SENDERS.get(name, NUMBER)


@dataclass
class Meeting:
    """Both, with an endpoint in between that lets in what the adapter finds genuine."""

    name: str
    simulator: ProviderSimulator
    client: ProviderClient
    keys: CallbackKeys
    heard: list[Reading] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answer: int | None = None
    """In place of what the adapter answers."""

    @property
    def number(self) -> str:
        return sender_of(self.name)

    @property
    def texts(self) -> list[ReceivedText]:
        return [it for it in self._contents if isinstance(it, ReceivedText)]

    @property
    def reports(self) -> list[DeliveryReport]:
        return [it for it in self._contents if isinstance(it, DeliveryReport)]

    @property
    def _contents(self) -> list[ReceivedText | DeliveryReport]:
        return [it.content for it in self.heard if isinstance(it, Known)]

    def text(self, body: str = "Grüße – 5 €", **changes: Any) -> Text:
        plain = Text(
            sender=self.number,
            recipient=PHONE,
            body=body,
            reference=REFERENCE,
            request_id=UUID("8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21"),
            first_sent=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        )
        return replace(plain, **changes)

    async def settled(self) -> None:
        """Everything is told."""
        await self.simulator.settled(10)


def connect(
    name: str,
    simulator: ProviderSimulator,
    report_url: str | None,
    *,
    timeout: float = 5.0,
    **changes: str,
) -> ProviderClient:
    """A client of the adapter at the simulator's address."""
    account = {**ACCOUNTS[name], **changes}
    fixed = name in {"twilio", "vibes"}
    known = providers(addresses={name: simulator.url} if fixed else {})
    address = {} if fixed else {"base_url": simulator.url}
    return known[name].connect({**account, **address}, timeout=timeout, report_url=report_url)


@asynccontextmanager
async def meeting(name: str, **options: Any) -> AsyncIterator[Meeting]:
    """An adapter and a simulator of one account. Seconds of the provider's are milliseconds."""
    keys = MasterKeys.parse(generate_master_key())
    key = keys.unwrap("acme", keys.new_tenant_key("acme"))
    account = ACCOUNTS[name]
    own = {"numbers": [sender_of(name)], "time_scale": 0.001, "seed": 1}
    async with SIMULATORS[name](**account, **own, **options) as simulator:
        given = callback_addresses.keys_of(key, "con-1", account)
        it = Meeting(name, simulator, None, given)  # type: ignore[arg-type] # made below
        async with _endpoint(it, key) as base:
            addresses = {
                door: callback_addresses.address(base, name, key, "con-1", door) for door in Door
            }
            login = callback_addresses.basic_login(key, "con-1")
            simulator.portal(addresses[Door.PORTAL], login.username, login.password)
            it.client = connect(name, simulator, addresses[Door.REPORTS])
            try:
                yield it
            finally:
                await it.client.close()


@asynccontextmanager
async def _endpoint(it: Meeting, key: TenantKey) -> AsyncIterator[str]:
    """A webhook that does what the adapter says and nothing more; gives its base address."""
    callbacks = providers()[it.name].callbacks
    assert callbacks is not None
    base = ""

    async def serve(request: web.Request) -> web.Response:
        given = request.match_info["token"]
        (door,) = (d for d in Door if given == callback_addresses.token(key, "con-1", d))
        told = CallbackRequest(
            url=f"{base}{request.raw_path}",
            headers=request.headers,
            body=await request.read(),
            door=door,
        )
        return _answer(it, callbacks, told)

    app = web.Application()
    app.router.add_post(callback_addresses.PATH, serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield base
    finally:
        await runner.cleanup()


def _answer(it: Meeting, callbacks: Callbacks, told: CallbackRequest) -> web.Response:
    if it.answer is not None:
        return web.Response(status=it.answer)
    why = callbacks.verify(told, it.keys)
    if why is not None:
        it.refused.append(why)
        return web.Response(status=401)
    readings = callbacks.read(told, it.keys)
    it.heard.extend(readings)
    said = callbacks.answer(readings)
    if not said.body:
        return web.Response(status=said.status)
    return web.Response(status=said.status, body=said.body, content_type=said.content_type)


async def until(it: Meeting, *, reports: int) -> list[DeliveryReport]:
    """So many reports, in the order of their coming."""
    async with asyncio.timeout(10):
        while len(it.reports) < reports:
            await it.simulator.journal.wait_beyond(
                it.simulator.journal.entries()[-1]["seq"], timeout=1
            )
    return it.reports
