"""A sender at work on the real RabbitMQ and MongoDB, a simulated provider, and agents' own eyes."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from yarl import URL

from common.bus.client import Bus
from common.bus.messages import Delivery, Outgoing
from common.bus.topology import (
    SENDER_QUEUE,
    SERVICES,
    Queue,
    Topology,
    agent_topology,
    dead_queue,
)
from common.failpoints import Failpoints
from common.lifecycle import Runtime
from common.management import Management
from common.metrics import Metrics
from common.secrets import MasterKeys, WrappedKey, generate_master_key
from common.store.circuit_documents import failover_keys
from common.store.client import Database, open_database
from common.store.consents import ConsentSource, NewConsent
from common.store.mongo_connections import MongoConnections
from common.store.mongo_consents import MongoConsentLedger
from common.store.records import ConnectionRecord
from common.store.schema import CONNECTIONS, NUMBERS, ensure_schema
from heliograph import wire
from heliograph.models import Outcome, SendCommand
from local.simulator import Simulator
from sender.app import serve
from sender.settings import SenderSettings

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
TENANT, AGENT, CONNECTION = "acme", "support", "line"
NUMBER, PHONE = "+18005550100", "+15551230001"
WAIT = 20.0


class World:
    """What a test holds. The agent `support` of the tenant `acme` has one number, its gate on."""

    def __init__(
        self, *, url: str, mongo_uri: str, mongo_database: str, sim: Simulator, bus_user: str
    ) -> None:
        self.url = url
        self.sim = sim
        self.mongo_uri = mongo_uri
        self.mongo_database = mongo_database
        self.bus_user = bus_user
        self.master_key = generate_master_key()
        self.database: Database = open_database(mongo_uri, mongo_database, 5.0)
        self.connections = MongoConnections(self.database)
        self.bus = Bus(url, app="test", topology=SERVICES, publish_deadline=10)
        self.metrics = Metrics(CollectorRegistry())
        self._inboxes: dict[str, asyncio.Queue[Delivery]] = {}

    async def prepare(self) -> None:
        """Put the tenant, its agent and its number into the database, and listen as the agent."""
        await ensure_schema(self.database)
        await self.put_tenant(TENANT, AGENT, NUMBER, bus_user=self.bus_user)
        self.bus.start()
        await self.bus.ready()
        await self.listen(TENANT, AGENT)

    async def close(self) -> None:
        """Close what the test itself opened."""
        await self.bus.close()
        self.database.close()

    async def put_tenant(self, tenant: str, agent: str, number: str, *, bus_user: str) -> None:
        """A tenant with one agent, one connection and one number, its gate on."""
        keys = MasterKeys.parse(self.master_key)
        wrapped = keys.new_tenant_key(tenant)
        await self.connections.put_tenant(tenant, name=tenant, wrapped_key=wrapped.to_document())
        await self.connections.put_agent(tenant, agent, name=agent, bus_user=bus_user)
        credentials = {"connection_string": f"endpoint={self.sim.url}/;accesskey={KEY}"}
        sealed = keys.unwrap(tenant, wrapped).seal(CONNECTION, credentials)
        await self.connections.put_connection(
            tenant, CONNECTION, name="Line", provider="acs", sealed=sealed.to_document()
        )
        self.sim.own(number)
        await self.connections.put_number(
            tenant, CONNECTION, address=number, region="US", agent_id=agent
        )
        await self.connections.set_gate(tenant, number, on=True)

    async def put_line(self, connection: str, url: str, key: str = KEY) -> None:
        """Make a connection to a resource, or give one new credentials."""
        await self.put_connection(
            connection, "acs", {"connection_string": f"endpoint={url}/;accesskey={key}"}
        )

    async def put_connection(
        self, connection: str, provider: str, credentials: Mapping[str, str]
    ) -> None:
        """Make a connection at a provider, or give one new credentials."""
        wrapped = await self.connections.put_tenant(TENANT, name=TENANT, wrapped_key={})
        tenant_key = MasterKeys.parse(self.master_key).unwrap(
            TENANT, WrappedKey.from_document(wrapped)
        )
        sealed = tenant_key.seal(connection, credentials)
        await self.connections.put_connection(
            TENANT, connection, name=connection, provider=provider, sealed=sealed.to_document()
        )

    async def fall_back_on(self, *connections: str) -> None:
        """The connections that the number falls back on, in order."""
        await self.database.collection(NUMBERS).update_one(
            {"_id": f"{TENANT}/{NUMBER}"},
            {"$set": {"failover": failover_keys(TENANT, connections)}},
        )

    async def connection(self, connection: str = CONNECTION) -> ConnectionRecord:
        """A connection as it is now."""
        record = await self.connections.get(TENANT, connection)
        assert record is not None
        return record

    async def end_rest(self, connection: str = CONNECTION) -> None:
        """As if the rest of a circuit were over."""
        over = datetime.now(UTC) - timedelta(seconds=1)
        await self.database.collection(CONNECTIONS).update_one(
            {"_id": f"{TENANT}/{connection}"},
            {"$set": {"circuit.rests_until": over, "circuit.opened_at": over}},
        )

    async def listen(self, tenant: str, agent: str) -> None:
        """Read an agent's queue from now on."""
        await self.bus.declare(agent_topology(tenant, agent))
        name = wire.agent_queue(tenant, agent)
        subscription: Any = await self.bus.subscribe(name, prefetch=100)
        self._inboxes[name] = subscription.deliveries

    async def gate(self, *, on: bool) -> None:
        """Switch the number's autonomous sending."""
        await self.connections.set_gate(TENANT, NUMBER, on=on)

    async def opt_out(self, remote: str = PHONE) -> None:
        """Record a STOP from a phone."""
        entry = NewConsent(
            tenant_id=TENANT,
            number=NUMBER,
            remote=remote,
            opted_out=True,
            at=datetime.now(UTC),
            source=ConsentSource.KEYWORD,
            rule="STOP",
            who="remote",
            message_id=uuid.uuid4().hex,
        )
        await MongoConsentLedger(self.database).note([entry])

    async def publish(
        self,
        body: bytes,
        *,
        key: str = wire.send_key(TENANT, AGENT),
        bus: Bus | None = None,
        correlation_id: str | None = None,
        reply_to: str | None = None,
    ) -> None:
        """Publish a raw message to the commands exchange."""
        message = Outgoing(
            exchange=wire.COMMANDS_EXCHANGE,
            key=key,
            body=body,
            type=SendCommand.type,
            message_id=uuid.uuid4().hex,
            correlation_id=correlation_id,
            reply_to=reply_to,
        )
        await (bus or self.bus).publish(message)

    async def send(self, order: SendCommand, **options: Any) -> Outcome:
        """Publish a command and wait for the next outcome on its agent's queue."""
        await self.publish(order.encode(), **options)
        return await self.outcome()

    async def outcome(self, tenant: str = TENANT, agent: str = AGENT) -> Outcome:
        """The next outcome on an agent's queue."""
        return Outcome.decode((await self.outcome_delivery(tenant, agent)).body)

    async def outcome_delivery(self, tenant: str = TENANT, agent: str = AGENT) -> Delivery:
        """The next message on an agent's queue, acked."""
        inbox = self._inboxes[wire.agent_queue(tenant, agent)]
        async with asyncio.timeout(WAIT):
            delivery = await inbox.get()
        await delivery.ack()
        return delivery

    def untold(self, tenant: str = TENANT, agent: str = AGENT) -> bool:
        """Whether nothing more has come for an agent so far."""
        return self._inboxes[wire.agent_queue(tenant, agent)].empty()

    async def parked(self) -> Delivery:
        """The next parked command."""
        async with asyncio.timeout(WAIT):
            if "dead" not in self._inboxes:
                name = dead_queue(SENDER_QUEUE)
                subscription: Any = await self.bus.subscribe(name, prefetch=100)
                self._inboxes["dead"] = subscription.deliveries
            delivery = await self._inboxes["dead"].get()
        await delivery.ack()
        return delivery

    async def private_queue(self) -> tuple[str, asyncio.Queue[Delivery]]:
        """A queue of one's own for replies."""
        name = f"reply.{uuid.uuid4().hex}"
        await self.bus.declare(Topology((), (Queue(name, {"x-queue-type": "quorum"}),)))
        subscription: Any = await self.bus.subscribe(name, prefetch=10)
        return name, subscription.deliveries

    def settings(self, **changes: Any) -> SenderSettings:
        """The sender's settings in this world."""
        values: dict[str, Any] = {
            "rabbitmq_url": self.url,
            "mongodb_uri": self.mongo_uri,
            "mongodb_database": self.mongo_database,
            "master_key": self.master_key,
            "publish_deadline": 10.0,
            "grace_period": 60.0,
        }
        return SenderSettings(**values | changes)

    @contextlib.asynccontextmanager
    async def sender(self, **changes: Any) -> AsyncIterator[Runtime]:
        """A running sender, drained at the end. `replica` names it among others."""
        replica = changes.pop("replica", uuid.uuid4().hex)
        management = Management(self.metrics, host="127.0.0.1", port=0)
        runtime = Runtime("sender", self.metrics, management, Failpoints(), replica=replica)
        serving = asyncio.create_task(serve(self.settings(**changes), runtime))
        try:
            async with asyncio.timeout(WAIT):
                while management.problems():  # noqa: ASYNC110 - readiness is asked, not told
                    await asyncio.sleep(0.02)
            yield runtime
        finally:
            runtime.stopping.set()
            async with asyncio.timeout(WAIT):
                await serving

    def calls(self, answer: str) -> float:
        """Provider calls so far that were answered in a way."""
        value = self.metrics.registry.get_sample_value(
            "heliograph_provider_calls_total", {"provider": "acs", "answer": answer}
        )
        return value or 0.0


def command(command_id: str = "c-1", **changes: Any) -> SendCommand:
    """A good command of the agent."""
    values: dict[str, Any] = {
        "command_id": command_id,
        "tenant_id": TENANT,
        "agent_id": AGENT,
        "number": NUMBER,
        "to": PHONE,
        "body": "We open at nine.",
    }
    return SendCommand(**values | changes)


def with_user(url: str, user: str, password: str) -> str:
    """The same broker and virtual host for another user."""
    return str(URL(url).with_user(user).with_password(password))


def repeatability_ids(sim: Simulator) -> Sequence[str]:
    """The ID of every recipient of every call."""
    return [
        recipient["repeatability_request_id"]
        for call in sim.sends
        for recipient in call["recipients"]
    ]
