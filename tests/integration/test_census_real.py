"""The census on the real servers: what it counts, and how little MongoDB reads for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest

from common.bus.client import Bus
from common.bus.depths import Depths
from common.bus.messages import BusUnavailable, Outgoing
from common.bus.topology import PROCESSOR_QUEUE, SERVICES, agent_topology
from common.metrics import Metrics
from common.store import schema
from common.store.client import Database, open_database
from common.store.mongo_census import Counted, MongoCensus
from health.census import Census
from heliograph import wire

NOW = datetime.now(UTC)


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
def behind(
    mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str
) -> pymongo.database.Database[dict[str, Any]]:
    return mongo_client[mongo_database]


def fill(behind: pymongo.database.Database[dict[str, Any]]) -> None:
    """Of two tenants: 3 held, 2 uncertain, 1 report missing, among many others."""
    marks: list[dict[str, Any]] = [{"state": "held"}] * 3 + [{"status": "uncertain"}] * 2
    marks += [{"report_missing_at": NOW}] + [{"state": "done", "status": "sent"}] * 500
    behind[schema.MESSAGES].insert_many(
        {"_id": f"m{n}", "tenant_id": ("acme", "zen")[n % 2], "direction": "OUTBOUND"} | mark
        for n, mark in enumerate(marks)
    )
    statuses = ("active", "active", "error", "disconnected")
    behind[schema.CONNECTIONS].insert_many(
        {"_id": f"t{n}/c", "tenant_id": f"t{n}", "provider": ("acs", "twilio")[n % 2], "status": it}
        for n, it in enumerate(statuses * 10)
    )
    behind[schema.AGENTS].insert_many(
        {"_id": f"{it}/desk", "tenant_id": it, "agent_id": "desk", "bus_user": it}
        for it in ("acme", "zen")
    )


async def test_all_tenants_are_counted_in_indexes_alone(
    database: Database, behind: pymongo.database.Database[dict[str, Any]]
) -> None:
    fill(behind)
    census = MongoCensus(database)
    behind.command("profile", 2)
    counted, agents = await census.count(), await census.agents()
    behind.command("profile", 0)
    assert counted == Counted(
        held=3,
        uncertain=2,
        missing=1,
        connections={
            ("acs", "active"): 10,
            ("twilio", "active"): 10,
            ("acs", "error"): 10,
            ("twilio", "disconnected"): 10,
        },
    )
    assert sorted(agents) == [("acme", "desk"), ("zen", "desk")]
    seen = list(behind["system.profile"].find({"op": {"$in": ["command", "query", "count"]}}))
    seen = [it for it in seen if it.get("planSummary")]
    assert len(seen) == 5
    for operation in seen:
        assert operation["docsExamined"] == 0, operation["planSummary"]
        assert operation["keysExamined"] <= 50, operation["planSummary"]


async def test_the_dead_letters_of_all_agents_are_counted_together(
    vhost_url: str, database: Database, behind: pymongo.database.Database[dict[str, Any]]
) -> None:
    fill(behind)
    bus = Bus(vhost_url, app="test", topology=SERVICES, publish_deadline=20)
    bus.start()
    await bus.ready()
    await bus.declare(agent_topology("acme", "desk"))  # That of zen was lost.
    for number, queue in enumerate((PROCESSOR_QUEUE, *[wire.agent_queue("acme", "desk")] * 2)):
        dead = Outgoing(
            exchange=wire.DEAD_EXCHANGE, key=queue, body=b"{}", type="t", message_id=f"d{number}"
        )
        await bus.publish(dead)
    metrics = Metrics()
    depths = Depths(vhost_url, app="census")
    census = Census(MongoCensus(database), depths, metrics, providers=("acs",), interval=60)
    await census.look()
    sample = metrics.registry.get_sample_value
    found = {
        queue: sample("heliograph_dead_letter_messages", {"queue": queue})
        for queue in (PROCESSOR_QUEUE, "sender.commands", "agents")
    }
    assert found == {PROCESSOR_QUEUE: 1, "sender.commands": 0, "agents": 2}
    assert sample("heliograph_held_texts") == 3
    other = {"provider": "other", "status": "active"}
    assert sample("heliograph_connections", other) == 10
    await bus.close()


async def test_a_broker_that_is_away_is_told_as_such() -> None:
    with pytest.raises(BusUnavailable):
        await Depths("amqp://127.0.0.1:1/", app="census").of(["dead.processor.inbound"])
