"""Tokens of an identity provider: who they let in, as whom, and whom they do not."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from webhook_entra_world import jwk, private_key

from common.jwks import SigningKeys
from common.settings import UnusableSetting, load
from health.access.oidc import Expected, OidcTokens, fetch_issuers_keys, principal_of
from health.access.roles import Role
from health.access.settings import AccessSettings
from health.web.problems import Problem, ProblemCode

AUDIENCE = "api://heliograph"
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """An identity provider on a port of this machine."""

    def __init__(self) -> None:
        self.url = ""
        self.says: dict[str, Any] = {}
        self.keys = [jwk("rsa"), ec_jwk("ec", CURVE_KEY)]

    async def discovery(self, _: web.Request) -> web.Response:
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.says
        return web.Response(body=orjson.dumps(document))

    async def published(self, _: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps({"keys": self.keys}))

    @property
    def expected(self) -> Expected:
        return Expected(
            issuer=self.url,
            audiences=(AUDIENCE, "other"),
            role_claim="roles",
            tenant_claim="heliograph_tenant",
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A token's claims; None leaves one out."""
        now = int(time.time())
        made = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "exp": now + 600,
            "name": "Jo Doe",
            "roles": ["heliograph.admin"],
            "heliograph_tenant": "acme",
        } | changes
        return {name: value for name, value in made.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return jwt.encode(
            self.claims(**changes), private_key("rsa"), algorithm="RS256", headers={"kid": "rsa"}
        )


def ec_jwk(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig"}


@asynccontextmanager
async def running() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/keys", issuer.published)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield issuer
    await runner.cleanup()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running() as issuer:
        yield issuer


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[OidcTokens]:
    async with aiohttp.ClientSession() as http:
        keys = SigningKeys(
            lambda: fetch_issuers_keys(http, issuer=issuer.url, keys_url="", seconds=5)
        )
        yield OidcTokens(keys, issuer.expected)


async def refusal(tokens: OidcTokens, token: str) -> ProblemCode:
    with pytest.raises(Problem) as caught:
        await tokens.principal(token)
    assert not token or token not in str(caught.value)
    return caught.value.code


async def test_a_genuine_token_lets_its_bearer_in_as_its_claims_say(
    issuer: Issuer, tokens: OidcTokens
) -> None:
    who = await tokens.principal(issuer.token())
    assert (who.kind, who.id, who.name) == ("oidc", "somebody", "Jo Doe")
    assert (who.role, who.tenant_id, who.session_id) == (Role.ADMIN, "acme", None)


async def test_a_token_may_be_signed_on_the_curve_p_256(issuer: Issuer, tokens: OidcTokens) -> None:
    token = jwt.encode(issuer.claims(), CURVE_KEY, algorithm="ES256", headers={"kid": "ec"})
    assert (await tokens.principal(token)).role is Role.ADMIN


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
    ],
)
async def test_a_token_for_others_or_out_of_its_time_proves_nothing(
    issuer: Issuer, tokens: OidcTokens, changes: dict[str, Any]
) -> None:
    assert await refusal(tokens, issuer.token(**changes)) is ProblemCode.UNAUTHENTICATED


def unsigned(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), None, algorithm="none", headers={"kid": "rsa"})


def signed_with_the_public_key(issuer: Issuer) -> str:
    secret = base64.urlsafe_b64decode(jwk("rsa")["n"] + "==")
    return jwt.encode(issuer.claims(), secret, algorithm="HS256", headers={"kid": "rsa"})


def forged(issuer: Issuer) -> str:
    headers = {"kid": "rsa"}
    return jwt.encode(issuer.claims(), private_key("f"), algorithm="RS256", headers=headers)


def of_an_unknown_key(issuer: Issuer) -> str:
    headers = {"kid": "other"}
    return jwt.encode(issuer.claims(), private_key("rsa"), algorithm="RS256", headers=headers)


def without_a_key_id(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), private_key("rsa"), algorithm="RS256")


def with_another_algorithm_of_the_key(issuer: Issuer) -> str:
    headers = {"kid": "rsa"}
    return jwt.encode(issuer.claims(), private_key("rsa"), algorithm="PS256", headers=headers)


def on_the_other_kind_of_key(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), CURVE_KEY, algorithm="ES256", headers={"kid": "rsa"})


def nonsense(_: Issuer) -> str:
    return "a.b.c"


def empty(_: Issuer) -> str:
    return ""


def endless(_: Issuer) -> str:
    return "a" * 20_000


@pytest.mark.filterwarnings("ignore:The HMAC key:jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(
    "made",
    [
        unsigned,
        signed_with_the_public_key,
        forged,
        of_an_unknown_key,
        without_a_key_id,
        with_another_algorithm_of_the_key,
        on_the_other_kind_of_key,
        nonsense,
        empty,
        endless,
    ],
)
async def test_a_token_that_the_issuer_did_not_sign_proves_nothing(
    issuer: Issuer, tokens: OidcTokens, made: Callable[[Issuer], str]
) -> None:
    assert await refusal(tokens, made(issuer)) is ProblemCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["viewer"], Role.VIEWER),
        ("approver", Role.APPROVER),
        (["heliograph.viewer", "heliograph.admin", "other"], Role.ADMIN),
        (["heliograph.operator", "viewer"], Role.OPERATOR),
    ],
)
def test_the_highest_role_of_a_token_counts(roles: object, role: Role) -> None:
    assert principal_of(claims(roles=roles), EXPECTED).role is role


def test_an_operator_needs_no_tenant_and_is_of_none() -> None:
    who = principal_of(claims(roles=["operator"], heliograph_tenant=None), EXPECTED)
    assert who.tenant_id is None
    assert principal_of(claims(roles=["operator"]), EXPECTED).tenant_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"roles": None},
        {"roles": []},
        {"roles": ["Admin"]},
        {"roles": ["superuser"]},
        {"roles": {"admin": True}},
        {"roles": [["admin"]]},
        {"roles": 5},
        {"heliograph_tenant": None},
        {"heliograph_tenant": ""},
        {"heliograph_tenant": ["acme"]},
    ],
)
def test_a_genuine_token_without_a_role_or_a_tenant_may_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(Problem) as caught:
        principal_of(claims(**changes), EXPECTED)
    assert caught.value.code is ProblemCode.FORBIDDEN


def test_a_bearer_is_named_in_one_line_of_fair_length() -> None:
    who = principal_of(claims(name="Jo\r\nDoe \x1b[31m" + "x" * 500), EXPECTED)
    assert who.name.isprintable()
    assert len(who.name) <= 100
    assert principal_of(claims(name=" ", azp="a-robot"), EXPECTED).name == "a-robot"


EXPECTED = Expected(
    issuer="https://issuer.example",
    audiences=(AUDIENCE,),
    role_claim="roles",
    tenant_claim="heliograph_tenant",
)


def claims(**changes: Any) -> Mapping[str, Any]:
    return {"sub": "1", "name": "One", "roles": ["admin"], "heliograph_tenant": "acme"} | changes


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": None},
        {"jwks_uri": "http://keys.example/keys"},
        {"jwks_uri": "file:///etc/keys"},
    ],
)
async def test_keys_are_loaded_only_from_where_the_issuer_itself_says_and_safely(
    issuer: Issuer, tokens: OidcTokens, says: dict[str, Any]
) -> None:
    issuer.says = says
    assert await refusal(tokens, issuer.token()) is ProblemCode.UNAVAILABLE


async def test_an_issuer_that_is_away_is_nobodys_wrong_token(
    issuer: Issuer,
) -> None:
    async with aiohttp.ClientSession() as http:
        away = SigningKeys(
            lambda: fetch_issuers_keys(
                http, issuer="http://127.0.0.1:9", keys_url="http://127.0.0.1:9/keys", seconds=5
            )
        )
        tokens = OidcTokens(away, issuer.expected)
        assert await refusal(tokens, issuer.token()) is ProblemCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({"ISSUER": "http://login.example"}, "HEALTH_OIDC_ISSUER"),
        ({"ISSUER": "https://login.example"}, "HEALTH_OIDC_AUDIENCE"),
        ({"AUDIENCE": "a"}, "HEALTH_OIDC_AUDIENCE"),
        (
            {"ISSUER": "https://l.example", "AUDIENCE": "a", "JWKS_URL": "http://k.example"},
            "HEALTH_OIDC_JWKS_URL",
        ),
    ],
)
def test_half_an_identity_provider_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], variable: str
) -> None:
    monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", base64.b64encode(bytes(32)).decode())
    for name, value in settings.items():
        monkeypatch.setenv(f"HELIOGRAPH_HEALTH_OIDC_{name}", value)
    with pytest.raises(UnusableSetting, match=variable):
        load(AccessSettings)
