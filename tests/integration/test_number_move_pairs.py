"""A number walks from each provider to each other one and takes everything along, on the real
MongoDB, with a simulator of each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from conformance.store_world import LEASE, new_text
from connection_world import ADMIN, TENANT, World, new_number, open_world
from moving_world import REMOTE, allow, answer

from common.bus.messages import BusError, Outgoing
from common.callback_addresses import address, basic_login
from common.events import SmsReceived, SmsReport
from common.metrics import Metrics
from common.numbers import NumberCache
from common.providers.callbacks import Door
from common.providers.registry import providers
from common.providers.specs import SPECS
from common.secrets import WrappedKey
from common.snapshot import Snapshot
from common.store.control import NumberType
from common.store.directory import MongoCallbacks, MongoDirectory
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.records import CalledConnection
from common.store.schema import MESSAGES
from local.nodes import ports
from local.simulator import Simulator
from local.simulators import SIMULATORS, ProviderSimulator
from processor.turns import to_apply
from tests.unit.providers.meeting_world import ACCOUNTS
from webhook.app import CALLING_BACK
from webhook.auth import Doorkeeper
from webhook.callbacks import CallbackDoor, Keyring
from webhook.intake import Intake
from webhook.server import ACS_PATH, Server

NUMBER = "98765"
"""A short code, which every provider has."""
WRITTEN = {"link": f"US-{NUMBER}"}
"""How a provider writes it, where it does so in another way."""


def walk(names: list[str]) -> Iterator[str]:
    """A way along every ordered pair, each once, back to where it began: an Eulerian circuit of the
    complete digraph (Hierholzer's algorithm)."""
    ways = {name: [other for other in names if other != name] for name in names}
    stack, circuit = [names[0]], []
    while stack:
        if ways[stack[-1]]:
            stack.append(ways[stack[-1]].pop())
        else:
            circuit.append(stack.pop())
    return reversed(circuit)


class Kept:
    """A bus that keeps what the webhook publishes."""

    user = "webhook"

    def __init__(self) -> None:
        self.texts: asyncio.Queue[SmsReceived] = asyncio.Queue()
        self.reports: list[SmsReport] = []

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        for message in messages:
            if message.type == SmsReceived.type:
                self.texts.put_nowait(SmsReceived.decode(message.body))
            else:
                self.reports.append(SmsReport.decode(message.body))
        return [None] * len(messages)


@dataclass
class Everywhere:
    """A connection at each provider, the simulators behind them, and a webhook that all reach."""

    world: World
    simulators: Mapping[str, Simulator | ProviderSimulator]
    bus: Kept
    public_url: str
    connections: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, list[str]]:
        """What the person's phone has received, by provider."""
        return {
            name: [text.body for text in simulator.phone(REMOTE).received]
            for name, simulator in self.simulators.items()
        }

    async def hears(self, name: str, body: str) -> SmsReceived:
        """The person texts the number where it is hosted now."""
        number = WRITTEN.get(name, NUMBER)
        await self.simulators[name].text(REMOTE, number, body)
        async with asyncio.timeout(10):
            return await self.bus.texts.get()


@pytest.fixture
async def everywhere(mongo_uri: str, mongo_database: str) -> AsyncIterator[Everywhere]:
    async with contextlib.AsyncExitStack() as stack:
        simulators: dict[str, Any] = {
            name: await stack.enter_async_context(
                # A text's reports come when the number is somewhere else by then.
                SIMULATORS[name](
                    **account, numbers=[WRITTEN.get(name, NUMBER)], report_delay=1, time_scale=0.3
                )
            )
            for name, account in ACCOUNTS.items()
        }
        fixed = {name: simulators[name].url for name in ("twilio", "vibes")}
        known = providers(addresses=fixed)
        world = await stack.enter_async_context(open_world(mongo_uri, mongo_database, known))
        world.sim.own(NUMBER)
        await allow(world, *(spec.feature for spec in SPECS.values()))
        public_url = f"http://127.0.0.1:{ports.choose()}"
        it = Everywhere(world, {"acs": world.sim, **simulators}, Kept(), public_url)
        for name in it.simulators:
            it.connections[name] = await _connect(it, name, fixed)
        await _open_webhook(it, stack)
        yield it


async def _connect(it: Everywhere, name: str, fixed: Mapping[str, str]) -> str:
    if name == "acs":
        number = new_number(NUMBER, type=NumberType.SHORT_CODE)
        return (await it.world.connect(number)).id
    address = {} if name in fixed else {"base_url": it.simulators[name].url}
    parameters = {**ACCOUNTS[name], **address}
    return (await it.world.connect(provider=name, parameters=parameters)).id


async def _open_webhook(it: Everywhere, stack: contextlib.AsyncExitStack) -> None:
    """The webhook over the same store, and its addresses in every portal."""
    database, metrics = it.world.database, Metrics()
    numbers = NumberCache(MongoDirectory(database))
    called: Snapshot[tuple[CalledConnection, ...]] = Snapshot(
        MongoCallbacks(database, list(CALLING_BACK)), what="connections"
    )
    door = CallbackDoor(CALLING_BACK, called, Keyring(it.world.keys), public_url=it.public_url)
    server = Server(
        Intake(it.bus, numbers, metrics),
        Doorkeeper(secret=None, entra=None),
        door,
        metrics,
        deadline=1.8,
        body_limit=1_000_000,
        concurrency=64,
    )
    await server.start("127.0.0.1", int(it.public_url.rpartition(":")[2]))
    stack.push_async_callback(server.stop)
    numbers.start()
    stack.push_async_callback(numbers.close)
    await it.world.sim.subscribe(f"{it.public_url}{ACS_PATH}")
    key = it.world.keys.unwrap(TENANT, await _wrapped_key(it.world))
    for name, simulator in it.simulators.items():
        if isinstance(simulator, ProviderSimulator):
            connection_id = it.connections[name]
            login = basic_login(key, connection_id)
            url = address(it.public_url, name, key, connection_id, Door.PORTAL)
            simulator.portal(url, login.username, login.password)


async def _wrapped_key(world: World) -> WrappedKey:
    document = await world.tenants.wrapped_key(TENANT)
    assert document is not None
    return WrappedKey.from_document(document)


def test_the_walk_goes_along_every_pair_once() -> None:
    names = list(SPECS)
    pairs = list(pairwise(walk(names)))
    assert len(pairs) == len(set(pairs)) == len(names) * (len(names) - 1)


async def test_a_number_moves_between_every_two_providers_and_takes_everything_along(
    everywhere: Everywhere,
) -> None:
    it, world = everywhere, everywhere.world
    reading, inbound = MongoReading(world.database), MongoInbound(world.database)
    said = new_text("1", number=NUMBER, remote=REMOTE, connection_id=it.connections["acs"])
    await inbound.record([said], owner="one", lease=LEASE)
    await world.number_desk.set_gate(TENANT, NUMBER, on=True, confirmed=True, by=ADMIN)
    (talk,) = (await reading.conversations(TENANT, limit=5)).items
    expected: dict[str, list[str]] = {name: [] for name in it.simulators}

    for step, (here, there) in enumerate(pairwise(walk(list(it.simulators)))):
        moved = await world.number_desk.move(
            TENANT, NUMBER, it.connections[there], version=None, by=ADMIN
        )
        why = f"from {here} to {there}"
        assert (moved.provider, moved.connection_id) == (there, it.connections[there]), why
        assert (moved.agent_id, moved.gate_on, moved.connected) == ("support", True, True), why
        text = await it.hears(there, f"Question {step}")
        assert (text.provider, text.tenant_id, text.number) == (there, TENANT, NUMBER), why
        assert (text.remote, text.body) == (REMOTE, f"Question {step}"), why
        await answer(world, f"{step}", said.id, number=NUMBER, public_url=it.public_url)
        expected[there].append(f"Answer {step}")
        assert it.shown() == expected, why

    for simulator in it.simulators.values():
        await simulator.settled(20)
    await inbound.apply_reports([to_apply(report) for report in it.bus.reports])
    (still,) = (await reading.conversations(TENANT, limit=5)).items
    assert still.id == talk.id
    sent = [text for text in await world.documents(MESSAGES) if text["direction"] == "OUTBOUND"]
    assert len(sent) == 30
    # Each by the report that came to the address of the connection which it went through.
    assert {text["status"] for text in sent} == {"delivered"}
    assert {text["provider"] for text in sent} == set(SPECS)
