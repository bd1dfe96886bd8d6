"""The keys that Entra tokens are checked with: kept, renewed, never hammered; and where they cannot
be loaded, that is our own fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from webhook_entra_world import (
    Clock,
    KeyServer,
    door,
    jwk,
    key_endpoint,
    post,
    private_key,
    signed,
    signing_keys,
)
from webhook_world import FakeBus, webhook

from common.jwks import KeysUnavailable, SigningKeys, fetch_keys, read_keys

IN_TIME = 2.0


@pytest.fixture
async def key_server() -> AsyncIterator[KeyServer]:
    async with key_endpoint() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(key_server: KeyServer, clock: Clock) -> AsyncIterator[SigningKeys]:
    async with signing_keys(key_server, clock) as keys:
        yield keys


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
    over = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await over.wait()
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
        over.set()
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


async def test_a_redirect_to_other_keys_is_not_followed(
    key_server: KeyServer, keys: SigningKeys
) -> None:
    key_server.status, key_server.location = 302, key_server.elsewhere
    async with webhook(FakeBus(), doorkeeper=door(keys)) as world:
        assert await post(world, signed()) == (503, "entra_keys_unavailable")


async def test_a_key_server_that_hangs_for_ever_is_a_503_in_time() -> None:
    hanging = asyncio.Event()

    async def never() -> dict[str, Any]:
        await hanging.wait()
        raise KeysUnavailable

    async with webhook(FakeBus(), doorkeeper=door(SigningKeys(never))) as world:
        async with asyncio.timeout(IN_TIME):
            assert await post(world, signed()) == (503, "deadline")
        hanging.set()


def test_only_public_signing_keys_of_fair_strength_are_taken() -> None:
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
