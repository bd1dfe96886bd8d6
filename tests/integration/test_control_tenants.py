"""Tenants are made, read and changed, each change with its line in the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from common.secrets import MasterKeys, WrappedKey, generate_master_key
from common.store.client import Database, open_database
from common.store.control import Actor
from common.store.control_ports import BadCursor, NotFound, Stale, Taken
from common.store.mongo_audit import MongoAudit
from common.store.mongo_connections import MongoConnections
from common.store.mongo_control_tenants import MongoTenants
from common.store.schema import AUDIT, TENANTS, ensure_schema
from health.access.roles import Principal, Role
from health.desk.tenants import FEATURES, TenantDesk
from health.web.problems import Problem, ProblemCode

OPERATOR = Principal(kind="key", id="k1", name="Olga", role=Role.OPERATOR, tenant_id=None)
ADMIN = Principal(kind="key", id="k2", name="Ada", role=Role.ADMIN, tenant_id="acme")
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Office:
    """A desk on a real database."""

    database: Database
    desk: TenantDesk
    tenants: MongoTenants
    audit: MongoAudit
    keys: MasterKeys

    async def trail(self, tenant_id: str | None = None) -> list[tuple[str, str]]:
        """Action and actor of each entry, oldest first."""
        page = await self.audit.list(tenant_id, limit=100)
        return [(entry.action, entry.actor.name) for entry in reversed(page.items)]


@pytest.fixture
async def office(mongo_uri: str, mongo_database: str) -> AsyncIterator[Office]:
    database = open_database(mongo_uri, mongo_database, 20)
    await ensure_schema(database)
    keys = MasterKeys.parse(generate_master_key())
    tenants = MongoTenants(database, clock=lambda: NOW)
    yield Office(database, TenantDesk(tenants, keys), tenants, MongoAudit(database), keys)
    database.close()


async def test_a_new_tenant_has_a_data_key_that_the_master_key_opens(office: Office) -> None:
    made = await office.desk.create("acme", name="Acme", features=(FEATURES[0],), by=OPERATOR)
    assert (made.id, made.name, made.features) == ("acme", "Acme", (FEATURES[0],))
    assert (made.version, made.created_at, made.opt_out_accepted_at) == (1, NOW, None)
    assert await office.desk.get("acme") == made
    wrapped = await office.tenants.wrapped_key("acme")
    assert wrapped is not None
    opened = office.keys.unwrap("acme", WrappedKey.from_document(wrapped))
    assert opened.tenant_id == "acme"


async def test_an_id_is_given_once_even_by_two_at_the_same_time(office: Office) -> None:
    results = await asyncio.gather(
        *(office.desk.create("acme", name=name, features=(), by=OPERATOR) for name in "ABC"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Taken", "Taken", "TenantRecord"]
    assert await office.trail() == [("tenant.created", "Olga")]
    key = await office.tenants.wrapped_key("acme")
    with pytest.raises(Taken):
        await office.desk.create("acme", name="Again", features=(), by=OPERATOR)
    assert await office.tenants.wrapped_key("acme") == key


async def test_a_feature_that_there_is_not_is_refused_and_nothing_is_written(
    office: Office,
) -> None:
    with pytest.raises(Problem) as refused:
        await office.desk.create("acme", name="A", features=("custom.carrier_pigeon",), by=OPERATOR)
    assert refused.value.code is ProblemCode.INVALID
    assert "features" in refused.value.fields
    assert FEATURES[0] in refused.value.remedy
    with pytest.raises(NotFound):
        await office.desk.get("acme")


async def test_an_update_changes_what_is_given_and_says_so_once(office: Office) -> None:
    made = await office.desk.create("acme", name="Acme", features=(), by=OPERATOR)
    wanted = (FEATURES[2], FEATURES[0], FEATURES[0])
    changed = await office.desk.update("acme", features=wanted, version=1, by=OPERATOR)
    assert (changed.name, changed.features) == ("Acme", (FEATURES[0], FEATURES[2]))
    assert changed.version == made.version + 1
    same = await office.desk.update("acme", name="Acme", version=2, by=OPERATOR)
    assert same == changed
    page = await office.audit.list("acme", limit=10)
    newest, _ = page.items
    assert newest.action == "tenant.updated"
    assert newest.before == {"features": []}
    assert newest.after == {"features": [FEATURES[0], FEATURES[2]]}


async def test_of_two_updates_of_one_version_one_is_stale(office: Office) -> None:
    await office.desk.create("acme", name="Acme", features=(), by=OPERATOR)
    results = await asyncio.gather(
        *(office.desk.update("acme", name=name, version=1, by=OPERATOR) for name in "AB"),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Stale", "TenantRecord"]
    assert len(await office.trail("acme")) == 2
    with pytest.raises(Stale):
        await office.desk.update("acme", name="C", version=1, by=OPERATOR)
    whatever = await office.desk.update("acme", name="C", version=None, by=OPERATOR)
    assert (whatever.name, whatever.version) == ("C", 3)


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.desk.get("nobody")
    with pytest.raises(NotFound):
        await office.desk.update("nobody", name="N", version=None, by=OPERATOR)
    with pytest.raises(NotFound):
        await office.desk.accept_opt_out("nobody", by=OPERATOR)
    assert await office.tenants.wrapped_key("nobody") is None
    assert await office.trail() == []


async def test_the_first_acceptance_of_the_opt_out_rules_stays(office: Office) -> None:
    await office.desk.create("acme", name="Acme", features=(), by=OPERATOR)
    first = await office.desk.accept_opt_out("acme", by=ADMIN)
    assert (first.opt_out_accepted_at, first.opt_out_accepted_by) == (NOW, "Ada")
    later = MongoTenants(office.database)
    assert await later.accept_opt_out("acme", by=OPERATOR.actor) == first
    assert await office.trail("acme") == [
        ("tenant.created", "Olga"),
        ("tenant.opt_out_accepted", "Ada"),
    ]


async def test_a_list_goes_through_its_pages_by_id(office: Office) -> None:
    for tenant_id in ("c", "a", "e", "b", "d"):
        await office.desk.create(tenant_id, name=tenant_id, features=(), by=OPERATOR)
    seen, cursor = [], None
    for _ in range(3):
        page = await office.desk.list(limit=2, cursor=cursor)
        seen.append([tenant.id for tenant in page.items])
        cursor = page.next
    assert seen == [["a", "b"], ["c", "d"], ["e"]]
    assert cursor is None
    with pytest.raises(BadCursor):
        await office.desk.list(limit=2, cursor="rubbish")


async def test_a_tenant_of_the_seed_is_read_and_changed_like_any_other(office: Office) -> None:
    seeded = MongoConnections(office.database)
    await seeded.put_tenant("acme", name="Acme", wrapped_key={"blob": "b"})
    tenant = await office.desk.get("acme")
    assert (tenant.version, tenant.features) == (1, ())
    changed = await office.desk.update("acme", name="A", version=1, by=OPERATOR)
    assert (changed.version, changed.name) == (2, "A")


async def test_without_its_line_in_the_trail_nothing_is_written(office: Office) -> None:
    await office.database.collection(AUDIT).insert_one({"_id": "first"})
    nameless = Actor(kind="key", id="k", name=object(), role="operator")  # type: ignore[arg-type]  # BSON cannot hold it
    with pytest.raises(Exception, match="cannot encode"):
        await office.tenants.create("acme", name="A", features=(), wrapped_key={}, by=nameless)
    assert await office.database.collection(TENANTS).count_documents({}) == 0
