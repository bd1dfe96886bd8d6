"""Everything that a conversation on one machine needs, started and stopped as one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from common.bus.client import Bus
from common.bus.rights import agent_rights
from common.errors import StoreUnavailable
from common.redact import scrub
from common.secrets import MasterKeys, generate_master_key
from common.store.client import Database, open_database
from common.store.control import SYSTEM
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_executions import MongoExecutions
from heliograph import Agent
from local.accounts import ACCOUNTS, DEFAULT, Account
from local.demo_agent import Event, front_desk
from local.house import SERVICES, Address, House
from local.nodes import MongoNode, NodeError, PortInUse, RabbitNode, ports
from local.play import Scene, Simulated
from local.provider import AnySimulator, enter_in_portal, seed_of, simulated
from local.receiver import receiving
from local.seed import Seed, announce, plant
from local.simulator import Simulator
from local.timeline import Timeline
from local.trail import PLACES
from local.welcome import Welcome, welcome_admin

RABBITMQ_VARIABLE: Final = "HELIOGRAPH_RABBITMQ_URL"
MONGODB_VARIABLE: Final = "HELIOGRAPH_MONGODB_URI"
DATABASE_VARIABLE: Final = "HELIOGRAPH_MONGODB_DATABASE"

_AGENT_USER: Final = "front-desk"
_PATIENCE: Final = 10.0
"""Seconds that a server from the environment has to answer."""


class StageInUse(NodeError):
    """Another stage is running in the same directory."""

    code = "stage_in_use"


class ServerAway(NodeError):
    """A server from the environment does not answer."""

    code = "server_away"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stage listens. The services' management ports follow each other."""

    webhook: int = 8080
    console: int = 8081
    simulator: int = 8500
    management: int = 9090

    @property
    def simulator_url(self) -> str:
        """Where the provider's simulator answers."""
        return f"http://127.0.0.1:{self.simulator}"

    @property
    def of_services(self) -> dict[str, int]:
        """The services' management ports; 0 means a free one."""
        first = self.management
        return {name: first and first + place for place, name in enumerate(SERVICES)}

    def require_free(self) -> None:
        """Check every port that is fixed, before anything is started.

        Raises:
            PortInUse: naming the port and the setting that changes it.
        """
        wanted = [
            ("The simulator", self.simulator, "SIMULATOR_PORT=…"),
            ("The webhook", self.webhook, "WEBHOOK_PORT=…"),
            ("The console", self.console, "CONSOLE_PORT=…"),
        ]
        wanted += [
            (f"The {name} service", port, "MANAGEMENT_PORT=…")
            for name, port in self.of_services.items()
        ]
        for who, port, setting in wanted:
            if port and not ports.is_free(port):
                raise PortInUse(who, port, setting)


@dataclass(slots=True)
class Servers:
    """RabbitMQ and MongoDB, private or from the environment."""

    rabbitmq_url: str
    agent_url: str
    agent_user: str
    mongodb_uri: str
    database: str
    management_url: str = ""
    """Of RabbitMQ's management API, where the broker is a private one."""


@contextlib.asynccontextmanager
async def servers(base_dir: Path) -> AsyncIterator[Servers]:
    """The servers of the environment, or private nodes that end with the stage."""
    async with contextlib.AsyncExitStack() as stack:
        rabbitmq_url = os.environ.get(RABBITMQ_VARIABLE)
        mongodb_uri = os.environ.get(MONGODB_VARIABLE)
        rabbit = None if rabbitmq_url else RabbitNode(base_dir / "rabbitmq", management=True)
        mongo = None if mongodb_uri else MongoNode(base_dir / "mongodb")
        nodes = [node for node in (rabbit, mongo) if node is not None]
        for node in nodes:
            stack.push_async_callback(asyncio.to_thread, node.stop)
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        if rabbit is not None:
            rabbitmq_url = rabbit.url
            agent_url, agent_user = _make_agent_user(rabbit), _AGENT_USER
        else:
            agent_url, agent_user = rabbitmq_url or "", ""
        yield Servers(
            rabbitmq_url or "",
            agent_url,
            agent_user,
            mongo.uri if mongo is not None else mongodb_uri or "",
            os.environ.get(DATABASE_VARIABLE, "heliograph_local"),
            rabbit.management_url if rabbit is not None else "",
        )


def _make_agent_user(rabbit: RabbitNode) -> str:
    """A broker user for the agent, with the permissions of docs/agents.md and no more; its URL."""
    password = secrets.token_urlsafe(16)
    rabbit.add_user(_AGENT_USER, password)
    rabbit.grant(_AGENT_USER, agent_rights("acme", "front-desk"))
    return f"amqp://{_AGENT_USER}:{password}@127.0.0.1:{rabbit.port}/"


@dataclass(slots=True)
class Stage:
    """A running stage."""

    scene: Scene
    house: House
    account: Account
    simulator: AnySimulator
    servers: Servers
    seed: Seed
    welcome: Welcome


@contextlib.asynccontextmanager
async def stage(
    base_dir: Path,
    chosen: Ports,
    timeline: Timeline,
    account: Account = ACCOUNTS[DEFAULT],
    *,
    traces: bool = True,
) -> AsyncIterator[Stage]:
    """Start everything, with this account's simulator; stop everything, in the opposite order.
    With `traces` the services' spans are kept beside their logs."""
    master_key = generate_master_key()
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, _emptied(base_dir))
        chosen.require_free()
        used = await stack.enter_async_context(servers(base_dir))
        webhook_secret = secrets.token_urlsafe(18)
        found = account.address_setting(chosen.simulator_url)
        if traces:
            receiver = await stack.enter_async_context(receiving(base_dir / "logs"))
            found = {**found, "otlp_endpoint": receiver.url}
        house = _house(base_dir, used, chosen, master_key, webhook_secrets=webhook_secret, **found)
        _write_places(base_dir / "logs", house)
        database = open_database(used.mongodb_uri, used.database, timeout=5)
        stack.callback(database.close)
        bus = Bus(used.rabbitmq_url, app="local")
        bus.start()
        stack.push_async_callback(bus.close)
        await _answering(bus, used, database)
        seed = seed_of(account, chosen.simulator_url, bus_user=used.agent_user or bus.user)
        key = await plant(seed, database=database, bus=bus, keys=MasterKeys.parse(master_key))
        simulator = await stack.enter_async_context(simulated(account, port=chosen.simulator))
        stack.push_async_callback(house.stop)
        await house.start()
        if isinstance(simulator, Simulator):
            await simulator.subscribe(f"{house.webhook_url}?code={webhook_secret}")
        else:
            enter_in_portal(simulator, house.public_url, seed, key)
        scene = scene_of(simulator, timeline, seed, database, bus)
        await scene.switch(on=False)
        agent = front_desk(
            used.agent_url,
            tenant_id=seed.tenant_id,
            agent_id=seed.agent_id,
            on_event=scene.events.put_nowait,
        )
        serving = asyncio.create_task(agent.serve())
        stack.push_async_callback(_end, agent, serving)
        welcome = await welcome_admin(database, seed.tenant_id, house.console_url)
        yield Stage(scene, house, account, simulator, used, seed, welcome)


async def _end(agent: Agent, serving: asyncio.Task[None]) -> None:
    await agent.stop()
    await asyncio.gather(serving, return_exceptions=True)


@contextlib.contextmanager
def _emptied(base_dir: Path) -> Iterator[None]:
    """The directory of this stage alone, empty. Its logs stay afterwards, the servers' data go."""
    base_dir.mkdir(parents=True, exist_ok=True)
    with (base_dir / "stage.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageInUse(
                f"Another local stage is running in {base_dir}: stop it first, or choose another "
                "directory with --dir."
            ) from None
        for name in ("rabbitmq", "mongodb", "logs"):
            shutil.rmtree(base_dir / name, ignore_errors=True)
        yield
        for name in ("rabbitmq", "mongodb"):
            shutil.rmtree(base_dir / name, ignore_errors=True)


async def _answering(bus: Bus, used: Servers, database: Database) -> None:
    """Wait for servers that somebody else runs; private nodes answer already.

    Raises:
        ServerAway: naming the server and the variable that points to it.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            await bus.ready()
    except TimeoutError:
        raise ServerAway(
            f"{bus.problem} Check {RABBITMQ_VARIABLE} ({scrub(used.rabbitmq_url)})."
        ) from None
    try:
        await database.ping()
    except StoreUnavailable as error:
        raise ServerAway(f"{error} Check {MONGODB_VARIABLE} ({scrub(used.mongodb_uri)}).") from None


def _house(base_dir: Path, used: Servers, chosen: Ports, master_key: str, **own: str) -> House:
    address = Address(
        rabbitmq_url=used.rabbitmq_url,
        mongodb_uri=used.mongodb_uri,
        mongodb_database=used.database,
        master_key=master_key,
        webhook_port=chosen.webhook,
        console_port=chosen.console,
        management_ports=chosen.of_services,
    )
    settings = {"rabbitmq_management_url": used.management_url} if used.management_url else {}
    return House(
        base_dir / "logs",
        address,
        **settings,
        **own,
        log_format="console",
        # So that a text can be followed through the logs (`local.trail`).
        log_level="debug",
        trust_command_identity="false" if used.agent_user else "true",
    )


def _write_places(logs: Path, house: House) -> None:
    """Where a person's other commands find the services' metrics."""
    ports_of = {name: service.management_port for name, service in house.services.items()}
    (logs / PLACES).write_bytes(orjson.dumps(ports_of))


def scene_of(
    simulator: Simulated, timeline: Timeline, seed: Seed, database: Database, bus: Bus
) -> Scene:
    """What a conversation with a seeded number is played with."""
    numbers = MongoNumbers(database)

    async def switch(*, on: bool) -> None:
        await numbers.set_gate(seed.tenant_id, seed.number, on=on, by=SYSTEM)
        await announce(bus, seed, "gate.on" if on else "gate.off")

    events: asyncio.Queue[Event] = asyncio.Queue()
    return Scene(
        simulator=simulator,
        timeline=timeline,
        events=events,
        executions=MongoExecutions(database),
        switch=switch,
        tenant_id=seed.tenant_id,
        number=seed.number,
        remote=ACCOUNTS[seed.provider].person(),
    )
