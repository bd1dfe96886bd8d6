"""The store in MongoDB keeps the promises of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from conformance.store_suite import FakeClock, Stores, StoreSuite
from conformance.store_world import Decide, new_text

from common.store.client import open_database
from common.store.control import SYSTEM, NewBody
from common.store.control_ports import AlreadyDecided, NotFound
from common.store.directory import MongoDirectory
from common.store.mongo_connections import MongoConnections, MongoLeases
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_executions import MongoExecutions
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.records import ApprovalDecision
from common.store.schema import CONSENTS, ensure_schema
from heliograph.models import Keyword


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
        )
        database.close()


async def test_a_consent_names_its_remote_however_it_is_written(
    mongo_uri: str, mongo_database: str
) -> None:
    database = open_database(mongo_uri, mongo_database, 20)
    inbound = MongoInbound(database)
    text = new_text(remote="$remote", keyword=Keyword.OPT_OUT)
    await inbound.note_consent(await inbound.record([text], owner="one", lease=1))
    consent = await database.collection(CONSENTS).find_one({})
    assert consent == {
        "_id": text.conversation_id,
        "tenant_id": "acme",
        "number": text.number,
        "remote": "$remote",
        "opted_out": True,
        "at": text.at,
        "message_id": text.id,
    }
    database.close()
