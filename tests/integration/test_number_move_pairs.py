"""A number walks from each provider to each other one and takes everything along, on the real
MongoDB, with a simulator of each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from conformance.store_world import LEASE, new_text
from connection_world import ADMIN, TENANT, World, new_number, open_world
from moving_world import REMOTE, allow, answer

from common.providers.registry import providers
from common.providers.specs import SPECS
from common.store.control import NumberType
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.schema import MESSAGES
from local.simulator import Simulator
from local.simulators import SIMULATORS, ProviderSimulator
from tests.unit.providers.meeting_world import ACCOUNTS

NUMBER = "98765"
"""A short code, which every provider has."""


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


@dataclass
class Everywhere:
    """A connection at each provider, and the simulators behind them."""

    world: World
    simulators: Mapping[str, Simulator | ProviderSimulator]
    connections: dict[str, str]

    def shown(self) -> dict[str, list[str]]:
        """What the person's phone has received, by provider."""
        return {
            name: [text.body for text in simulator.phone(REMOTE).received]
            for name, simulator in self.simulators.items()
        }


@pytest.fixture
async def everywhere(mongo_uri: str, mongo_database: str) -> AsyncIterator[Everywhere]:
    async with contextlib.AsyncExitStack() as stack:
        simulators: dict[str, Any] = {
            name: await stack.enter_async_context(SIMULATORS[name](**account, numbers=[NUMBER]))
            for name, account in ACCOUNTS.items()
        }
        fixed = {name: simulators[name].url for name in ("twilio", "vibes")}
        known = providers(addresses=fixed)
        world = await stack.enter_async_context(open_world(mongo_uri, mongo_database, known))
        world.sim.own(NUMBER)
        await allow(world, *(spec.feature for spec in SPECS.values()))
        it = Everywhere(world, {"acs": world.sim, **simulators}, {})
        for name in it.simulators:
            it.connections[name] = await _connect(it, name, fixed)
        yield it


async def _connect(it: Everywhere, name: str, fixed: Mapping[str, str]) -> str:
    if name == "acs":
        number = new_number(NUMBER, type=NumberType.SHORT_CODE)
        return (await it.world.connect(number)).id
    address = {} if name in fixed else {"base_url": it.simulators[name].url}
    parameters = {**ACCOUNTS[name], **address}
    return (await it.world.connect(provider=name, parameters=parameters)).id


def test_the_walk_goes_along_every_pair_once() -> None:
    names = list(SPECS)
    pairs = list(pairwise(walk(names)))
    assert len(pairs) == len(set(pairs)) == len(names) * (len(names) - 1)


async def test_a_number_moves_between_every_two_providers_and_takes_everything_along(
    everywhere: Everywhere,
) -> None:
    it, world = everywhere, everywhere.world
    reading = MongoReading(world.database)
    said = new_text("1", number=NUMBER, remote=REMOTE, connection_id=it.connections["acs"])
    await MongoInbound(world.database).record([said], owner="one", lease=LEASE)
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
        await answer(world, f"{step}", said.id, number=NUMBER)
        expected[there].append(f"Answer {step}")
        assert it.shown() == expected, why

    (still,) = (await reading.conversations(TENANT, limit=5)).items
    assert still.id == talk.id
    sent = [text for text in await world.documents(MESSAGES) if text["direction"] == "OUTBOUND"]
    assert len(sent) == 30
    assert {text["status"] for text in sent} == {"sent"}
    assert {text["provider"] for text in sent} == set(SPECS)
