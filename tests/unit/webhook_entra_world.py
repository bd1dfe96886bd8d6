"""What the tests of Entra tokens share: keys, tokens, and an identity provider's key endpoint."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aiohttp
import jwt
import orjson
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from webhook_world import World, event_grid, received_data

from common.jwks import SigningKeys, fetch_keys
from webhook.auth import Doorkeeper
from webhook.entra import EVENT_GRID_APP, EntraTokens, Expected, issuers_of

TEXT = [event_grid(received_data())]
TENANT = "11111111-2222-3333-4444-555555555555"
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
    """A token's claims. An `exp` or `nbf` is given in seconds from now; None leaves a claim out."""
    now = int(time.time())
    for instant in {"exp", "nbf"} & changes.keys():
        if changes[instant] is not None:
            changes[instant] += now
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
    """An identity provider's key endpoint, on a port of this machine. What it says at `elsewhere`
    is as good; `status` and `location` may send there."""

    def __init__(self) -> None:
        self.keys = [jwk("k1")]
        self.status = 200
        self.body: bytes | None = None
        self.asked = 0
        self.url = self.location = ""

    @property
    def elsewhere(self) -> str:
        return self.url.replace("/keys", "/elsewhere")

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        body = self.body if self.body is not None else orjson.dumps({"keys": self.keys})
        return web.Response(body=body, status=self.status, headers={"Location": self.location})

    async def answer_elsewhere(self, _: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps({"keys": self.keys}))


@asynccontextmanager
async def key_endpoint() -> AsyncIterator[KeyServer]:
    server = KeyServer()
    app = web.Application()
    app.router.add_get("/keys", server.answer)
    app.router.add_get("/elsewhere", server.answer_elsewhere)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = server.location = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield server
    await runner.cleanup()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def signing_keys(server: KeyServer, clock: Clock) -> AsyncIterator[SigningKeys]:
    async with aiohttp.ClientSession() as session:
        yield SigningKeys(
            lambda: fetch_keys(session, server.url, seconds=1.0), clock=clock, pause=0.0
        )


def door(keys: SigningKeys, expected: Expected = EXPECTED) -> Doorkeeper:
    return Doorkeeper(secret=None, entra=EntraTokens(keys, expected))


async def post(world: World, token: str | None) -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    status, problem = await world.post(TEXT, headers=headers)
    return status, problem and problem["code"]
