"""Entra tokens: a forged, foreign or expired one is refused, a genuine one of another caller is
forbidden, and keys that cannot be loaded are our own fault."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from webhook_world import FakeBus, World, event_grid, received_data, webhook

from webhook.auth import Doorkeeper, SecretCheck, Secrets
from webhook.entra import EVENT_GRID_APP, EntraTokens, Expected, issuers_of, permitted
from webhook.jwks import KeysUnavailable, SigningKeys, fetch_keys, read_keys

TEXT = [event_grid(received_data())]
TENANT = "11111111-2222-3333-4444-555555555555"
ROLE = "AzureEventGridSecureWebhookSubscriber"
EXPECTED = Expected(
    audiences=("api://heliograph", "other-audience"),
    issuers=issuers_of(TENANT),
    apps=frozenset({EVENT_GRID_APP}),
    role="",
)


def private_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """A key pair that lasts for the session; `name` tells them apart."""
    return _made(name, bits)


@cache
def _made(_: str, bits: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


def jwk(name: str, bits: int = 2048, **changes: Any) -> dict[str, Any]:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name, bits).public_key(), as_dict=True)
    return {**public, "kid": name, "use": "sig"} | changes


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "aud": "api://heliograph",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "tid": TENANT,
        "appid": EVENT_GRID_APP,
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def signed(key: str = "k1", kid: str | None = "k1", **changes: Any) -> str:
    headers = {"kid": kid} if kid else {}
    return jwt.encode(claims(**changes), private_key(key), algorithm="RS256", headers=headers)


class KeyServer:
    """An identity provider's key endpoint, on a port of this machine."""

    def __init__(self) -> None:
        self.keys = [jwk("k1")]
        self.status = 200
        self.body: bytes | None = None
        self.asked = 0
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        body = self.body if self.body is not None else orjson.dumps({"keys": self.keys})
        return web.Response(body=body, status=self.status, headers={"Location": self.url})


@pytest.fixture
async def key_server() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    app = web.Application()
    app.router.add_get("/keys", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield server
    await runner.cleanup()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(key_server: KeyServer, clock: Clock) -> AsyncIterator[SigningKeys]:
    async with aiohttp.ClientSession() as session:
        yield SigningKeys(
            lambda: fetch_keys(session, key_server.url, seconds=1.0), clock=clock, pause=0.0
        )


def door(keys: SigningKeys, expected: Expected = EXPECTED) -> Doorkeeper:
    return Doorkeeper(secret=None, entra=EntraTokens(keys, expected))


async def post(world: World, token: str | None) -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    status, problem = await world.post(TEXT, headers=headers)
    return status, problem and problem["code"]


def confused_hs256() -> str:
    """Signed by HMAC with the public key as the secret (RFC 8725, section 2.1)."""
    pem = (
        private_key("k1")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    header = orjson.dumps({"alg": "HS256", "typ": "JWT", "kid": "k1"})
    body = f"{_b64(header)}.{_b64(orjson.dumps(claims()))}"
    return f"{body}.{_b64(hmac.new(pem, body.encode(), hashlib.sha256).digest())}"


def unsigned() -> str:
    header = orjson.dumps({"alg": "none", "typ": "JWT", "kid": "k1"})
    return f"{_b64(header)}.{_b64(orjson.dumps(claims()))}."


def tampered() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{_b64(orjson.dumps(claims(aud='other-audience')))}.{signature}"


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["x", "other-audience"]},
        {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"},
        {"appid": None, "azp": EVENT_GRID_APP},
        {"appid": EVENT_GRID_APP.upper()},
        {"exp": int(time.time()) - 20},
        {"nbf": int(time.time()) + 20},
    ],
)
async def test_a_genuine_token_of_event_grid_passes(
    keys: SigningKeys, changes: dict[str, Any]
) -> None:
    bus = FakeBus()
    async with webhook(bus, doorkeeper=door(keys)) as world:
        assert await post(world, signed(**changes)) == (200, None)
    assert len(bus.messages) == 1


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: None, "no_token"),
        (lambda: "", "no_token"),
        (lambda: "rubbish", "no_token"),
        (lambda: "a.b.c", "no_token"),
        (lambda: "x" * 20_000, "no_token"),
        (unsigned, "wrong_token"),
        (confused_hs256, "wrong_token"),
        (tampered, "wrong_token"),
        (lambda: signed(key="forger"), "wrong_token"),
        (lambda: signed(key="forger", kid="k9"), "wrong_token"),
        (lambda: signed(kid=None), "wrong_token"),
        (lambda: signed(exp=int(time.time()) - 120), "wrong_token"),
        (lambda: signed(exp=None), "wrong_token"),
        (lambda: signed(nbf=int(time.time()) + 600), "wrong_token"),
        (lambda: signed(aud="api://somebody-else"), "wrong_token"),
        (lambda: signed(aud=None), "wrong_token"),
        (lambda: signed(iss="https://sts.windows.net/another/"), "wrong_token"),
        (lambda: signed(iss=None), "wrong_token"),
    ],
)
async def test_a_token_that_proves_nothing_is_a_401(
    keys: SigningKeys, make: Any, code: str
) -> None:
    bus = FakeBus()
    async with webhook(bus, doorkeeper=door(keys)) as world:
        assert await post(world, make()) == (401, code)
    assert bus.messages == []


async def test_another_scheme_is_no_token(keys: SigningKeys) -> None:
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        status, problem = await world.post(TEXT, headers={"Authorization": f"Basic {signed()}"})
        assert (status, problem["code"]) == (401, "no_token")


@pytest.mark.parametrize("changes", [{"appid": "another"}, {"appid": None}, {"appid": 7}])
async def test_a_genuine_token_of_another_application_is_a_403(
    keys: SigningKeys, changes: dict[str, Any]
) -> None:
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        assert await post(world, signed(**changes)) == (403, "wrong_caller")


@pytest.mark.parametrize(
    ("apps", "role", "said", "passes"),
    [
        ({EVENT_GRID_APP}, ROLE, {"appid": EVENT_GRID_APP, "roles": [ROLE]}, True),
        ({EVENT_GRID_APP}, ROLE, {"appid": EVENT_GRID_APP, "roles": []}, False),
        ({EVENT_GRID_APP}, ROLE, {"appid": "another", "roles": [ROLE]}, False),
        (set(), ROLE, {"appid": "another", "roles": [ROLE, "x"]}, True),
        (set(), ROLE, {"roles": ROLE}, False),
        (set(), ROLE, {}, False),
    ],
)
def test_application_and_role_must_both_fit_where_both_are_asked_for(
    apps: set[str], role: str, said: dict[str, Any], passes: bool
) -> None:
    expected = Expected(audiences=(), issuers=(), apps=frozenset(apps), role=role)
    assert permitted(said, expected) is passes


async def test_secret_and_token_must_both_be_given_where_both_are_configured(
    keys: SigningKeys,
) -> None:
    check = SecretCheck(Secrets(["secret"]), query="code", header="x-heliograph-secret")
    both = Doorkeeper(secret=check, entra=EntraTokens(keys, EXPECTED))
    token = {"Authorization": f"bearer {signed()}"}
    async with webhook(FakeBus(), doorkeeper=both) as world:
        assert (await world.post(TEXT, headers=token))[0] == 401
        assert (await world.post(TEXT, query={"code": "secret"}))[0] == 401
        assert (await world.post(TEXT, query={"code": "secret"}, headers=token))[0] == 200


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (200, b"<html>"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": 5}'),
        (200, b"[]"),
        (200, b'{"keys": []}' + b" " * 1_000_000),
    ],
)
async def test_keys_that_cannot_be_loaded_are_our_own_fault(
    key_server: KeyServer, keys: SigningKeys, status: int, body: bytes | None
) -> None:
    key_server.status, key_server.body = status, body
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        assert await post(world, signed()) == (503, "entra_keys_unavailable")
        assert await post(world, signed(key="forger")) == (503, "entra_keys_unavailable")
        key_server.status, key_server.body = 200, None
        assert await post(world, signed()) == (200, None)


async def test_a_key_server_that_is_away_or_silent_is_our_own_fault() -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    app = web.Application()
    app.router.add_get("/keys", silent)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(KeysUnavailable):
            await fetch_keys(session, f"http://127.0.0.1:{port}/keys", seconds=0.05)
        await runner.cleanup()
        with pytest.raises(KeysUnavailable):
            await fetch_keys(session, f"http://127.0.0.1:{port}/keys", seconds=0.5)


async def test_kept_keys_go_on_while_the_key_server_is_away_but_not_for_ever(
    key_server: KeyServer, keys: SigningKeys, clock: Clock
) -> None:
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        assert await post(world, signed()) == (200, None)
        key_server.status = 500
        clock.now += 3_599
        assert await post(world, signed()) == (200, None)
        assert key_server.asked == 1
        clock.now += 2
        assert await post(world, signed()) == (200, None)
        assert key_server.asked == 2
        assert await post(world, signed(key="k2", kid="k2")) == (503, "entra_keys_unavailable")
        clock.now += 86_400
        assert await post(world, signed()) == (503, "entra_keys_unavailable")


async def test_a_new_key_is_fetched_when_the_first_token_names_it(
    key_server: KeyServer, keys: SigningKeys, clock: Clock
) -> None:
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        assert await post(world, signed()) == (200, None)
        key_server.keys = [jwk("k2")]
        clock.now += 31
        assert await post(world, signed(key="k2", kid="k2")) == (200, None)
        assert await post(world, signed()) == (401, "wrong_token")
        assert key_server.asked == 2


async def test_made_up_key_ids_do_not_hammer_the_key_server(
    key_server: KeyServer, keys: SigningKeys, clock: Clock
) -> None:
    for number in range(100):
        assert await keys.get(f"forged-{number}") is None
    assert key_server.asked == 1
    clock.now += 31
    await asyncio.gather(*(keys.get(f"forged-{number}") for number in range(100)))
    assert key_server.asked == 2


async def test_a_key_server_that_is_away_is_not_hammered(clock: Clock) -> None:
    asked = 0

    async def away() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        raise KeysUnavailable

    keys = SigningKeys(away, clock=clock, pause=2.0)
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            await keys.get("k1")
    assert asked == 1
    clock.now += 2
    with pytest.raises(KeysUnavailable):
        await keys.get("k1")
    assert asked == 2


def test_only_rsa_signing_keys_of_fair_size_are_taken() -> None:
    private = jwt.algorithms.RSAAlgorithm.to_jwk(private_key("k1"), as_dict=True)
    entries = [
        jwk("good"),
        jwk("for-encryption", use="enc"),
        jwk("short", 1024),
        jwk("broken", n="!!"),
        {**private, "kid": "private"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {"kty": "RSA", "kid": 5},
        "text",
        None,
    ]
    assert set(read_keys(orjson.dumps({"keys": entries}))) == {"good"}
