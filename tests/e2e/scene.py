"""The whole house on real servers, with phones at one end and an agent at the other.

The services are processes, the provider and Event Grid are the simulator, and the agent is the
client that agents' authors use.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pymongo
from nursery import nursery
from witnesses import Fate, Notebook, Sent, Spy, answering_agent

from common.bus import topology
from common.bus.client import Bus
from common.bus.rights import agent_rights
from common.bus.topology import Binding, Topology, work_queue
from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, open_database
from common.store.mongo_connections import MongoConnections
from common.store.records import inbound_id
from heliograph import wire
from local.house import SERVICES, Address, House, Service
from local.nodes import MongoNode, RabbitNode
from local.seed import ACCESS_KEY, UNLIMITED, Seed, plant
from local.simulator import Simulator

RECOVERY: Final = 45.0
"""Seconds within which everything is in order again after a fault has ended, on a machine that
builds images beside it."""

LEASES: Final = {"processor_lease": "1", "sender_lease": "2", "sender_provider_timeout": "1.5"}
"""Seconds after which the work of a killed process is taken over; by default 5, and 12."""

_TIME_SCALE: Final = 0.001
"""Event Grid comes again soon, so that what a test waits for is the house and not Event Grid."""

_PATIENCE: Final = 60.0
_SPY: Final = "spy"
PARKED: Final = tuple(
    topology.dead_queue(queue) for queue in (topology.PROCESSOR_QUEUE, topology.SENDER_QUEUE)
)

_COUNT_ALL: Final = """
[{{binary_to_atom(element(4, amqqueue:get_name(Q))),
   element(2, element(2, ra:leader_query(amqqueue:get_pid(Q),
                                         fun rabbit_fifo:query_messages_total/1)))}}
 || Q <- rabbit_amqqueue:list(<<"{vhost}">>), amqqueue:get_type(Q) =:= rabbit_quorum_queue]
"""
"""Messages in each queue, ready and unacknowledged. The figures that RabbitMQ shows elsewhere are
up to five seconds old (3.10, `quorum_tick_interval`)."""


class World:
    """What a test holds: one tenant, whose agent has one number, its gate on."""

    def __init__(
        self,
        *,
        rabbit: RabbitNode,
        vhost: str,
        database: Database,
        bus: Bus,
        simulator: Simulator,
        house: House,
        seed: Seed,
        secret: str,
        agent_url: str,
    ):
        self.simulator = simulator
        self.house = house
        self.database = database
        self.seed = seed
        self.secret = secret
        self.notebook = Notebook()
        self.spy = Spy()
        self.parked = Spy()
        """What was parked from the queues of the services."""
        self.to_be_parked: set[str] = set()
        """IDs of the messages that cannot be read by anybody."""
        self.sent: list[Sent] = []
        self.bus = bus
        self.in_order = True
        """Whether everything so far was found in order; False while a test is at work."""
        self._rabbit = rabbit
        self._vhost = vhost
        self.agent_url = agent_url
        self._texts = itertools.count(1)
        self._phones = itertools.count(1)

    def service(self, name: str) -> Service:
        """One of the four services."""
        return self.house.services[name]

    async def ensure(self, *names: str) -> None:
        """Start those services that do not run, and subscribe the webhook to Event Grid."""
        missing = [name for name in names if not self.service(name).alive]
        if missing:
            await self.house.start(*missing)
        if not self.simulator.grid.subscriptions:
            await self.simulator.subscribe(f"{self.house.webhook_url}?code={self.secret}")

    def new_phone(self) -> str:
        """The number of a phone that nobody else uses."""
        return f"+1212555{next(self._phones):04d}"

    async def gate(self, *, on: bool) -> None:
        """Switch the number's autonomous sending."""
        await MongoConnections(self.database).set_gate(self.seed.tenant_id, self.seed.number, on=on)

    async def text(
        self,
        body: str = "",
        *,
        phone: str = "",
        copies: int = 1,
        fate: Fate = Fate.ANSWERED,
        words: str | None = None,
    ) -> Sent:
        """Let a phone (by default a new one) text the number; Event Grid delivers the event
        `copies` times at once. `words` are a person's, in place of the agent's answer."""
        body = body or f"text {next(self._texts)}"
        remote = phone or self.new_phone()
        message_id = await self.simulator.text(remote, self.seed.number, body, copies=copies)
        sent = Sent(inbound_id(self.seed.tenant_id, "acs", message_id), remote, body, fate, words)
        self.sent.append(sent)
        return sent

    async def queue_lengths(self) -> Mapping[str, int]:
        """Messages in each queue, those that wait and those that are in somebody's hand."""
        expression = " ".join(_COUNT_ALL.format(vhost=self._vhost).split())
        answer = await asyncio.to_thread(self._rabbit.evaluate, expression)
        return {name: int(total) for name, total in re.findall(r"\{'?([^'{}]+)'?, (\d+)\}", answer)}


@contextlib.asynccontextmanager
async def open_world(
    rabbit: RabbitNode, mongo: MongoNode, logs: Path, **settings: str
) -> AsyncIterator[World]:
    """Everything but the services, which a test starts as it needs them, in a virtual host and a
    database of its own. At the end nothing is left running."""
    master_key, secret = generate_master_key(), secrets.token_urlsafe(16)
    vhost = mongo_database = f"e2e_{secrets.token_hex(6)}"
    mongo_uri = mongo.uri
    async with contextlib.AsyncExitStack() as stack:
        url = rabbit.add_vhost(vhost)
        stack.callback(_clear_away, rabbit, vhost, mongo)
        simulator = await stack.enter_async_context(
            Simulator(access_key=ACCESS_KEY, numbers=["+18005550100"], time_scale=_TIME_SCALE)
        )
        database = open_database(mongo_uri, mongo_database, timeout=5)
        stack.callback(database.close)
        bus = Bus(url, app="test", topology=_spying())
        bus.start()
        stack.push_async_callback(bus.close)
        agent_url, agent_user = _user(rabbit, vhost, "agent")
        rabbit.grant(agent_user, agent_rights("acme", "front-desk"), vhost=vhost)
        services_url, services_user = _user(rabbit, vhost, "services")
        rabbit.set_permissions(services_user, vhost=vhost)
        seed = Seed(bus_user=agent_user, endpoint=simulator.url, rules=UNLIMITED)
        async with asyncio.timeout(_PATIENCE):
            await bus.ready()
            await plant(seed, database=database, bus=bus, keys=MasterKeys.parse(master_key))
        house = House(
            logs,
            Address(
                rabbitmq_url=services_url,
                mongodb_uri=mongo_uri,
                mongodb_database=mongo_database,
                master_key=master_key,
            ),
            nursery(),
            webhook_secrets=secret,
            log_level="debug",
            **LEASES | settings,
        )
        stack.push_async_callback(_stop, house)
        world = World(
            rabbit=rabbit,
            vhost=vhost,
            database=database,
            bus=bus,
            simulator=simulator,
            house=house,
            seed=seed,
            secret=secret,
            agent_url=agent_url,
        )
        await world.gate(on=True)
        await _station_witnesses(world, agent_url, stack)
        yield world


@contextlib.asynccontextmanager
async def texts_coming(world: World, *, per_second: float, phones: int = 20) -> AsyncIterator[None]:
    """Texts from some phones keep coming all the while."""
    numbers = itertools.cycle([world.new_phone() for _ in range(phones)])
    enough = asyncio.Event()

    async def keep_sending() -> None:
        while not enough.is_set():
            await world.text(phone=next(numbers))
            await asyncio.sleep(1 / per_second)

    sending = asyncio.create_task(keep_sending())
    try:
        yield
    finally:
        enough.set()
        await sending


async def _station_witnesses(
    world: World, agent_url: str, stack: contextlib.AsyncExitStack
) -> None:
    for queue, spy in {_SPY: world.spy, **dict.fromkeys(PARKED, world.parked)}.items():
        subscription = await world.bus.subscribe(queue, prefetch=500)
        spying = asyncio.create_task(spy.read(subscription.deliveries))
        stack.push_async_callback(asyncio.gather, spying, return_exceptions=True)
        stack.callback(spying.cancel)
    agent = answering_agent(
        agent_url,
        world.notebook,
        tenant_id=world.seed.tenant_id,
        agent_id=world.seed.agent_id,
        patience=_PATIENCE,
    )
    await stack.enter_async_context(agent)


def _spying() -> Topology:
    """A queue that gets a copy of all that is published to agents, and those of the services."""
    everything = Binding(wire.AGENTS_EXCHANGE, "#")
    ours = topology.SERVICES
    return Topology(ours.exchanges, (*ours.queues, work_queue(_SPY, everything)))


def _user(rabbit: RabbitNode, vhost: str, role: str) -> tuple[str, str]:
    """A broker user without a right; gives URL and name."""
    name, password = f"{role}-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    rabbit.add_user(name, password)
    return f"amqp://{name}:{password}@127.0.0.1:{rabbit.port}/{vhost}", name


def _clear_away(rabbit: RabbitNode, name: str, mongo: MongoNode) -> None:
    rabbit.delete_vhost(name)
    with pymongo.MongoClient[dict[str, Any]](mongo.uri) as client:
        client.drop_database(name)


async def _stop(house: House) -> None:
    """Stop all services, and see that none of their processes is left."""
    services = [*(house.services[name] for name in SERVICES), *house.replicas]
    await house.stop()
    left = [f"{item.name} ({item.pid})" for item in services if item.alive or is_process(item.pid)]
    assert not left, f"still running: {', '.join(left)}"


def is_process(pid: int) -> bool:
    """Whether a process of this ID exists, a zombie included."""
    return pid != 0 and Path(f"/proc/{pid}").exists()


def clock() -> float:
    """Seconds, for measuring how long something took."""
    return time.monotonic()
