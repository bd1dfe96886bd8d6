"""Whoever looks is told of every change to the texts of their tenant, and of no other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import aiohttp
import pymongo
import pytest
from aiohttp import web
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    START,
    new_outbound,
    new_text,
    outcome_of,
)

from common.store import mongo_changes
from common.store.client import Database, open_database
from common.store.consents import ConsentSource, NewConsent
from common.store.control import Happening
from common.store.mongo_consent_sync import MongoConsentSync
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_control_reading import MongoReading
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_outbound import MongoOutbound
from common.store.schema import ensure_schema
from health.desk import live as live_desk
from health.desk.live import Live
from health.web.sse import stream_happenings
from local.nodes import MongoNode

PATIENCE = 60.0


@pytest.fixture
async def database(mongo_uri: str, mongo_database: str) -> AsyncIterator[Database]:
    database = open_database(mongo_uri, mongo_database, 30)
    await ensure_schema(database)
    yield database
    database.close()


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Live]:
    live = Live(MongoReading(database))
    task = asyncio.create_task(live.run())
    yield live
    await live.close()
    async with asyncio.timeout(PATIENCE):
        await task


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    async with running(database) as live:
        yield live


async def opened(live: Live) -> None:
    async with asyncio.timeout(PATIENCE):
        await live.opened()


async def following(queue: asyncio.Queue[Happening]) -> Happening:
    async with asyncio.timeout(PATIENCE):
        return await queue.get()


async def arrive(database: Database, key: str, tenant_id: str = "acme") -> str:
    text = new_text(key, tenant_id=tenant_id)
    await MongoInbound(database).record([text], owner="one", lease=LEASE)
    return text.id


class TestLive:
    async def test_each_viewer_is_told_of_its_own_tenant_only(
        self, database: Database, live: Live
    ) -> None:
        async with live.subscribe("acme") as ours, live.subscribe("other") as theirs:
            await opened(live)
            foreign = await arrive(database, "1", tenant_id="other")
            own = await arrive(database, "1")
            assert (await following(theirs)).message_id == foreign
            assert (await following(ours)).message_id == own
            assert ours.empty()
            assert theirs.empty()

    async def test_the_way_of_an_answer_is_told_and_a_lease_is_not(
        self, database: Database, live: Live
    ) -> None:
        outbound, text = MongoOutbound(database), new_outbound()
        async with live.subscribe("acme") as queue:
            await opened(live)
            await outbound.claim([text], owner="one", lease=LEASE)
            await outbound.begin("acme", text.id, owner="one", lease=LEASE)
            await outbound.begin("acme", text.id, owner="one", lease=2 * LEASE)
            await outbound.finish("acme", text.id, owner="one", outcome=outcome_of(text))
            last = await arrive(database, "last")
            told = [await following(queue) for _ in range(4)]
        own = Happening("acme", text.conversation_id, text.id)
        assert told[:3] == [own] * 3
        assert told[3].message_id == last

    async def test_the_stream_is_open_only_while_somebody_looks(
        self, database: Database, live: Live
    ) -> None:
        for key in ("first", "second"):
            async with live.subscribe("acme") as queue:
                await opened(live)
                message_id = await arrive(database, key)
                assert (await following(queue)).message_id == message_id
            async with asyncio.timeout(PATIENCE):
                while live._open.is_set():  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.01)
            assert live.viewers == 0

    @pytest.mark.parametrize("later", [0.0, 0.001, 0.1])
    async def test_who_comes_as_the_last_one_goes_misses_nothing(
        self, database: Database, live: Live, later: float
    ) -> None:
        """The stream takes half a second to close; what is told in it is told to nobody."""
        async with live.subscribe("acme"):
            await opened(live)
        if later:
            await asyncio.sleep(later)
        async with live.subscribe("acme") as queue:
            await opened(live)
            message_id = await arrive(database, "meanwhile")
            assert (await following(queue)).message_id == message_id

    async def test_a_slow_viewer_keeps_the_newest(
        self, database: Database, live: Live, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_desk, "QUEUE", 3)
        async with live.subscribe("acme") as slow:
            monkeypatch.undo()
            async with live.subscribe("acme") as quick:
                await opened(live)
                ids = [await arrive(database, str(n)) for n in range(8)]
                assert [(await following(quick)).message_id for _ in ids] == ids
            assert [slow.get_nowait().message_id for _ in range(3)] == ids[-3:]


class Losses:
    """Takes the place of the log: counts how often the stream was lost."""

    def __init__(self) -> None:
        self.number = 0

    def warning(self, _: str, **__: object) -> None:
        self.number += 1


async def test_the_stream_goes_on_where_it_broke_off_when_the_server_was_away_for_long(
    own_mongo: MongoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = Losses()
    monkeypatch.setattr(mongo_changes, "log", losses)
    monkeypatch.setattr(mongo_changes, "_PAUSES", (0.1, 0.1, 4.0))  # Over the return, and a write.
    with closing(open_database(own_mongo.uri, "live", 1)) as database:
        await until_primary(database)
        await ensure_schema(database)
        async with running(database) as live, live.subscribe("acme") as queue:
            await opened(live)
            before = await arrive(database, "before")
            assert (await following(queue)).message_id == before
            await asyncio.to_thread(own_mongo.stop)
            async with asyncio.timeout(PATIENCE):
                while losses.number < 3:  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(own_mongo.start)
            await until_primary(database)
            after = await arrive(database, "after")
            assert (await following(queue)).message_id == after


async def test_nothing_is_missed_over_a_change_of_the_primary(own_mongo: MongoNode) -> None:
    """Of one member: it steps down for a second, and is elected again."""
    with closing(open_database(own_mongo.uri, "live", 5)) as database:
        await ensure_schema(database)
        async with running(database) as live, live.subscribe("acme") as queue:
            await opened(live)
            ids = []
            for key in range(3):
                ids.append(await arrive(database, f"{key} before"))
                await asyncio.to_thread(step_down, own_mongo)
                await until_primary(database)
                ids.append(await arrive(database, f"{key} after"))
            assert [(await following(queue)).message_id for _ in ids] == ids


def step_down(node: MongoNode) -> None:
    with pymongo.MongoClient[dict[str, object]](node.uri) as client:
        client.admin.command("replSetStepDown", 1, secondaryCatchUpPeriodSecs=0, force=True)


async def until_primary(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await database.ping()
            except Exception:  # noqa: BLE001 - away in whatever way
                await asyncio.sleep(0.1)


class Site:
    """A web server that streams a tenant's happenings."""

    def __init__(self, live: Live):
        self.live = live
        app = web.Application()
        app.router.add_get("/{tenant_id}", self._serve)
        app.on_shutdown.append(self._close)
        self.runner = web.AppRunner(app, access_log=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/acme"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        tenant_id = request.match_info["tenant_id"]
        return await stream_happenings(
            request, self.live, tenant_id, admit=self._admit, heartbeat=0.2
        )

    async def _admit(self) -> None:
        """Everybody, for as long as they look."""

    async def _close(self, _: web.Application) -> None:
        await self.live.close()


@pytest.fixture
async def site(live: Live) -> AsyncIterator[Site]:
    site = Site(live)
    await site.runner.setup()
    await web.TCPSite(site.runner, "127.0.0.1", 0).start()
    yield site
    await site.runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def event(response: aiohttp.ClientResponse, name: str) -> bytes:
    """The data of the next event of this name."""
    async with asyncio.timeout(PATIENCE):
        while await response.content.readline() != f"event: {name}\n".encode():
            pass
        return (await response.content.readline()).removeprefix(b"data: ").strip()


class TestServerSentEvents:
    async def test_a_change_arrives_as_an_event_of_ids(
        self, database: Database, site: Site, browser: aiohttp.ClientSession
    ) -> None:
        async with browser.get(site.url) as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert response.headers["X-Accel-Buffering"] == "no"
            await event(response, "ready")
            await arrive(database, "foreign", tenant_id="other")
            text = new_text("own")
            await arrive(database, "own")
            assert await event(response, "text") == (
                f'{{"conversation_id":"{text.conversation_id}","message_id":"{text.id}"}}'.encode()
            )

    async def test_a_silent_stream_has_a_heartbeat(
        self, site: Site, browser: aiohttp.ClientSession
    ) -> None:
        async with browser.get(site.url) as response:
            await event(response, "ready")
            async with asyncio.timeout(PATIENCE):
                assert await response.content.readline() == b"\n"
                assert await response.content.readline() == b": still here\n"

    async def test_a_viewer_who_goes_is_forgotten(
        self, site: Site, browser: aiohttp.ClientSession
    ) -> None:
        async with browser.get(site.url) as response:
            await event(response, "ready")
            assert site.live.viewers == 1
            response.close()
        async with asyncio.timeout(PATIENCE):
            while site.live.viewers:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)

    async def test_stopping_the_server_ends_open_streams_at_once(
        self, site: Site, browser: aiohttp.ClientSession
    ) -> None:
        async with browser.get(site.url) as response:
            await event(response, "ready")
            async with asyncio.timeout(10):
                await site.runner.cleanup()
                await response.content.read()


async def test_what_a_remote_says_on_being_texted_is_told_and_what_a_provider_is_told_is_not(
    database: Database, live: Live
) -> None:
    ledger, sync = MongoConsentLedger(database), MongoConsentSync(database)
    word = NewConsent(
        tenant_id="acme",
        number=NUMBER,
        remote=REMOTE,
        opted_out=True,
        at=START,
        source=ConsentSource.PERSON,
        rule="opt_out",
        who="Jane",
    )
    async with live.subscribe("acme") as queue:
        await opened(live)
        await ledger.note([word])
        untold = await sync.take(lease=LEASE)
        assert untold is not None
        await sync.settle(untold, told=True)
        last = await arrive(database, "last")
        told = [await following(queue) for _ in range(2)]
    assert (told[0], told[0].kind) == (Happening("acme", word.conversation_id), "consent")
    assert told[1].message_id == last
