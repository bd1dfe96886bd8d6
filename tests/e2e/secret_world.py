"""The whole house with canaries in every setting, on a broker that the console may administer, and
with everything tapped that passes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
from aiohttp import web
from canaries import Cage
from console_world import ConsoleWorld, open_console
from cryptography.hazmat.primitives.asymmetric import ec
from persons import Heard, Person
from yarl import URL

from common.bus.messages import Delivery
from common.bus.topology import (
    CHANGES_EXCHANGE,
    INBOUND_EXCHANGE,
    SERVICES,
    Binding,
    Topology,
    work_queue,
)
from health.access.roles import Role
from heliograph import wire
from heliograph.agent import Agent
from heliograph.turns import OpenTurn
from local.nodes import MongoNode, RabbitNode
from local.receiver import receiving
from local.simulator.journal import Bell

PATIENCE: Final = 60.0
SPANS: Final = "spans"
"""The folder of what the services export of their traces."""
POISON: Final = "poison"
"""A text with this word is one that the agent breaks on."""

API: Final = "/api/v1/tenants/acme"
PAGES: Final = "/t/acme"
SEEDED: Final = "acme-acs"
"""The connection that is there from the beginning."""

AUDIENCE: Final = "api://heliograph"
_TAP: Final = "tap"
_EVERYTHING: Final = (
    Binding(INBOUND_EXCHANGE, "#"),
    Binding(wire.AGENTS_EXCHANGE, "#"),
    Binding(wire.COMMANDS_EXCHANGE, "#"),
    Binding(wire.DEAD_EXCHANGE, "#"),
    Binding(CHANGES_EXCHANGE, ""),
)


class GuardedRabbit(RabbitNode):
    """A broker with the management API, whose users have passwords that are canaries."""

    def __init__(self, base_dir: Path, cage: Cage):
        super().__init__(base_dir, management=True)
        self._cage = cage

    def add_vhost(self, name: str) -> str:
        """A virtual host that belongs to a user for the services."""
        address = URL(super().add_vhost(name))
        password = self._cage.secret("the services' broker password")
        self.add_user("services", password)
        self.set_permissions("services", vhost=name)
        return str(address.with_user("services").with_password(password))

    def add_administrator(self) -> str:
        """URL of the management API with a user who may do everything."""
        password = self._cage.secret("the broker administrator's password")
        self._cage.secret("the administrator's header", _basic("root", password))
        self.add_user("root", password)
        self.ctl("set_user_tags", "root", "administrator")
        return str(URL(self.management_url).with_user("root").with_password(password))


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode().rstrip("=")


class Tap:
    """A copy of all that passes the exchanges, and what the agent has done with."""

    def __init__(self) -> None:
        self.seen: list[Delivery] = []
        self.bell = Bell()

    async def read(self, deliveries: asyncio.Queue[Delivery]) -> None:
        """Note what comes, for ever."""
        while True:
            delivery = await deliveries.get()
            self.seen.append(delivery)
            await delivery.ack()
            self.bell.ring()

    async def wait(self, met: Callable[[Delivery], bool], count: int = 1) -> None:
        """Wait until so many such messages were seen; raises TimeoutError."""
        await self.bell.wait(lambda: sum(map(met, self.seen)) >= count, PATIENCE)


@dataclass
class IdentityProvider:
    """One whose tokens the API accepts; `stranger` signs with a key of its own."""

    url: str = ""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    stranger: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def token(self, *, genuine: bool, **claims: Any) -> str:
        """A token of somebody."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "somebody", "exp": 4_102_444_800} | claims
        signed_with = self.key if genuine else self.stranger
        return jwt.encode(said, signed_with, algorithm="ES256", headers={"kid": "one"})

    async def published(self, _: web.Request) -> web.Response:
        """The signing keys."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        keys = [{**public, "kid": "one", "use": "sig"}]
        return web.Response(body=orjson.dumps({"keys": keys}))


@dataclass
class Stage:
    """What the story is played on."""

    world: ConsoleWorld
    rabbit: GuardedRabbit
    cage: Cage
    tap: Tap
    issuer: IdentityProvider
    folder: Path
    heard: Heard = field(default_factory=lambda: Heard(str))
    persons: dict[str, Person] = field(default_factory=dict)
    handled: set[str] = field(default_factory=set)
    """Texts that the agent has answered, by the phone."""
    sealed: list[Any] = field(default_factory=list)
    """What connections' credentials have looked like in the database."""

    def use_key(self, what: str) -> str:
        """The portal makes a new access key, and no other is good; gives its connection string."""
        key = self.cage.secret(what)
        self.world.simulator.regenerate_key(key)
        return self.connection_string(key)

    def connection_string(self, key: str) -> str:
        """Of the simulated resource."""
        return f"endpoint={self.world.simulator.url}/;accesskey={key}"


@contextlib.asynccontextmanager
async def open_stage(mongo: MongoNode, folder: Path) -> AsyncIterator[Stage]:
    """Everything, running."""
    cage, tap = Cage(), Tap()
    async with contextlib.AsyncExitStack() as stack:
        rabbit = GuardedRabbit(folder / "rabbitmq", cage)
        stack.callback(rabbit.kill)
        await asyncio.to_thread(rabbit.start)
        issuer = await stack.enter_async_context(_identity_provider())
        secret = cage.secret("the webhook's secret")
        receiver = await stack.enter_async_context(receiving(folder / SPANS))
        world = await stack.enter_async_context(
            open_console(
                rabbit,
                mongo,
                folder / "logs",
                *("webhook", "processor", "sender", "health"),
                log_level="debug",
                otlp_endpoint=receiver.url,
                webhook_secrets=secret,
                rabbitmq_management_url=rabbit.add_administrator(),
                health_oidc_issuer=issuer.url,
                health_oidc_audience=AUDIENCE,
                health_oidc_jwks_url=f"{issuer.url}/keys",
            )
        )
        stage = Stage(world, rabbit, cage, tap, issuer, folder)
        cage.secret("the master key", world.master_key.rpartition(":")[2])
        cage.secret("the seed's access key", world.seed.access_key)
        await _tap(stage, stack)
        await _people(stage, stack)
        await world.simulator.subscribe(f"{world.house.webhook_url}?code={secret}")
        yield stage


async def _tap(stage: Stage, stack: contextlib.AsyncExitStack) -> None:
    bus = stage.world.bus
    await bus.declare(Topology(SERVICES.exchanges, (work_queue(_TAP, *_EVERYTHING),)))
    subscription = await bus.subscribe(_TAP, prefetch=500)
    reading = asyncio.create_task(stage.tap.read(subscription.deliveries))
    stack.push_async_callback(asyncio.gather, reading, return_exceptions=True)
    stack.callback(reading.cancel)


async def _people(stage: Stage, stack: contextlib.AsyncExitStack) -> None:
    """One of each role, an administrator of another tenant, and nobody."""
    world = stage.world
    keys = {role.value: world.keys[role] for role in Role}
    keys |= {"stranger": world.foreign_key[Role.ADMIN], "nobody": ""}
    for name, key in keys.items():
        person = Person(name, world.url, key, stage.heard)
        stage.persons[name] = await stack.enter_async_context(person)
        if key:
            stage.cage.secret(f"the key of {name}", secret_of(key))
            assert await person.sign_in() == 303
            # The cookie is in the answer that opens the session, and in no other.
            stage.cage.secret(
                f"the session of {name}", person.cookie, shown=rf"{name} POST sign_in"
            )
            stage.cage.secret(f"the CSRF token of {name}", person.csrf, shown=csrf_places(name))


def secret_of(key: str) -> str:
    """The part of an API key that is not its ID."""
    return key.split("_", 2)[2]


def csrf_places(name: str) -> str:
    """Where a session's CSRF token may be: on its own pages, and as it is in the database, for it
    is of no use without the cookie, of which only the hash is there."""
    return rf"{name} .*|store sessions|history"


@contextlib.asynccontextmanager
async def _identity_provider() -> AsyncIterator[IdentityProvider]:
    issuer = IdentityProvider()
    app = web.Application()
    app.router.add_get("/keys", issuer.published)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def serving_agent(stage: Stage, url: str) -> AsyncIterator[None]:
    """The agent, which answers each text in the text's words and breaks on a poisonous one."""
    agent = Agent(
        url,
        tenant_id="acme",
        agent_id=stage.world.seed.agent_id,
        max_attempts=1,
        outcome_timeout=PATIENCE,
        grace=1.0,
    )

    @agent.on_turn
    async def answer(turn: OpenTurn) -> None:
        if POISON in turn.message.body:
            raise ValueError(turn.message.body)
        await turn.reply(f"Re: {turn.message.body}")
        stage.handled.add(turn.remote)
        stage.tap.bell.ring()

    serving = asyncio.create_task(agent.serve())
    try:
        yield
    finally:
        await agent.stop()
        await asyncio.gather(serving, return_exceptions=True)
