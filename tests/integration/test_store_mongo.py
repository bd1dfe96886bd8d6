"""The store in MongoDB keeps the promises of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from conformance.store_suite import FakeClock, Stores, StoreSuite
from conformance.store_world import START, Decide, SetFailover, SetScope, new_consent

from common.sending_rules import OptOutScope
from common.store.circuit_documents import failover_keys
from common.store.client import Database, open_database
from common.store.control import SYSTEM, NewBody
from common.store.control_ports import AlreadyDecided, NotFound
from common.store.directory import MongoDirectory
from common.store.mongo_circuits import MongoCircuits
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_conversation_holds import MongoConversationFacts
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_limits import MongoLimits
from common.store.mongo_outbound import MongoOutbound
from common.store.records import ApprovalDecision
from common.store.schema import CONSENT_LEDGER, CONSENTS, NUMBERS, TENANTS, ensure_schema


def decider(approvals: MongoApprovals) -> Decide:
    async def decide(
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
    ) -> bool:
        try:
            await approvals.decide(
                tenant_id, message_id, decision, body=body, reason=reason, by=SYSTEM
            )
        except (AlreadyDecided, NotFound):
            return False
        return True

    return decide


def scope_setter(database: Database) -> SetScope:
    async def set_scope(tenant_id: str, scope: OptOutScope) -> None:
        await database.collection(TENANTS).update_one(
            {"_id": tenant_id}, {"$set": {"opt_out_scope": scope.value}}, upsert=True
        )

    return set_scope


def failover_setter(database: Database) -> SetFailover:
    async def set_failover(tenant_id: str, address: str, connection_ids: Sequence[str]) -> None:
        await database.collection(NUMBERS).update_one(
            {"_id": f"{tenant_id}/{address}"},
            {"$set": {"failover": failover_keys(tenant_id, connection_ids)}},
        )

    return set_failover


class TestMongoStore(StoreSuite):
    @pytest.fixture
    async def stores(self, mongo_uri: str, mongo_database: str) -> AsyncIterator[Stores]:
        database = open_database(mongo_uri, mongo_database, 20)
        await ensure_schema(database)
        clock = FakeClock()
        yield Stores(
            clock=clock,
            directory=MongoDirectory(database),
            inbound=MongoInbound(database, clock=clock),
            outbound=MongoOutbound(database, clock=clock),
            executions=MongoExecutions(database),
            connections=MongoConnections(database, clock=clock),
            leases=MongoLeases(database, clock=clock),
            decide=decider(MongoApprovals(database, clock=clock)),
            consents=MongoConsentLedger(database, clock=clock),
            conversations=MongoConversationFacts(database, clock=clock),
            scope=scope_setter(database),
            limits=MongoLimits(database, clock=clock),
            circuits=MongoCircuits(database, clock=clock),
            failover=failover_setter(database),
        )
        database.close()


async def test_an_entry_whose_standing_was_never_written_is_mended_by_noting_it_again(
    mongo_uri: str, mongo_database: str
) -> None:
    database = open_database(mongo_uri, mongo_database, 20)
    ledger, entry = MongoConsentLedger(database), new_consent(remote="$remote")
    await ledger.note([entry])
    await database.collection(CONSENTS).delete_many({})
    (consent,) = await ledger.note([entry])
    assert (consent.opted_out, consent.cause, consent.remote) == (True, entry.id, "$remote")
    assert await database.collection(CONSENT_LEDGER).count_documents({}) == 1
    database.close()


async def test_a_consent_of_an_earlier_release_is_read_and_repeated_and_taken_back(
    mongo_uri: str, mongo_database: str
) -> None:
    database = open_database(mongo_uri, mongo_database, 20)
    ledger, entry = MongoConsentLedger(database), new_consent("b", at=60)
    await database.collection(CONSENTS).insert_one(
        {
            "_id": entry.conversation_id,
            "tenant_id": entry.tenant_id,
            "number": entry.number,
            "remote": entry.remote,
            "opted_out": True,
            "at": START,
            "message_id": "a",
        }
    )
    (old,) = await ledger.of_remote(entry.tenant_id, entry.remote)
    assert (old.opted_out, old.opted_out_at, old.cause) == (True, START, None)
    (again,) = await ledger.note([entry])
    assert (again.at, again.opted_out_at, again.cause) == (entry.at, START, None)
    # The opt-out of then has been confirmed, so this one is its repetition.
    assert [word.message_id for word in again.heard] == ["a", "b"]
    (back,) = await ledger.note([new_consent("c", at=90, opted_out=False)])
    assert (back.opted_out, back.opted_out_at, back.heard) == (False, START, ())
    database.close()
