"""The conversation of `make demo PROVIDER=…` with every provider but ACS, in one house that is
connected to all of them; and what follows when a person says STOP, or an answer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pymongo
import pytest
from nursery import nursery
from rich.console import Console

from common.bus.client import Bus
from common.bus.rights import agent_rights
from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, open_database
from heliograph import Keyword, Outcome, OutcomeStatus, Report, ReportStatus, Turn
from heliograph.codes import OutcomeCode
from local.accounts import ACCOUNTS
from local.demo_agent import ANSWERS, front_desk
from local.house import Address, House
from local.nodes import MongoNode, RabbitNode
from local.play import Scene, play
from local.provider import enter_in_portal, seed_of, simulated
from local.seed import Seed, plant
from local.simulators import SIMULATORS, ProviderSimulator
from local.stage import scene_of
from local.timeline import Timeline

PATIENCE = 20
DEDUPLICATES = {"infobip"}
"""Where a text whose answer was lost is sent again, with the same ID."""

OPTED_OUT = {
    "infobip": "14/2052",
    "link": "2105",
    "telesign": "510",
    "twilio": "21610",
    "vibes": "9",
}
"""What each provider reports of a text to somebody who has opted out there."""

PEOPLE = itertools.count()
"""The last digits of their numbers."""

T = TypeVar("T")


@dataclass(frozen=True)
class Conversation:
    """A provider's simulator, the scene of a number there, and how its agent reaches the broker."""

    simulator: ProviderSimulator
    scene: Scene
    printed: io.StringIO
    agent_url: str
    logs: Path

    async def hears(self, kind: type[T], wanted: Callable[[T], bool]) -> T:
        """The agent's event that is wanted. Others wait: a report may overtake the outcome."""
        waiting = self.scene.waiting
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in waiting:
                    if isinstance(event, kind) and wanted(event):
                        waiting.remove(event)
                        return event
                waiting.append(await self.scene.events.get())

    def of_another_person(self) -> Conversation:
        """The same with a person who has not texted yet."""
        remote = f"{self.scene.remote[:-2]}{next(PEOPLE):02d}"
        return replace(self, scene=replace(self.scene, remote=remote))

    async def says(self, body: str) -> None:
        await self.simulator.text(self.scene.remote, self.scene.number, body)


class Town:
    """One house with a tenant, an agent and a number for each provider."""

    def __init__(self, rabbit: RabbitNode, vhost: str, database: Database, bus: Bus, *, logs: Path):
        self._logs = logs
        self.conversations: dict[str, Conversation] = {}
        self._rabbit = rabbit
        self._vhost = vhost
        self._database = database
        self._bus = bus

    def add_user(self, tenant_id: str) -> tuple[str, str]:
        """A broker user with the rights of a tenant's front desk: URL and name."""
        name, password = f"{tenant_id}-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        self._rabbit.add_user(name, password)
        self._rabbit.grant(name, agent_rights(tenant_id, "front-desk"), vhost=self._vhost)
        return f"amqp://{name}:{password}@127.0.0.1:{self._rabbit.port}/{self._vhost}", name

    def settle(self, seed: Seed, simulator: ProviderSimulator, agent_url: str) -> None:
        """Let the conversation of a seeded number begin."""
        printed = io.StringIO()
        timeline = Timeline(Console(file=printed), deliverer=ACCOUNTS[seed.provider].deliverer)
        scene = scene_of(simulator, timeline, seed, self._database, self._bus)
        self.conversations[seed.provider] = Conversation(
            simulator, scene, printed, agent_url, self._logs
        )

    @contextlib.asynccontextmanager
    async def agents(self) -> AsyncIterator[None]:
        """The front desks, at work."""
        agents = [
            front_desk(
                each.agent_url,
                tenant_id=each.scene.tenant_id,
                agent_id="front-desk",
                on_event=each.scene.events.put_nowait,
            )
            for each in self.conversations.values()
        ]
        serving = [asyncio.create_task(agent.serve()) for agent in agents]
        try:
            yield
        finally:
            await asyncio.gather(*(agent.stop() for agent in agents))
            await asyncio.gather(*serving)


@pytest.fixture(scope="module")
async def conversations(
    rabbit: RabbitNode,
    mongo: MongoNode,
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Mapping[str, Conversation]]:
    name, master_key = f"providers_{secrets.token_hex(6)}", generate_master_key()
    async with contextlib.AsyncExitStack() as stack:
        url = rabbit.add_vhost(name)
        stack.callback(rabbit.delete_vhost, name)
        stack.callback(mongo_client.drop_database, name)
        database = open_database(mongo.uri, name, timeout=5)
        stack.callback(database.close)
        bus = Bus(url, app="test")
        bus.start()
        stack.push_async_callback(bus.close)
        await bus.ready()
        simulators: dict[str, Any] = {
            provider: await stack.enter_async_context(simulated(ACCOUNTS[provider], port=0))
            for provider in SIMULATORS
        }
        fixed = [
            address
            for provider, simulator in simulators.items()
            for address in ACCOUNTS[provider].address_setting(simulator.url).values()
        ]
        servers = Address(
            rabbitmq_url=url, mongodb_uri=mongo.uri, mongodb_database=name, master_key=master_key
        )
        logs = tmp_path_factory.mktemp("providers")
        house = House(
            logs, servers, nursery(), provider_addresses=",".join(fixed), log_level="debug"
        )
        town = Town(rabbit, name, database, bus, logs=logs)
        for provider, simulator in simulators.items():
            tenant_id = f"tenant-of-{provider}"
            agent_url, user = await asyncio.to_thread(town.add_user, tenant_id)
            seed = seed_of(ACCOUNTS[provider], simulator.url, bus_user=user)
            seed = replace(seed, tenant_id=tenant_id)
            keys = MasterKeys.parse(master_key)
            key = await plant(seed, database=database, bus=bus, keys=keys)
            enter_in_portal(simulator, house.public_url, seed, key)
            town.settle(seed, simulator, agent_url)
        stack.push_async_callback(house.stop)
        await house.start()
        await stack.enter_async_context(town.agents())
        yield town.conversations


@pytest.fixture(params=sorted(SIMULATORS))
def conversation(
    request: pytest.FixtureRequest, conversations: Mapping[str, Conversation]
) -> Conversation:
    """With a person who has not texted yet."""
    return conversations[request.param].of_another_person()


async def test_the_conversation_of_the_demo_is_played_with_every_provider(
    conversation: Conversation,
) -> None:
    scene = conversation.scene
    await scene.switch(on=False)
    await play(scene)
    assert "delivery report: delivered" in conversation.printed.getvalue()
    await conversation.simulator.settled()
    assert {entry["verdict"] for entry in conversation.simulator.deliveries} == {"delivered"}
    assert conversation.simulator.phone(scene.remote).received_total == 1


async def test_stop_reaches_the_agent_which_may_not_answer(conversation: Conversation) -> None:
    await conversation.scene.switch(on=True)
    await conversation.says("STOP")
    remote = conversation.scene.remote
    turn = await conversation.hears(Turn, lambda turn: turn.remote == remote)
    assert (turn.keyword, turn.can_send) == (Keyword.OPT_OUT, False)
    await conversation.says("When do you open?")
    turn = await conversation.hears(Turn, lambda turn: turn.remote == remote)
    assert (turn.keyword, turn.can_send) == (None, False)


async def test_an_opt_out_that_only_the_provider_has_heard_of_counts_here_too(
    conversation: Conversation,
) -> None:
    scene, simulator = conversation.scene, conversation.simulator
    remote = scene.remote
    await scene.switch(on=True)
    simulator.fault("failed_reports", code=OPTED_OUT[simulator.name], count=1, phone=remote)
    await conversation.says("Where can I park?")
    first = await conversation.hears(Outcome, lambda outcome: outcome.to == remote)
    assert first.status is OutcomeStatus.SENT
    told = (first.message_id, ReportStatus.REJECTED)
    await conversation.hears(Report, lambda report: (report.message_id, report.status) == told)
    await conversation.says("And when do you open?")
    turn = await conversation.hears(
        Turn, lambda turn: (turn.remote, turn.message.body) == (remote, "And when do you open?")
    )
    assert (turn.can_send, turn.cannot_send_reason) == (False, OutcomeCode.RECIPIENT_OPTED_OUT)
    assert simulator.phone(remote).received_total == 0


async def test_a_lost_answer_never_makes_two_texts_of_one(conversation: Conversation) -> None:
    scene, simulator = conversation.scene, conversation.simulator
    await scene.switch(on=True)
    simulator.fault("cut_after_accept", count=1, phone=scene.remote)
    await conversation.says("Where can I park?")
    outcome = await conversation.hears(Outcome, lambda outcome: outcome.to == scene.remote)
    known = simulator.name in DEDUPLICATES
    assert outcome.status is (OutcomeStatus.SENT if known else OutcomeStatus.UNCERTAIN)
    told = (outcome.message_id, ReportStatus.DELIVERED)
    await conversation.hears(Report, lambda report: (report.message_id, report.status) == told)
    await simulator.settled()
    texts = [text.body for text in simulator.phone(scene.remote).received]
    assert texts == [dict(ANSWERS)["park"]]


async def test_nothing_of_a_conversation_and_no_secret_is_in_the_logs(
    conversation: Conversation,
) -> None:
    scene, simulator = conversation.scene, conversation.simulator
    await scene.switch(on=True)
    words = f"Is the {secrets.token_hex(8)} open on Sundays?"
    await conversation.says(words)
    outcome = await conversation.hears(Outcome, lambda outcome: outcome.to == scene.remote)
    told = (outcome.message_id, ReportStatus.DELIVERED)
    await conversation.hears(Report, lambda report: (report.message_id, report.status) == told)
    assert simulator.where is not None
    async with aiohttp.ClientSession() as session:
        forged = await session.post(simulator.where.url, data=f"{words} {scene.remote}")
    assert forged.status == 401
    hidden = {
        words,
        scene.remote.removeprefix("+"),
        simulator.where.url.rpartition("/")[2],
        simulator.where.password or words,
        ACCOUNTS[simulator.name].secret,
    }
    said = "".join(log.read_text() for log in conversation.logs.glob("*.log"))
    assert "callback.refused" in said
    assert [word for word in hidden if word in said] == []
