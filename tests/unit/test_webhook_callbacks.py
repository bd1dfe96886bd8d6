"""A connection's own address: who is let in, what becomes of what they tell, what they hear."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from webhook_world import OURS, THEIRS, FakeBus, FakeConnections, FakeNumbers, World, webhook
from yarl import URL

from common import callback_addresses
from common.bus.messages import BusUnavailable
from common.callback_addresses import basic_login
from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    Callbacks,
    DeliveryReport,
    Door,
    Ignored,
    Known,
    Reading,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)
from common.providers.specs import SPECS
from common.secrets import MasterKeys, WrappedKey, generate_master_key
from common.store.records import CalledConnection
from heliograph.models import ReportStatus
from webhook.callbacks import CallbackDoor, Keyring

PUBLIC = "https://texts.example.com/in"
KEYS = MasterKeys.parse(generate_master_key())
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REFERENCE = "0123456789abcdef0123456789abcdef"


@dataclass
class Tenant:
    """A tenant's data key, and connections sealed with it."""

    id: str

    def __post_init__(self) -> None:
        self.wrapped = KEYS.new_tenant_key(self.id)
        self.key = KEYS.unwrap(self.id, WrappedKey.from_document(self.wrapped.to_document()))

    def connection(
        self, word: str = "swordfish", *, version: str = "v1", provider: str = "semaphore"
    ) -> CalledConnection:
        return CalledConnection(
            tenant_id=self.id,
            connection_id="con-1",
            provider=provider,
            sealed=self.key.seal("con-1", {"secret": word}).to_document(),
            wrapped_key=self.wrapped.to_document(),
            credentials_version=version,
        )

    def path(self, door: Door = Door.PORTAL, *, provider: str = "semaphore") -> str:
        token = callback_addresses.token(self.key, "con-1", door)
        return callback_addresses.path(provider, "con-1", token)


ACME, GLOBEX = Tenant("acme"), Tenant("globex")


def sign(url: str, body: bytes, word: str = "swordfish") -> str:
    return hmac.new(word.encode(), url.encode() + body, "sha256").hexdigest()


def _verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    wanted = sign(request.url, request.body, keys.credentials["secret"])
    return None if request.headers.get("x-signature") == wanted else "wrong signature"


def _read(request: CallbackRequest, keys: CallbackKeys) -> Sequence[Reading]:
    try:
        items = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise UnreadableEvent("the body is not JSON") from None
    return [_item(item) for item in items]


def _item(item: Any) -> Reading:
    match item:
        case {"text": body, "id": message_id, "to": number}:
            return Known.of(
                ReceivedText(
                    message_id=message_id,
                    number=number,
                    remote=THEIRS,
                    body=body,
                    segments=None,
                    at=AT,
                )
            )
        case {"report": status, "id": message_id}:
            return Known.of(
                DeliveryReport(
                    message_id=message_id,
                    number="",
                    remote="",
                    status=ReportStatus(status),
                    code="7",
                    details=None,
                    reference=REFERENCE,
                    at=AT,
                    part=item.get("part"),
                    parts=item.get("parts", 1),
                )
            )
        case {"ping": _}:
            return Ignored("ping")
    return Unreadable("received", item, "the item is none of ours")


SEMAPHORE = Callbacks(
    verify=_verify,
    read=_read,
    answer=lambda readings: CallbackAnswer(202, "text/xml", b"<Ok/>" if readings else b""),
    body_limit=2_000,
)


@dataclass
class Post:
    """The webhook, with who knows what behind it."""

    world: World
    bus: FakeBus
    connections: FakeConnections

    async def call(
        self,
        items: Any,
        path: str = "",
        *,
        word: str = "swordfish",
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, str]:
        body = items if isinstance(items, bytes) else orjson.dumps(items)
        target = f"{path or ACME.path()}{query}"
        given = {"x-signature": sign(f"{PUBLIC}{target}", body, word)} | dict(headers or {})
        base = f"http://127.0.0.1:{self.world.server.port}"
        async with self.world.session.post(
            # As it is written: a URL that the client brings into normal form is another one.
            URL(f"{base}{target}", encoded=True),
            data=body,
            headers=given,
        ) as answer:
            return answer.status, await answer.read(), answer.headers.get("Content-Type", "")


@asynccontextmanager
async def post(
    *connections: CalledConnection,
    keys: MasterKeys | None = KEYS,
    public_url: str = PUBLIC,
    numbers: FakeNumbers | None = None,
    keyring: Keyring | None = None,
    **options: Any,
) -> AsyncIterator[Post]:
    bus, known = FakeBus(), FakeConnections(*(connections or (ACME.connection(),)))
    door = CallbackDoor(
        {"semaphore": SEMAPHORE},
        known,
        keyring or (Keyring(keys) if keys is not None else None),
        public_url=public_url,
    )
    async with webhook(bus, numbers, callbacks=door, **options) as world:
        yield Post(world, bus, known)


def text(message_id: str = "m-1", number: str = OURS) -> dict[str, str]:
    return {"text": "Is the heating on?", "id": message_id, "to": number}


async def test_a_genuine_callback_is_on_the_bus_and_answered_in_the_providers_form() -> None:
    async with post() as it:
        assert await it.call([text(), {"ping": 1}]) == (202, b"<Ok/>", "text/xml")
        (message,) = it.bus.messages
        assert (message.key, message.type) == ("received.semaphore", "sms.received")
        told = it.bus.bodies()[0]
        assert told["provider"] == "semaphore"
        assert (told["tenant_id"], told["connection_id"]) == ("acme", "con-1")
        assert (told["number"], told["remote"]) == (OURS, THEIRS)
        assert (told["body"], told["provider_message_id"]) == ("Is the heating on?", "m-1")
        assert it.world.counted("received", "published") == 1
        assert it.world.counted("other", "ignored") == 1


async def test_a_success_with_nothing_to_say_has_no_body() -> None:
    async with post() as it:
        assert (await it.call([]))[:2] == (202, b"")


async def test_a_report_is_its_connections_without_a_look_for_its_number() -> None:
    async with post(numbers=FakeNumbers(())) as it:
        path = ACME.path(Door.REPORTS)
        report = {"report": "delivered", "id": "p-1", "part": "1", "parts": 2}
        assert (await it.call([report], path, query="?ref=%41&b="))[0] == 202
        (told,) = it.bus.bodies()
        assert it.bus.messages[0].key == "report.semaphore"
        assert (told["tenant_id"], told["connection_id"]) == ("acme", "con-1")
        assert (told["reference"], told["status"]) == (REFERENCE, "delivered")
        assert (told["part"], told["parts"]) == ("1", 2)


async def test_copies_have_one_id_on_the_bus_and_parts_their_own() -> None:
    async with post() as it:
        reports = [{"report": "sent", "id": "p-1", "part": part, "parts": 2} for part in "011"]
        await it.call([text(), text(), *reports])
        first, copy, one, two, again = (message.message_id for message in it.bus.messages)
        assert first == copy
        assert two == again != one


STRANGERS: Mapping[str, Callable[[str], str]] = {
    "another provider": lambda path: path.replace("semaphore", "nobody"),
    "another connection": lambda path: path.replace("con-1", "con-2"),
    "a shorter token": lambda path: path[:-1],
    "a longer token": lambda path: path + "A",
    "a token of zeros": lambda path: path[:-43] + "0" * 43,
    "another tenant's token": lambda _: GLOBEX.path(),
    "a provider that does not call back": lambda _: ACME.path(provider="flags"),
    "a token that is no text": lambda path: path[:-43] + "%ff%00",
}


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_an_address_that_is_nobodys_does_not_exist(stranger: str) -> None:
    async with post() as it:
        assert (await it.call([text()], STRANGERS[stranger](ACME.path())))[:2] == (404, b"")
        assert it.bus.messages == []


async def test_two_tenants_with_a_connection_of_one_name_are_told_apart_by_the_token() -> None:
    mine, theirs = ACME.connection(), GLOBEX.connection("their secret")
    async with post() as it:
        it.connections.known["con-1"] = (mine, theirs)
        report = {"report": "delivered", "id": "p-1"}
        assert (await it.call([report], GLOBEX.path(), word="their secret"))[0] == 202
        assert (await it.call([report], GLOBEX.path()))[0] == 401
        assert [told["tenant_id"] for told in it.bus.bodies()] == ["globex"]


async def test_a_token_counts_at_its_own_providers_address_only() -> None:
    async with post(ACME.connection(provider="flags")) as it:
        assert (await it.call([text()]))[0] == 404


async def test_what_does_not_prove_itself_is_refused_without_a_word() -> None:
    async with post() as it:
        assert (await it.call([text()], word="guess"))[:2] == (401, b"")
        assert (await it.call([text()], headers={"x-signature": "x"}))[:2] == (401, b"")
        assert it.bus.messages == []


async def test_the_signed_address_is_the_public_one_with_raw_path_and_query() -> None:
    async with post() as it:
        for query in ("?a=1&b=%20&c=%E2%82%AC&d", "?x=a+b&y=%41&y="):
            assert (await it.call([text()], query=query))[0] == 202
        other = {"x-signature": sign(f"http://127.0.0.1{ACME.path()}", orjson.dumps([text()]))}
        assert (await it.call([text()], headers=other))[0] == 401


async def test_headers_are_found_in_any_case() -> None:
    async with post() as it:
        body = orjson.dumps([text()])
        signed = {"X-SIGNATURE": sign(f"{PUBLIC}{ACME.path()}", body), "x-signature": ""}
        del signed["x-signature"]
        assert (await it.call(body, headers=signed))[0] == 202


async def test_new_credentials_count_at_once_and_old_ones_for_ten_minutes_more() -> None:
    clock = [0.0]
    async with post(keyring=Keyring(KEYS, clock=lambda: clock[0])) as it:
        assert (await it.call([text()]))[0] == 202
        it.connections.newer["con-1"] = (ACME.connection("trout", version="v2"),)
        assert (await it.call([text()], word="trout"))[0] == 202
        it.connections.known["con-1"] = it.connections.newer["con-1"]
        assert (await it.call([text()], word="swordfish"))[0] == 202
        assert (await it.call([text()], word="perch"))[0] == 401
        clock[0] = 601.0
        assert (await it.call([text()], word="swordfish"))[0] == 401
        assert (await it.call([text()], word="trout"))[0] == 202


async def test_whoever_cannot_be_looked_up_again_is_not_proven_a_stranger() -> None:
    async with post() as it:
        it.connections.away = True
        assert (await it.call([text()], word="trout"))[:2] == (503, b"")
        assert (await it.call([text()], word="swordfish"))[0] == 202


async def test_an_unknown_connection_is_a_503_while_the_store_is_away() -> None:
    async with post() as it:
        it.connections.away = True
        status, body, _ = await it.call([text()], ACME.path().replace("con-1", "con-2"))
        assert (status, body) == (503, b"")


@pytest.mark.parametrize(
    "broken",
    [{"keys": None}, {"public_url": ""}, {"keys": MasterKeys.parse(generate_master_key())}],
    ids=["no master key", "no public address", "a wrong master key"],
)
async def test_a_fault_of_our_own_is_a_503(broken: dict[str, Any]) -> None:
    async with post(**broken) as it:
        assert (await it.call([text()]))[:2] == (503, b"")


async def test_a_broker_that_is_away_is_a_503() -> None:
    async with post() as it:
        it.bus.fault = BusUnavailable("away")
        assert (await it.call([text()]))[:2] == (503, b"")


async def test_a_broker_that_hangs_is_a_503_at_the_deadline() -> None:
    async with post(deadline=0.2) as it:
        it.bus.open.clear()
        assert (await it.call([text()]))[:2] == (503, b"")


async def test_credentials_without_what_the_adapter_needs_are_a_503() -> None:
    odd = replace(ACME.connection(), sealed=ACME.key.seal("con-1", {"other": "x"}).to_document())
    async with post(odd) as it:
        assert (await it.call([text()]))[:2] == (503, b"")


async def test_a_text_to_another_tenants_number_is_dropped_and_counted() -> None:
    numbers = FakeNumbers()
    numbers.numbers[OURS] = replace(numbers.numbers[OURS], tenant_id="globex")
    async with post(numbers=numbers) as it:
        assert (await it.call([text(), text("m-2", "+15550009999")]))[0] == 202
        assert it.bus.messages == []
        assert it.world.counted("received", "unknown_number") == 2


async def test_a_text_to_a_number_that_has_moved_is_its_new_connections() -> None:
    numbers = FakeNumbers()
    numbers.numbers[OURS] = replace(numbers.numbers[OURS], connection_id="con-9", provider="acs")
    async with post(numbers=numbers) as it:
        await it.call([text()])
        (told,) = it.bus.bodies()
        assert (told["provider"], told["connection_id"]) == ("semaphore", "con-9")


async def test_a_short_number_is_told_as_it_is_connected_however_the_provider_writes_it() -> None:
    numbers = FakeNumbers()
    numbers.short["acme", "2333"] = replace(numbers.numbers[OURS], address="NO-2333")
    async with post(numbers=numbers) as it:
        await it.call([text(number="2333")])
        (told,) = it.bus.bodies()
        assert told["number"] == "NO-2333"


async def test_one_bad_item_is_parked_and_its_neighbours_go_on() -> None:
    async with post() as it:
        assert (await it.call([{"odd": "+15551230001"}, text()]))[0] == 202
        parked, fine = it.bus.messages
        assert (parked.exchange, parked.key) == ("heliograph.dead", "processor.inbound")
        assert orjson.loads(parked.body) == {"odd": "+15551230001"}
        assert parked.headers["x-heliograph-detail"] == (
            "semaphore con-1: the item is none of ours"
        )
        assert fine.type == "sms.received"


async def test_a_genuine_callback_that_cannot_be_read_is_kept_as_it_came() -> None:
    async with post() as it:
        assert (await it.call(b"\xff not JSON"))[0] == 202
        (parked,) = it.bus.messages
        assert parked.body == b"\xff not JSON"
        assert it.world.counted("callback", "parked") == 1


async def test_a_body_above_the_providers_limit_is_refused() -> None:
    async with post() as it:
        assert (await it.call(b"[" + b" " * 2_000 + b"]"))[:2] == (413, b"")


async def test_no_token_signature_or_number_reaches_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with post() as it:
        await it.call([text()], word="guess")
        await it.call([{"odd": 1}])
    said = "".join(capsys.readouterr())
    assert "callback.refused" in said
    assert ACME.path()[-43:] not in said
    assert "swordfish" not in said
    assert THEIRS not in said


def test_addresses_and_logins_are_derived_apart_for_each_tenant_connection_and_door() -> None:
    tokens = {
        callback_addresses.token(tenant.key, connection_id, door)
        for tenant in (ACME, GLOBEX)
        for connection_id in ("con-1", "con-2")
        for door in Door
    }
    assert len(tokens) == 8
    assert all(len(token) == 43 for token in tokens)
    again = KEYS.unwrap("acme", ACME.wrapped)
    assert callback_addresses.token(again, "con-1", Door.PORTAL) in tokens
    login = basic_login(ACME.key, "con-1")
    assert (login.username, len(login.password)) == ("con-1", 24)
    assert login.password not in repr(login)
    assert basic_login(GLOBEX.key, "con-1").password != login.password


@pytest.mark.parametrize("provider", sorted(SPECS))
async def test_a_provider_that_is_to_log_in_is_asked_to(provider: str) -> None:
    """Some clients send a login only after a 401 that asks for one (RFC 9110, 11.6.1)."""
    asked = 'Basic realm="heliograph", charset="UTF-8"' if SPECS[provider].basic else None
    connections = FakeConnections(ACME.connection(provider=provider))
    door = CallbackDoor({provider: SEMAPHORE}, connections, Keyring(KEYS), public_url=PUBLIC)
    async with webhook(FakeBus(), callbacks=door) as world:
        base = f"http://127.0.0.1:{world.server.port}"
        path = ACME.path(provider=provider)
        for target, status, challenge in ((path, 401, asked), (f"{path}x", 404, None)):
            async with world.session.post(f"{base}{target}", data=b"[]") as answer:
                assert (answer.status, await answer.read()) == (status, b"")
                assert answer.headers.get("WWW-Authenticate") == challenge
