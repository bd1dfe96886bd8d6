"""Entra tokens: a forged, foreign or expired one is refused, and a genuine one of another caller is
forbidden."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from webhook_entra_world import (
    EXPECTED,
    TENANT,
    TEXT,
    Clock,
    claims,
    door,
    key_endpoint,
    post,
    private_key,
    signed,
    signing_keys,
)
from webhook_world import FakeBus, webhook

from common.jwks import SigningKeys
from webhook.auth import Doorkeeper, SecretCheck, Secrets
from webhook.entra import EVENT_GRID_APP, EntraTokens, Expected, permitted

ROLE = "AzureEventGridSecureWebhookSubscriber"


@pytest.fixture
async def keys() -> AsyncIterator[SigningKeys]:
    async with key_endpoint() as server, signing_keys(server, Clock()) as keys:
        yield keys


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
        {"exp": -20},
        {"nbf": 20},
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
        (lambda: signed(exp=-120), "wrong_token"),
        (lambda: signed(exp=None), "wrong_token"),
        (lambda: signed(nbf=600), "wrong_token"),
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


@pytest.mark.parametrize("authorization", ["", "Bearer rubbish", "Basic eDp5"])
async def test_a_401_asks_for_a_bearer_token_where_entra_is_configured(
    keys: SigningKeys, authorization: str
) -> None:
    headers = {"Authorization": authorization}
    async with (
        webhook(FakeBus(), doorkeeper=door(keys)) as world,
        world.session.post(world.url, data=b"[]", headers=headers) as response,
    ):
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
