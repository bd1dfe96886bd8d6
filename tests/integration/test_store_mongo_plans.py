"""Which indexes the queries use, and how little they read, as MongoDB's own profiler tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pymongo
import pytest
from conformance.store_world import (
    LEASE,
    new_consent,
    new_outbound,
    new_report,
    new_text,
    outcome_of,
)

from common.store import schema
from common.store.client import Database, open_database
from common.store.directory import MongoDirectory
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_inbound import MongoInbound, histories_pipeline
from common.store.mongo_outbound import MongoOutbound
from common.store.records import Inbound, NewInbound

LONG = 5_000
LIMIT = 10

Behind = pymongo.database.Database[dict[str, Any]]


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    yield database
    database.close()


@pytest.fixture
def behind(mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str) -> Behind:
    return mongo_client[mongo_database]


async def record(database: Database, texts: list[NewInbound]) -> list[Inbound]:
    return list(await MongoInbound(database).record(texts, owner="one", lease=LEASE))


def explain(behind: Behind, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    """The execution statistics of the pipeline's `$lookup`."""
    command = {"aggregate": schema.MESSAGES, "pipeline": pipeline, "cursor": {}}
    plan = behind.command("explain", command, verbosity="executionStats")
    return next(stage for stage in plan["stages"] if "$lookup" in stage)


async def test_a_history_costs_the_same_however_long_its_conversation(
    database: Database, behind: Behind
) -> None:
    await record(database, [new_text(str(n), at=n) for n in range(LONG)])
    (last,) = await record(database, [new_text("last", at=LONG)])
    stage = explain(behind, histories_pipeline([last.id], ["acme"], LIMIT))
    assert stage["indexesUsed"] == [schema.CONVERSATION_INDEX]
    assert stage["collectionScans"] == 0
    assert stage["totalDocsExamined"] <= 2 * LIMIT
    assert stage["totalKeysExamined"] <= 2 * LIMIT
    histories = await MongoInbound(database).histories([last], limit=LIMIT)
    assert [past.body for past in histories[last.id]] == [
        f"text {n}" for n in range(LONG - LIMIT, LONG)
    ]


async def test_a_text_recorded_long_ago_reads_no_later_documents(
    database: Database, behind: Behind
) -> None:
    early = await record(database, [new_text(f"e{n}", at=n) for n in range(20)])
    await record(database, [new_text(str(n), at=100 + n) for n in range(1_000)])
    stage = explain(behind, histories_pipeline([early[-1].id], ["acme"], LIMIT))
    assert stage["totalDocsExamined"] <= 2 * LIMIT


@pytest.fixture
def plans(behind: Behind) -> Callable[[str], list[dict[str, Any]]]:
    """Start the profiler; calling the result tells what it saw on a collection."""
    behind.command("profile", 2)

    def seen(collection: str) -> list[dict[str, Any]]:
        behind.command("profile", 0)
        name = f"{behind.name}.{collection}"
        return list(behind["system.profile"].find({"ns": name, "op": {"$ne": "insert"}}))

    return seen


async def test_no_query_of_the_hot_paths_scans_the_texts(
    database: Database, behind: Behind, plans: Callable[[str], list[dict[str, Any]]]
) -> None:
    inbound, outbound = MongoInbound(database), MongoOutbound(database)
    texts = [new_text(str(n)) for n in range(5)]
    recorded = await record(database, texts)
    await record(database, texts)
    await inbound.histories(recorded, limit=LIMIT)
    await inbound.mark_handed_over([text.id for text in recorded], tenant_ids=frozenset({"acme"}))
    await record(database, texts)
    crowd = [new_outbound("campaign", index) for index in range(50)]
    await outbound.claim(crowd, owner="one", lease=LEASE)  # Among one text all plans are alike.
    answer = new_outbound(in_reply_to=recorded[0].id)
    await outbound.claim([answer], owner="one", lease=LEASE)
    await outbound.begin("acme", answer.id, owner="one", lease=LEASE)
    await outbound.finish("acme", answer.id, owner="one", outcome=outcome_of(answer))
    for reference in (answer.id, None):
        applied = await inbound.apply_reports([new_report(answer, reference=reference)])
        assert applied[0].message_id == answer.id
        await inbound.mark_told(applied)
    assert len(await MongoExecutions(database).latest("acme", limit=3)) == 3
    seen = plans(schema.MESSAGES)
    assert len(seen) >= 12
    for operation in seen:
        assert operation["planSummary"].startswith(("IXSCAN", "IDHACK")), operation["planSummary"]
    used = {operation["planSummary"] for operation in seen}
    for key in ("provider_message_id: 1", "in_reply_to: 1", "tenant_id: 1, direction: 1, seq: -1"):
        assert any(key in summary for summary in used), key


async def test_what_an_opt_out_cancels_is_found_among_the_open_texts_of_its_remote(
    database: Database, plans: Callable[[str], list[dict[str, Any]]]
) -> None:
    outbound, ledger = MongoOutbound(database), MongoConsentLedger(database)
    crowd = [new_outbound("c", n, remote=f"+1555020{n:04}") for n in range(50)]
    await outbound.claim(crowd, owner="one", lease=LEASE)
    entries = [new_consent(remote=f"+1555020{n:04}") for n in range(2)]
    await ledger.note(entries)
    await ledger.cancel(entries)
    await ledger.of_remotes([("acme", f"+1555020{n:04}") for n in range(2)])
    texts = [it for it in plans(schema.MESSAGES) if "open" in it["command"].get("filter", {})]
    assert len(texts) == len(entries)
    for operation in texts:
        assert "tenant_id: 1, remote: 1" in operation["planSummary"]
        assert operation["docsExamined"] <= 1
    for operation in plans(schema.CONSENTS):
        assert operation["planSummary"].startswith(("IXSCAN", "IDHACK")), operation["planSummary"]


async def test_a_number_is_found_by_its_index(
    database: Database, plans: Callable[[str], list[dict[str, Any]]]
) -> None:
    await MongoDirectory(database).find_number("+15550100001")
    (operation,) = plans(schema.NUMBERS)
    assert operation["planSummary"] == "IXSCAN { address: 1 }"


async def test_an_inbound_text_touches_three_indexes(database: Database, behind: Behind) -> None:
    """Those of earlier releases go, and partial ones are for other texts."""
    behind.drop_collection(schema.MESSAGES)
    behind[schema.MESSAGES].create_index(
        [("conversation_id", 1), ("at", -1), ("seq", -1)],
        name="history",
        partialFilterExpression={"in_history": True},
    )
    behind[schema.MESSAGES].create_index(
        [("tenant_id", 1), ("seq", -1)],
        name="latest_inbound",
        partialFilterExpression={"direction": "INBOUND"},
    )
    await schema.ensure_schema(database)
    await record(database, [new_text()])
    entries = {
        name: behind[schema.MESSAGES].aggregate(
            [{"$match": index.get("partialFilterExpression", {})}, {"$count": "n"}]
        )
        for name, index in behind[schema.MESSAGES].index_information().items()
    }
    touched = {name for name, found in entries.items() if list(found)}
    assert touched == {"_id_", schema.CONVERSATION_INDEX, schema.TENANT_INDEX}


async def test_a_batch_is_recorded_in_two_writes(database: Database, behind: Behind) -> None:
    behind.command("profile", 2)
    await record(database, [new_text(str(n)) for n in range(200)])
    behind.command("profile", 0)
    seen = [
        (item["ns"].removeprefix(f"{behind.name}."), item["op"], item.get("ninserted"))
        for item in behind["system.profile"].find({"op": {"$in": ["insert", "command", "query"]}})
        if not item["ns"].endswith("system.profile") and "profile" not in item["command"]
    ]
    assert seen == [("counters", "command", None), ("messages", "insert", 200)]
