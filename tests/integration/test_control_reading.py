"""People see every text of their own tenant, once, and none of another's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    START,
    FakeClock,
    new_consent,
    new_outbound,
    new_report,
    new_text,
    outcome_of,
)

from common.store import mongo_walk, schema
from common.store.approvals import decided
from common.store.client import Database, open_database
from common.store.control import Actor, ApprovalDecision, ConversationState, Page, TextFilter
from common.store.control_ports import BadCursor
from common.store.mongo_connections import MongoConnections
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.records import NewInbound, NewOutbound, conversation_id
from heliograph.models import Direction, Keyword, OutcomeStatus

T = TypeVar("T")

OTHER_NUMBER = "+15550100009"


class World:
    """One database with what writes texts and what reads them."""

    def __init__(self, database: Database):
        self.database = database
        self.clock = FakeClock()
        self.inbound = MongoInbound(database, clock=self.clock)
        self.outbound = MongoOutbound(database, clock=self.clock)
        self.ledger = MongoConsentLedger(database, clock=self.clock)
        self.reading = MongoReading(database)
        self.messages = database.collection(schema.MESSAGES)

    async def arrive(self, *texts: NewInbound) -> None:
        await self.inbound.record(texts, owner="one", lease=LEASE)

    async def send(
        self, text: NewOutbound, status: OutcomeStatus = OutcomeStatus.SENT
    ) -> NewOutbound:
        await self.outbound.claim([text], owner="one", lease=LEASE)
        await self.outbound.begin(text.tenant_id, text.id, owner="one", lease=LEASE)
        outcome = outcome_of(text, status)
        await self.outbound.finish(text.tenant_id, text.id, owner="one", outcome=outcome)
        return text

    async def connect(self, tenant_id: str, *addresses: str) -> None:
        directory = MongoConnections(self.database)
        await directory.put_connection(tenant_id, "line", name="L", provider="acs", sealed={})
        for address in addresses:
            await directory.put_number(
                tenant_id, "line", address=address, region="US", agent_id="support"
            )


@pytest.fixture
async def world(mongo_uri: str, mongo_database: str) -> AsyncIterator[World]:
    database = open_database(mongo_uri, mongo_database, 30)
    await schema.ensure_schema(database)
    yield World(database)
    database.close()


async def every(
    page_of: Callable[[str | None], Awaitable[Page[T]]],
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> list[T]:
    """All items, page by page; between two pages something happens."""
    items: list[T] = []
    cursor: str | None = None
    while True:
        page = await page_of(cursor)
        items += page.items
        if (cursor := page.next) is None:
            return items
        if meanwhile is not None:
            await meanwhile()


def remote(place: int) -> str:
    return f"+1555030{place:04}"


async def fill(world: World, texts: int, conversations: int) -> list[NewInbound]:
    """Texts of many conversations, in turn, and as many of another tenant."""
    made = [
        new_text(
            str(n), at=n / 10, remote=remote((n if n < texts // 2 else n * n) * 37 % conversations)
        )
        for n in range(texts)
    ]
    foreign = [new_text(str(n), tenant_id="other", remote=remote(n)) for n in range(texts // 10)]
    for start in range(0, texts, 1000):
        await world.arrive(*made[start : start + 1000])
        await world.arrive(*foreign[start // 10 : start // 10 + 100])
    return made


class TestConversations:
    async def test_thousands_of_texts_make_a_list_that_is_complete_without_repeats(
        self, world: World
    ) -> None:
        texts = await fill(world, 4000, 150)
        found = await every(lambda at: world.reading.conversations("acme", limit=20, cursor=at))
        newest = {text.conversation_id: text for text in texts}
        assert [item.id for item in found] == [
            text.conversation_id
            for text in sorted(newest.values(), key=lambda t: -t.at.timestamp())
        ]
        assert [item.newest.body for item in found] == [newest[item.id].body for item in found]

    async def test_it_stays_so_while_new_texts_arrive(self, world: World) -> None:
        texts = await fill(world, 3000, 100)
        arrived = 0

        async def meanwhile() -> None:
            nonlocal arrived
            batch = [
                new_text(f"new {arrived + n}", at=1000 + arrived, remote=remote((arrived + n) * 7))
                for n in range(40)
            ]
            arrived += len(batch)
            await world.arrive(*batch)

        found = await every(
            lambda at: world.reading.conversations("acme", limit=7, cursor=at), meanwhile
        )
        ids = [item.id for item in found]
        assert arrived >= 400
        assert len(ids) == len(set(ids))
        assert set(ids) == {text.conversation_id for text in texts}

    async def test_a_page_that_looks_at_no_more_texts_still_leads_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mongo_walk, "SPAN", 100)
        await world.arrive(new_text("quiet", remote=remote(1)))
        for start in range(0, 1000, 500):
            await world.arrive(
                *(new_text(str(n), at=n, remote=remote(0)) for n in range(start, start + 500))
            )
        pages: list[int] = []

        async def page(at: str | None) -> Page[Any]:
            found = await world.reading.conversations("acme", limit=10, cursor=at)
            pages.append(len(found.items))
            return found

        assert [item.remote for item in await every(page)] == [remote(0), remote(1)]
        assert pages == [1] + [0] * 9 + [1]

    async def test_a_remote_is_found_over_all_numbers_that_the_tenant_has_or_had(
        self, world: World
    ) -> None:
        await world.connect("acme", NUMBER, OTHER_NUMBER)
        await world.database.collection(schema.NUMBERS).update_one(
            {"address": OTHER_NUMBER}, {"$set": {"connected": False}}
        )
        await fill(world, 50, 50)
        await world.arrive(new_text("a"), new_text("b", number=OTHER_NUMBER, at=1))
        reading = world.reading
        found = await every(
            lambda at: reading.conversations("acme", remote=REMOTE, limit=1, cursor=at)
        )
        assert [item.number for item in found] == [OTHER_NUMBER, NUMBER]
        one = await reading.conversations("acme", remote=REMOTE, number=NUMBER, limit=10)
        assert [item.number for item in one.items] == [NUMBER]
        assert (await reading.conversations("acme", number=OTHER_NUMBER, limit=5)).items[0].id == (
            conversation_id("acme", OTHER_NUMBER, REMOTE)
        )
        assert (await reading.conversations("other", remote=REMOTE, limit=10)).items == ()

    async def test_it_is_found_by_the_time_of_its_newest_text(self, world: World) -> None:
        texts = await fill(world, 600, 40)
        newest = {text.conversation_id: text for text in texts}
        order = sorted(newest.values(), key=lambda text: -text.at.timestamp())
        since, until = order[30].at, order[10].at
        wanted = [text.conversation_id for text in order if since <= text.at <= until]
        assert len(wanted) == 21
        found = await every(
            lambda at: world.reading.conversations(
                "acme", since=since, until=until, limit=6, cursor=at
            )
        )
        assert [item.id for item in found] == wanted
        (one,) = (
            await world.reading.conversations(
                "acme", number=NUMBER, since=since, until=since, limit=5
            )
        ).items
        assert one.newest.at == since

    async def test_a_search_for_the_rare_looks_at_a_bounded_part_and_leads_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mongo_walk, "SPAN", 100)
        await world.arrive(new_text("stop", remote=remote(1), keyword=Keyword.OPT_OUT))
        await world.ledger.note([new_consent(remote=remote(1))])
        await world.arrive(*(new_text(str(n), at=n, remote=remote(0)) for n in range(350)))
        pages: list[int] = []

        async def page(at: str | None) -> Page[Any]:
            found = await world.reading.conversations(
                "acme", state=ConversationState.OPTED_OUT, limit=10, cursor=at
            )
            pages.append(len(found.items))
            return found

        assert [item.remote for item in await every(page)] == [remote(1)]
        assert pages == [0, 0, 0, 1]

    async def test_it_tells_of_an_opt_out_and_of_what_waits(self, world: World) -> None:
        text = new_text("1", keyword=Keyword.OPT_OUT)
        await world.arrive(text)
        await world.ledger.note([new_consent()])
        for command in ("a", "b"):
            await world.send(new_outbound(command), OutcomeStatus.HELD)
        view = await world.reading.conversation("acme", text.conversation_id)
        assert view is not None
        assert (view.opted_out, view.held, view.number, view.remote) == (True, 2, NUMBER, REMOTE)
        assert await world.reading.held("acme") == 2
        assert await world.reading.held("other") == 0
        assert await world.reading.conversation("other", text.conversation_id) is None


class TestTexts:
    async def test_a_thread_shows_every_text_newest_first_while_more_arrive(
        self, world: World
    ) -> None:
        for start in (0, 1000):
            await world.arrive(*(new_text(str(n), at=n // 3) for n in range(start, start + 1000)))
        arrived = iter(range(10_000))

        async def meanwhile() -> None:
            await world.arrive(new_text(f"new {next(arrived)}", at=5000))

        key = conversation_id("acme", NUMBER, REMOTE)
        found = await every(
            lambda at: world.reading.thread("acme", key, limit=150, cursor=at), meanwhile
        )
        instants = [text.at for text in found]
        assert instants == sorted(instants, reverse=True)
        assert sorted(text.body for text in found) == sorted(f"text {n}" for n in range(2000))
        assert (await world.reading.thread("other", key, limit=10)).items == ()

    async def test_a_thread_holds_what_was_held_refused_and_failed(self, world: World) -> None:
        for status in OutcomeStatus:
            await world.send(new_outbound(status.value), status)
        key = conversation_id("acme", NUMBER, REMOTE)
        thread = await world.reading.thread("acme", key, limit=10)
        assert {text.status for text in thread.items} == {status.value for status in OutcomeStatus}

    async def test_a_search_finds_what_its_fields_say(self, world: World) -> None:
        await world.connect("acme", NUMBER, OTHER_NUMBER)
        await fill(world, 300, 300)
        sent = await world.send(new_outbound("sent"))
        await world.send(new_outbound("held", number=OTHER_NUMBER), OutcomeStatus.HELD)
        await world.inbound.apply_reports([new_report(sent)])

        async def found(**fields: Any) -> list[str]:
            wanted = TextFilter(**fields)
            texts = await every(lambda at: world.reading.texts("acme", wanted, limit=9, cursor=at))
            return [text.command_id or text.body for text in texts]

        assert len(await found()) == 302
        assert await found(direction=Direction.OUTBOUND) == ["held", "sent"]
        assert await found(number=OTHER_NUMBER) == ["held"]
        assert await found(status="delivered") == ["sent"]
        assert await found(state="held") == ["held"]
        assert await found(remote=remote(74)) == ["text 2"]
        assert await found(remote=remote(74), number=OTHER_NUMBER) == []
        since, until = START + timedelta(seconds=2), START + timedelta(seconds=2.1)
        assert await found(since=since, until=until) == ["text 21", "text 20"]
        assert await found(remote=remote(74), until=until) == ["text 2"]

    async def test_a_search_through_many_texts_goes_on_with_short_pages(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mongo_walk, "SPAN", 64)
        texts = await fill(world, 2000, 10)
        wanted = TextFilter(number=OTHER_NUMBER)
        await world.arrive(new_text("other", number=OTHER_NUMBER, at=999))
        found = await every(lambda at: world.reading.texts("acme", wanted, limit=5, cursor=at))
        assert [text.number for text in found] == [OTHER_NUMBER]
        everything = await every(
            lambda at: world.reading.texts("acme", TextFilter(), limit=200, cursor=at)
        )
        assert [text.id for text in everything[1:]] == [text.id for text in reversed(texts)]

    async def test_a_time_long_gone_is_found_without_walking_there(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(mongo_walk, "SPAN", 50)
        for day in range(100):
            instant = world.clock.instant
            await world.arrive(*(new_text(f"{day}.{n}", at=day * 86_400 + n) for n in range(20)))
            assert instant == world.clock.instant
            world.clock.advance(86_400)
        since = START + timedelta(days=30)
        wanted = TextFilter(since=since, until=since + timedelta(seconds=5))
        pages = 0

        async def page(at: str | None) -> Page[Any]:
            nonlocal pages
            pages += 1
            return await world.reading.texts("acme", wanted, limit=50, cursor=at)

        assert [text.body for text in await every(page)] == [
            f"text 30.{n}" for n in range(5, -1, -1)
        ]
        assert pages <= 8

    async def test_a_text_shows_what_became_of_it(self, world: World) -> None:
        text = await world.send(new_outbound(tag="t", in_reply_to="m"))
        await world.inbound.apply_reports([new_report(text)])
        view = await world.reading.text("acme", text.id)
        assert view is not None
        assert (view.status, view.code, view.report_code) == ("delivered", "sent", "2000")
        assert (view.tag, view.in_reply_to, view.decision) == ("t", "m", None)
        assert await world.reading.text("other", text.id) is None

    async def test_a_text_shows_who_decided_on_it(self, world: World) -> None:
        text = await world.send(new_outbound(), OutcomeStatus.HELD)
        document = await world.messages.find_one({"_id": text.id})
        assert document is not None
        by = Actor(kind="key", id="k", name="Ann", role="approver")
        rejected = ApprovalDecision.REJECTED
        changes = decided(document, rejected, body=None, reason="rude", by=by, now=START)
        await world.messages.update_one({"_id": text.id}, {"$set": changes})
        view = await world.reading.text("acme", text.id)
        assert view is not None
        assert (view.decision, view.decided_by, view.reason) == (rejected, "Ann", "rude")

    async def test_a_foreign_cursor_is_refused(self, world: World) -> None:
        await fill(world, 10, 10)
        page = await world.reading.texts("acme", TextFilter(), limit=2)
        for cursor in (page.next, "x", "W1sxXV0", "8J-YgA", "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsMV0"):
            with pytest.raises(BadCursor):
                await world.reading.thread("acme", "c", limit=2, cursor=cursor)


class TestHours:
    async def test_each_hour_counts_what_happened_in_it(self, world: World) -> None:
        await world.arrive(new_text("long ago"))
        world.clock.advance(7200)
        await world.arrive(*(new_text(str(n), at=7200 + n) for n in range(3)))
        await world.send(new_outbound("a"))
        world.clock.advance(3600)
        for status in OutcomeStatus:
            await world.send(new_outbound(status.value, connection_id="second"), status)
        hours = await world.reading.hours("acme", since=START + timedelta(hours=2))
        assert [(hour.start, hour.connection_id) for hour in hours] == [
            (START + timedelta(hours=2), "line"),
            (START + timedelta(hours=3), "second"),
        ]
        assert (hours[0].received, hours[0].sent, hours[0].held) == (3, 1, 0)
        second = hours[1]
        counts = (second.sent, second.held, second.blocked, second.failed, second.uncertain)
        assert counts == (1, 1, 1, 1, 1)
        assert list(await world.reading.hours("other", since=START)) == []


async def test_no_query_of_people_scans_the_texts(
    world: World, mongo_client: Any, mongo_database: str
) -> None:
    await world.connect("acme", NUMBER, OTHER_NUMBER)
    await fill(world, 2000, 100)
    await world.send(new_outbound("held"), OutcomeStatus.HELD)
    behind, reading = mongo_client[mongo_database], world.reading
    behind.command("profile", 2)
    page = await reading.conversations("acme", limit=20)
    await reading.conversations("acme", limit=20, cursor=page.next)
    await reading.conversations("acme", remote=remote(4), limit=20)
    await reading.conversations("acme", number=OTHER_NUMBER, limit=20)
    key = page.items[0].id
    await reading.conversation("acme", key)
    thread = await reading.thread("acme", key, limit=5)
    await reading.thread("acme", key, limit=5, cursor=thread.next)
    wanted = TextFilter(since=START, until=START + timedelta(hours=1), state="held")
    await reading.texts("acme", wanted, limit=20)
    await reading.texts("acme", TextFilter(remote=remote(4)), limit=20)
    await reading.texts("acme", TextFilter(direction=Direction.OUTBOUND), limit=20)
    await reading.text("acme", "none")
    await reading.held("acme")
    await reading.hours("acme", since=START)
    behind.command("profile", 0)
    seen = [
        item
        for item in behind["system.profile"].find({"op": {"$in": ["query", "command"]}})
        if item["ns"].startswith(mongo_database) and "planSummary" in item
    ]
    assert len(seen) >= 30
    for operation in seen:
        assert "COLLSCAN" not in operation["planSummary"], operation["command"]
        held = "held_at" in operation["planSummary"]  # Few texts wait; they may be sorted.
        assert held or not (operation.get("hasSortStage") and "find" in operation["command"])
    ordered = [item for item in seen if "find" in item["command"] and item.get("nreturned")]
    assert all(item["docsExamined"] <= 2100 for item in ordered)
