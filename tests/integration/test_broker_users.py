"""An agent's broker user can do what its agent needs, and nothing more. On a real RabbitMQ, through
its real management API."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aio_pika
import aiormq
import pytest
import structlog
from agent_world import AGENT, TENANT, World, agent_of, world_on
from aio_pika.exceptions import AMQPException

from common.bus.client import Bus
from common.bus.rights import agent_rights
from common.bus.topology import SENDER_QUEUE, agent_topology, dead_queue
from common.store.client import open_database
from common.store.control import AgentKind
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_agents import MongoAgents
from common.store.mongo_control_tenants import MongoTenants
from common.store.schema import ensure_schema
from health.access.roles import Principal, Role
from health.desk.agents import AgentDesk, CreatedAgent
from health.desk.broker_users import TAG, BrokerUnreachable, BrokerUsers, open_broker_users
from health.web.problems import Problem, ProblemCode
from heliograph import wire
from local.nodes import RabbitNode

BY = Principal(kind="key", id="k1", name="Ada", role=Role.ADMIN, tenant_id=TENANT)
OTHER = "back-office"
REFUSED = "ACCESS_REFUSED"


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """A broker with the management API."""
    base_dir = tmp_path_factory.mktemp("managed")
    with RabbitNode(base_dir, management=True) as node:
        yield node
    shutil.rmtree(base_dir)


@dataclass(frozen=True, slots=True)
class Office:
    """A desk that makes broker users, and the world in which their agents live."""

    world: World
    rabbit: RabbitNode
    vhost: str
    users: BrokerUsers
    desk: AgentDesk
    audit: MongoAudit
    bus_user: str

    async def make(self, agent_id: str = AGENT, bus_user: str | None = None) -> CreatedAgent:
        """An agent with its user."""
        return await self.desk.create(
            TENANT,
            agent_id,
            name="Desk",
            kind=AgentKind.AGENT,
            employee=None,
            bus_user=bus_user or self.bus_user,
            by=BY,
        )

    async def change(self, version: int, **changes: Any) -> Any:
        """Change the agent."""
        return await self.desk.update(TENANT, AGENT, changes=changes, version=version, by=BY)

    def url(self, made: CreatedAgent, password: str | None = None) -> str:
        """With which the agent connects."""
        known = password or made.bus_password
        return f"amqp://{made.agent.bus_user}:{known}@127.0.0.1:{self.rabbit.port}/{self.vhost}"

    def is_user(self, name: str) -> bool:
        """Whether the broker has a user of this name."""
        return f"{name}\t" in self.rabbit.ctl("list_users")


@pytest.fixture
async def office(managed: RabbitNode, mongo_uri: str, mongo_database: str) -> AsyncIterator[Office]:
    vhost = f"test/{secrets.token_hex(4)}"  # A slash, which a path of the API must hide.
    escaped = vhost.replace("/", "%2F")
    async with contextlib.AsyncExitStack() as stack:
        url = managed.add_vhost(vhost).replace(vhost, escaped)
        stack.callback(managed.delete_vhost, vhost)
        database = open_database(mongo_uri, mongo_database, 20)
        stack.callback(database.close)
        await ensure_schema(database)
        await MongoConnections(database).put_tenant(TENANT, name="Acme", wrapped_key={"blob": "b"})
        world = await stack.enter_async_context(world_on(url))
        await world.bus.declare(agent_topology(TENANT, OTHER))
        users = await stack.enter_async_context(open_broker_users(managed.management_url, url))
        audit = MongoAudit(database)
        desk = AgentDesk(MongoAgents(database), MongoTenants(database), audit, users)
        yield Office(
            world, managed, escaped, users, desk, audit, f"{TENANT}.{secrets.token_hex(4)}"
        )


async def test_the_real_agent_serves_with_the_user_that_it_is_given(office: Office) -> None:
    made = await office.make()
    await office.world.turn("t1")
    async with agent_of(office.url(made)) as agent:
        async for turn in agent.turns():
            async with turn:
                assert (await turn.reply("ok")).status == "sent"
            break
        sent = await agent.send(
            number="+14255550123", to="+14255550100", body="news", command_id="n-1"
        )
        assert sent.status == "sent"
    assert {message.user_id for message in office.world.envelopes} == {office.bus_user}


async def test_the_real_agent_parks_a_turn_with_its_reason(office: Office) -> None:
    made = await office.make()
    agent = agent_of(office.url(made), max_attempts=1)

    @agent.on_turn
    async def answer(turn: Any) -> None:
        raise ValueError(turn.turn_id)

    serving = asyncio.create_task(agent.serve())
    await office.world.turn("bad")
    parked = await office.world.parked()
    assert parked.headers[wire.HEADER_REASON]
    await agent.stop()
    await serving


Attempt = Callable[[aiormq.abc.AbstractChannel], Awaitable[object]]
OTHERS = wire.agent_queue(TENANT, OTHER)
MINE = wire.agent_queue(TENANT, AGENT)
REPLY = wire.reply_queue(TENANT, AGENT, "x")


def publish(exchange: str, key: str) -> Attempt:
    return lambda channel: channel.basic_publish(b"{}", exchange=exchange, routing_key=key)


def read(queue: str) -> Attempt:
    return lambda channel: channel.basic_get(queue)


def bind(queue: str, exchange: str, key: str) -> Attempt:
    async def attempt(channel: aiormq.abc.AbstractChannel) -> None:
        if queue == REPLY:
            await channel.queue_declare(REPLY, exclusive=True)
        await channel.queue_bind(queue, exchange, key)

    return attempt


FORBIDDEN: dict[str, Attempt] = {
    "read another agent's queue": read(OTHERS),
    "read the services' queue": read(SENDER_QUEUE),
    "read what was parked": read(dead_queue(MINE)),
    "consume another agent's queue": lambda channel: channel.basic_consume(OTHERS, print),
    "purge its own queue's neighbour": lambda channel: channel.queue_purge(OTHERS),
    "send as another agent": publish(wire.COMMANDS_EXCHANGE, wire.send_key(TENANT, OTHER)),
    "send as another tenant": publish(wire.COMMANDS_EXCHANGE, wire.send_key("globex", AGENT)),
    "send under a key that looks alike": publish(wire.COMMANDS_EXCHANGE, f"{TENANT}x{AGENT}.send"),
    "approve": publish(wire.COMMANDS_EXCHANGE, f"{TENANT}.decided"),
    "publish to agents": publish(wire.AGENTS_EXCHANGE, wire.turn_key(TENANT, AGENT)),
    "publish inbound texts": publish("heliograph.inbound", "received.acs"),
    "announce changes": publish("heliograph.changes", ""),
    "park for others": publish(wire.DEAD_EXCHANGE, SENDER_QUEUE),
    "publish to a queue": publish("", OTHERS),
    "bind its own queue": bind(MINE, wire.AGENTS_EXCHANGE, "#"),
    "bind its reply queue": bind(REPLY, wire.AGENTS_EXCHANGE, "#"),
    "bind its reply queue to commands": bind(REPLY, wire.COMMANDS_EXCHANGE, "#"),
    "declare a queue": lambda channel: channel.queue_declare("agent.acme.mine"),
    "delete its own queue": lambda channel: channel.queue_delete(MINE),
    "declare an exchange": lambda channel: channel.exchange_declare("mine"),
}


@pytest.fixture
async def intruder(office: Office) -> AsyncIterator[aiormq.abc.AbstractConnection]:
    """A connection with an agent's user."""
    connection = await aiormq.connect(office.url(await office.make()))
    yield connection
    await connection.close()


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_an_agents_user_cannot(intruder: aiormq.abc.AbstractConnection, what: str) -> None:
    channel = await intruder.channel(publisher_confirms=True)
    with pytest.raises((AMQPException, aiormq.exceptions.AMQPError), match=REFUSED):
        await FORBIDDEN[what](channel)


async def test_an_agents_user_cannot_name_another_sender(
    intruder: aiormq.abc.AbstractConnection,
) -> None:
    channel = await intruder.channel(publisher_confirms=True)
    properties = aiormq.spec.Basic.Properties(user_id="guest")
    with pytest.raises(aiormq.exceptions.AMQPError, match="PRECONDITION_FAILED"):
        await channel.basic_publish(
            b"{}",
            exchange=wire.COMMANDS_EXCHANGE,
            routing_key=wire.send_key(TENANT, AGENT),
            properties=properties,
        )


async def test_an_agents_user_cannot_use_the_management_api(office: Office) -> None:
    made = await office.make()
    port = office.rabbit.management_port
    address = f"http://{made.agent.bus_user}:{made.bus_password}@127.0.0.1:{port}/"
    async with open_broker_users(address, office.world.url) as stranger:
        with pytest.raises(BrokerUnreachable, match="401"):
            await stranger.provision("mallory", agent_rights("globex", "x"))


async def test_an_inactive_agent_is_cut_off_until_it_is_active_again(office: Office) -> None:
    made = await office.make()
    connection = await aiormq.connect(office.url(made))
    await office.change(1, active=False)
    async with asyncio.timeout(60):
        await asyncio.wait([connection.closing])
    with pytest.raises(aiormq.exceptions.AMQPError):
        await aiormq.connect(office.url(made))
    with pytest.raises(Problem) as refused:
        await office.desk.new_password(TENANT, AGENT, by=BY)
    assert refused.value.code is ProblemCode.INACTIVE_AGENT
    await office.change(2, active=True)
    await office.world.turn("t1")
    async with agent_of(office.url(made)) as agent:
        async for turn in agent.turns():
            assert (await turn.reply("back")).status == "sent"
            break


async def test_a_new_password_ends_the_old_one_and_its_connections(office: Office) -> None:
    made = await office.make()
    connection = await aiormq.connect(office.url(made))
    again = await office.desk.new_password(TENANT, AGENT, by=BY)
    assert again.bus_password != made.bus_password
    async with asyncio.timeout(60):
        await asyncio.wait([connection.closing])
    with pytest.raises(aiormq.exceptions.AMQPError):
        await aiormq.connect(office.url(made))
    await (await aiormq.connect(office.url(again))).close()
    newest = (await office.audit.list(TENANT, limit=1)).items[0]
    assert (newest.action, newest.target) == ("agent.password_made", AGENT)
    assert again.bus_password not in repr(newest) + repr(again)


async def test_another_user_takes_the_place_of_the_earlier_one(office: Office) -> None:
    await office.make()
    other = f"{office.bus_user}-2"
    await office.change(1, bus_user=other)
    assert not office.is_user(office.bus_user)
    assert not office.is_user(other)
    made = await office.desk.new_password(TENANT, AGENT, by=BY)
    await (await aiormq.connect(office.url(made))).close()


async def test_a_user_that_was_not_made_here_is_never_touched(office: Office) -> None:
    strangers = f"stranger-{secrets.token_hex(4)}"
    office.rabbit.add_user(strangers, "known")
    office.rabbit.set_permissions(strangers, vhost=office.vhost.replace("%2F", "/"))
    for name in (strangers, "guest"):
        with pytest.raises(Problem) as refused:
            await office.make(bus_user=name)
        assert refused.value.code is ProblemCode.BUS_USER_TAKEN
    await office.make()
    with pytest.raises(Problem):
        await office.change(1, bus_user=strangers)
    assert not await office.users.disable(strangers)
    assert not await office.users.remove(strangers)
    assert not await office.users.restore(strangers, agent_rights("globex", "x"))
    url = office.world.url.replace("guest:guest", f"{strangers}:known")
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("mine", exclusive=True)
    assert (await office.desk.list(TENANT, limit=10)).items[0].version == 1


async def test_an_agent_of_a_user_made_by_hand_can_be_switched_all_the_same(
    office: Office, mongo_uri: str, mongo_database: str
) -> None:
    strangers = f"hand-{secrets.token_hex(4)}"
    office.rabbit.add_user(strangers, "known")
    database = open_database(mongo_uri, mongo_database, 20)
    await MongoConnections(database).put_agent(TENANT, AGENT, name="A", bus_user=strangers)
    database.close()
    assert not (await office.change(1, active=False)).active
    assert (await office.change(2, active=True)).active


async def test_while_the_api_is_away_no_agent_is_made(
    office: Office, own_mongo: Any, managed: RabbitNode
) -> None:
    database = open_database(own_mongo.uri, "away", 20)
    await ensure_schema(database)
    await MongoConnections(database).put_tenant(TENANT, name="Acme", wrapped_key={"blob": "b"})
    address = managed.management_url.replace(str(managed.management_port), "9")
    async with open_broker_users(address, office.world.url) as users:
        audit = MongoAudit(database)
        desk = AgentDesk(MongoAgents(database), MongoTenants(database), audit, users)
        with pytest.raises(Problem) as refused:
            await desk.create(
                TENANT, AGENT, name="A", kind=AgentKind.AGENT, employee=None, bus_user=None, by=BY
            )
        assert refused.value.status == 503
        assert (await desk.list(TENANT, limit=10)).items == ()
    database.close()


async def test_a_change_that_the_broker_missed_is_made_good_by_repeating_it(
    office: Office,
) -> None:
    made = await office.make()
    away = office.desk._users
    office.desk._users = None  # As if the API had been away for the second half.
    await office.change(1, active=False)
    office.desk._users = away
    await (await aiormq.connect(office.url(made))).close()
    assert (await office.change(2, active=False)).version == 2
    with pytest.raises(aiormq.exceptions.AMQPError):
        await aiormq.connect(office.url(made))


async def test_a_password_is_in_no_log_and_a_user_bears_the_tag(office: Office) -> None:
    with structlog.testing.capture_logs() as logs:
        made = await office.make()
        again = await office.desk.new_password(TENANT, AGENT, by=BY)
    assert made.bus_password
    assert again.bus_password
    assert made.bus_password not in repr(logs) + repr(made)
    assert f"{office.bus_user}\t[{TAG}]" in office.rabbit.ctl("list_users")


async def test_the_services_own_bus_is_not_in_the_way(office: Office) -> None:
    """The bus of the services keeps its rights while agents' users come and go."""
    bus = Bus(office.world.url, app="test")
    bus.start()
    async with asyncio.timeout(60):
        await bus.ready()
        await office.make()
        await bus.declare(agent_topology(TENANT, "third"))
    with contextlib.suppress(Exception):
        await office.users.remove(office.bus_user)
    await bus.close()
