"""An opt-out through a running processor, on the real RabbitMQ and MongoDB."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conformance.store_world import new_outbound, outcome_of

from common.bus.client import Bus
from common.bus.messages import Delivery, Outgoing
from common.bus.topology import (
    INBOUND_EXCHANGE,
    SENDER_QUEUE,
    SERVICES,
    agent_topology,
    received_key,
    report_key,
)
from common.events import SmsReceived, SmsReport, TextDecided
from common.failpoints import Failpoints
from common.lifecycle import Runtime
from common.management import Management
from common.metrics import Metrics
from common.sending_rules import Answers, SendingRules, rules_document
from common.store.client import Database, open_database
from common.store.mongo_connections import MongoConnections
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_outbound import MongoOutbound
from common.store.records import SendState
from common.store.schema import CONSENT_LEDGER, MESSAGES, NUMBERS, TENANTS, ensure_schema
from heliograph import wire
from heliograph.models import OutcomeStatus, Report, ReportStatus, Turn, Wire
from processor.app import serve
from processor.settings import ProcessorSettings

TENANT, AGENT, CONNECTION = "acme", "support", "line"
NUMBER, OTHER_NUMBER, PHONE = "+14165550100", "+14165550101", "+15551230001"
WAIT = 30.0


@dataclass
class World:
    """A running processor, what tells it of texts, and who hears of them."""

    url: str
    mongo_uri: str
    mongo_database: str
    database: Database
    bus: Bus
    turns: asyncio.Queue[Delivery] = field(init=False)
    nudges: asyncio.Queue[Delivery] = field(init=False)
    said: int = 0

    async def prepare(self) -> None:
        await ensure_schema(self.database)
        connections = MongoConnections(self.database)
        await connections.put_tenant(TENANT, name="Acme", wrapped_key={})
        await connections.put_agent(TENANT, AGENT, name="Support", bus_user="support")
        await connections.put_connection(TENANT, CONNECTION, name="Line", provider="acs", sealed={})
        for address in (NUMBER, OTHER_NUMBER):
            await connections.put_number(
                TENANT, CONNECTION, address=address, region="CA", agent_id=AGENT
            )
        rules = SendingRules(answers=Answers.US)
        await self.database.collection(NUMBERS).update_many(
            {"tenant_id": TENANT}, {"$set": {"rules": rules_document(rules)}}
        )
        self.bus.start()
        await self.bus.ready()
        await self.bus.declare(agent_topology(TENANT, AGENT))
        agent: Any = await self.bus.subscribe(wire.agent_queue(TENANT, AGENT), prefetch=100)
        sender: Any = await self.bus.subscribe(SENDER_QUEUE, prefetch=100)
        self.turns, self.nudges = agent.deliveries, sender.deliveries

    async def tell(self, event: Wire, key: str) -> None:
        await self.bus.publish(
            Outgoing.of(event, exchange=INBOUND_EXCHANGE, key=key, message_id="event")
        )

    async def say(self, body: str, *, name: str | None = None, number: str = NUMBER) -> Turn:
        """A text of the remote, and the turn that comes of it."""
        self.said += 1
        at = datetime.now(UTC) + timedelta(seconds=self.said)
        event = SmsReceived(
            provider="acs",
            tenant_id=TENANT,
            connection_id=CONNECTION,
            provider_message_id=name or f"in-{self.said}",
            number=number,
            remote=PHONE,
            body=body,
            segments=1,
            at=at,
            accepted_at=at,
        )
        await self.tell(event, received_key("acs"))
        return Turn.decode(await self._next(self.turns))

    async def reported(self) -> Report:
        """The next report that the agent gets."""
        return Report.decode(await self._next(self.turns))

    async def nudged(self) -> str:
        """The next text that the sender is told to look at."""
        return TextDecided.decode(await self._next(self.nudges)).message_id

    async def _next(self, inbox: asyncio.Queue[Delivery]) -> bytes:
        async with asyncio.timeout(WAIT):
            delivery = await inbox.get()
        await delivery.ack()
        return delivery.body

    async def put(self, command: str, status: OutcomeStatus | None) -> str:
        """A text with its outcome, or one that waits. Returns its ID."""
        outbound = MongoOutbound(self.database)
        text = new_outbound(command, number=NUMBER, remote=PHONE)
        await outbound.claim([text], owner="test", lease=5)
        if status is None:
            await outbound.wait(TENANT, text.id, owner="test", ambiguous=False)
        else:
            outcome = outcome_of(text, status)
            await outbound.finish(TENANT, text.id, owner="test", outcome=outcome)
        return text.id

    async def texts(self, **wanted: Any) -> list[dict[str, Any]]:
        found = self.database.collection(MESSAGES).find({"direction": "OUTBOUND"} | wanted)
        return await found.to_list(None)

    async def entries(self) -> int:
        return await self.database.collection(CONSENT_LEDGER).count_documents({})

    @contextlib.asynccontextmanager
    async def processor(self) -> AsyncIterator[None]:
        """A running processor, drained at the end."""
        metrics = Metrics()
        management = Management(metrics, host="127.0.0.1", port=0)
        runtime = Runtime("processor", metrics, management, Failpoints(), replica="one")
        settings = ProcessorSettings.model_validate(
            {
                "rabbitmq_url": self.url,
                "mongodb_uri": self.mongo_uri,
                "mongodb_database": self.mongo_database,
            }
        )
        serving = asyncio.create_task(serve(settings, runtime))
        try:
            yield
        finally:
            runtime.stopping.set()
            async with asyncio.timeout(WAIT):
                await serving


@pytest.fixture
async def world(vhost_url: str, mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    made = World(
        url=vhost_url,
        mongo_uri=mongo_uri,
        mongo_database=mongo_database,
        database=open_database(mongo_uri, mongo_database, 20),
        bus=Bus(vhost_url, app="test", topology=SERVICES, publish_deadline=10),
    )
    await made.prepare()
    async with made.processor():
        yield made
    await made.bus.close()
    made.database.close()


async def test_a_stop_cancels_what_is_kept_back_and_is_confirmed_once(world: World) -> None:
    held, waits = await world.put("held", OutcomeStatus.HELD), await world.put("waits", None)
    turn = await world.say("STOP", name="stop")
    assert turn.can_send is False
    assert {await world.nudged(), await world.nudged()} == {held, waits}
    cancelled = await world.texts(**{"approval.decision": "cancelled"})
    assert {text["_id"] for text in cancelled} == {held, waits}
    assert {text["state"] for text in cancelled} == {SendState.RELEASED}
    (notice,) = await world.texts(notice="opt_out")
    assert await world.nudged() == notice["_id"]
    taken = await MongoOutbound(world.database).take_decided(
        TENANT, notice["_id"], owner="test", lease=5
    )
    assert taken is not None
    assert (taken.text.body, taken.text.in_reply_to) == (notice["body"], turn.turn_id)

    assert (await world.say("Unsubscribe!")).can_send is False
    assert (await world.say("Who is this?")).can_send is False
    assert len(await world.texts()) == 3
    assert await world.entries() == 2

    # The first one again, as a provider repeats it: its turn was handed over, so nothing happens.
    before = await world.texts()
    await world.tell(_again(turn), received_key("acs"))
    assert (await world.say("Hello?")).can_send is False
    assert (await world.texts(), await world.entries()) == (before, 2)


async def test_free_wording_blocks_every_number_of_a_tenant_that_wants_it_so(world: World) -> None:
    await world.database.collection(TENANTS).update_one(
        {"_id": TENANT}, {"$set": {"opt_out_scope": "tenant"}}
    )
    assert (await world.say("please stop texting me")).keyword is not None
    (consent,) = await MongoConsentLedger(world.database).of_remote(TENANT, PHONE)
    assert (consent.opted_out, consent.in_doubt) == (True, True)
    assert (await world.say("Hello?", number=OTHER_NUMBER)).can_send is False


async def test_a_report_that_says_opted_out_is_an_entry_and_cancels(world: World) -> None:
    sent = await world.put("sent", OutcomeStatus.SENT)
    held = await world.put("held", OutcomeStatus.HELD)
    now = datetime.now(UTC)
    report = SmsReport(
        provider="acs",
        tenant_id=TENANT,
        connection_id=CONNECTION,
        provider_message_id="out-1",
        reference=sent,
        number=NUMBER,
        remote=PHONE,
        status=ReportStatus.REJECTED,
        code="4007",
        details="Sender blocked for given recipient.",
        at=now,
        accepted_at=now,
    )
    await world.tell(report, report_key("acs"))
    assert await world.nudged() == held
    assert (await world.reported()).message_id == sent
    assert (await world.say("Hello?")).can_send is False
    assert await world.entries() == 1


def _again(turn: Turn) -> SmsReceived:
    return SmsReceived(
        provider="acs",
        tenant_id=TENANT,
        connection_id=CONNECTION,
        provider_message_id="stop",
        number=NUMBER,
        remote=PHONE,
        body=turn.message.body,
        segments=1,
        at=turn.message.at,
        accepted_at=turn.message.at,
    )
