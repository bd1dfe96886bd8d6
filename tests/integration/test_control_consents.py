"""People read the opt-out ledger and enter a word of their own, which the audit trail tells of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from conformance.store_world import NUMBER, REMOTE, FakeClock, new_consent

from common.store.client import Database, open_database
from common.store.consents import ConsentSource
from common.store.control import Actor
from common.store.control_ports import BadCursor
from common.store.mongo_audit import MongoAudit
from common.store.mongo_consent_views import MongoConsents
from common.store.mongo_consents import MongoConsentLedger
from common.store.records import Consent, conversation_id
from common.store.schema import ensure_schema

ADA = Actor(kind="key", id="k", name="Ada", role="approver")
PERSON: dict[str, Any] = {"source": ConsentSource.PERSON, "who": "Ada"}


class World:
    """One database with what the services write and what people read."""

    def __init__(self, database: Database):
        self.clock = FakeClock()
        self.ledger = MongoConsentLedger(database, clock=self.clock)
        self.consents = MongoConsents(database, clock=self.clock)
        self.audit = MongoAudit(database, clock=self.clock)


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 30)
    await ensure_schema(database)
    yield World(database)
    database.close()


async def test_a_list_is_complete_over_its_pages_newest_word_first(world: World) -> None:
    remotes = [f"+1555020{n:04}" for n in range(5)]
    await world.ledger.note(
        [new_consent(f"{n}", remote=remote, at=n // 2) for n, remote in enumerate(remotes)]
    )
    await world.ledger.note([new_consent("x", tenant_id="other")])
    seen: list[Consent] = []
    cursor = None
    while True:
        page = await world.consents.list("acme", limit=2, cursor=cursor)
        seen += page.items
        cursor = page.next
        if cursor is None:
            break
    assert {item.remote for item in seen} == set(remotes)
    assert len(seen) == len(remotes)
    assert [item.at for item in seen] == sorted((item.at for item in seen), reverse=True)
    with pytest.raises(BadCursor):
        await world.consents.list("acme", limit=2, cursor="nonsense")


async def test_a_list_shows_what_is_asked_for(world: World) -> None:
    doubtful = {"source": ConsentSource.WORDING, "in_doubt": True}
    await world.ledger.note(
        [
            new_consent("a", remote="+15550200011"),
            new_consent("b", remote="+15550200012", opted_out=False),
            new_consent("c", remote="+15550200013", **doubtful),
            new_consent("d", remote="+15550200011", number="+15550100009", opted_out=False),
        ]
    )

    async def shown(**wanted: Any) -> set[str]:
        page = await world.consents.list("acme", limit=10, **wanted)
        return {item.remote[-2:] for item in page.items}

    assert await shown(opted_out=True) == {"11", "13"}
    assert await shown(in_doubt=True) == {"13"}
    assert await shown(in_doubt=False, opted_out=True) == {"11"}
    assert await shown(number=NUMBER) == {"11", "12", "13"}
    assert await shown(remote="+15550200011") == {"11"}
    assert await shown(number=NUMBER, remote="+15550200014") == set()


async def test_a_history_has_every_entry_newest_first_also_those_that_changed_nothing(
    world: World,
) -> None:
    entries = [new_consent(f"{n}", at=n, opted_out=n != 1) for n in range(3)]
    for entry in entries:
        world.clock.advance(1)
        await world.ledger.note([entry, entry])
    first = await world.consents.history("acme", NUMBER, REMOTE, limit=2)
    rest = await world.consents.history("acme", NUMBER, REMOTE, limit=2, cursor=first.next)
    assert [it.entry for it in (*first.items, *rest.items)] == entries[::-1]
    assert rest.next is None
    assert first.items[0].recorded_at == world.clock.instant
    assert (await world.consents.history("other", NUMBER, REMOTE, limit=2)).items == ()


async def test_a_persons_word_stands_with_its_audit_entry(world: World) -> None:
    (doubtful,) = await world.ledger.note(
        [new_consent("a", at=1, source=ConsentSource.WORDING, in_doubt=True)]
    )
    entry = new_consent(None, at=2, opted_out=False, rule="undo", note="meant the bus", **PERSON)
    undone = await world.consents.enter(entry, action="consent.undone", by=ADA)
    assert (undone.opted_out, undone.in_doubt, undone.cause) == (False, False, entry.id)
    assert undone.opted_out_at == doubtful.opted_out_at
    assert await world.consents.get("acme", NUMBER, REMOTE) == undone
    (noted,) = (await world.audit.list("acme", limit=5)).items
    assert (noted.action, noted.actor, noted.note) == ("consent.undone", ADA, "meant the bus")
    assert noted.target == conversation_id("acme", NUMBER, REMOTE)
    assert noted.before == {"opted_out": True, "in_doubt": True}
    assert noted.after == {"opted_out": False, "in_doubt": False}


async def test_a_first_word_can_be_a_persons(world: World) -> None:
    entry = new_consent(None, at=2, rule="enter", **PERSON)
    assert (await world.consents.enter(entry, action="consent.opted_out", by=ADA)).opted_out
    assert await world.consents.get("other", NUMBER, REMOTE) is None
