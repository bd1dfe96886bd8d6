"""Bearer tokens of an identity provider, such as Microsoft Entra ID, in place of API keys.

Sources: OpenID Connect Core 1.0, section 3.1.3.7 (what is checked); OpenID Connect Discovery 1.0,
section 4 (where the signing keys are); RFC 8725 (the algorithm is the key's, not the token's);
Microsoft docs, "Access token claims reference" (`roles`, `azp`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import jwt
import orjson

from common.jwks import (
    Keys,
    KeysUnavailable,
    SigningKeys,
    algorithm_of,
    fetch_document,
    fetch_keys,
    is_trustworthy,
)
from health.access.roles import Principal, Role
from health.web.problems import Problem, ProblemCode

_LEEWAY: Final = 60
_LONGEST: Final = 16 * 1024
_LONGEST_NAME: Final = 100
_NAMES: Final = ("name", "preferred_username", "azp", "appid", "sub")
_ROLES: Final = {
    **{role.value: role for role in Role},
    **{f"heliograph.{role.value}": role for role in Role},
}
_NOBODY: Final = "The token proves nothing here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say, and where its role and tenant stand."""

    issuer: str
    audiences: Sequence[str]
    role_claim: str
    tenant_claim: str


class OidcTokens:
    """Reads bearer tokens."""

    def __init__(self, keys: SigningKeys, expected: Expected):
        self._keys = keys
        self._expected = expected

    async def principal(self, token: str) -> Principal:
        """Who bears a token.

        Raises:
            Problem: `UNAUTHENTICATED` for a token that proves nothing, `FORBIDDEN` for a genuine
                one without a role or a tenant, `UNAVAILABLE` where the keys cannot be loaded.
        """
        key_id = _key_id(token)
        try:
            key = await self._keys.get(key_id)
        except KeysUnavailable:
            raise Problem(
                ProblemCode.UNAVAILABLE, "The identity provider's keys cannot be loaded."
            ) from None
        if key is None:
            raise Problem(ProblemCode.UNAUTHENTICATED, _NOBODY)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm_of(key)],
                audience=self._expected.audiences,
                issuer=self._expected.issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError:
            raise Problem(ProblemCode.UNAUTHENTICATED, _NOBODY) from None
        return principal_of(claims, self._expected)


def principal_of(claims: Mapping[str, Any], expected: Expected) -> Principal:
    """Whom a genuine token's claims describe; of several roles the highest counts.

    Raises:
        Problem: `FORBIDDEN`.
    """
    named = claims.get(expected.role_claim)
    values = named if isinstance(named, list) else [named]
    roles = [_ROLES[value] for value in values if isinstance(value, str) and value in _ROLES]
    if not roles:
        raise Problem(
            ProblemCode.FORBIDDEN,
            f"The token's claim `{expected.role_claim}` names no role of Heliograph.",
        )
    role = max(roles, key=list(Role).index)
    return Principal(
        kind="oidc",
        id=str(claims["sub"]),
        name=_name(claims),
        role=role,
        tenant_id=None if role is Role.OPERATOR else _tenant(claims, expected),
    )


def _tenant(claims: Mapping[str, Any], expected: Expected) -> str:
    tenant_id = claims.get(expected.tenant_claim)
    if not isinstance(tenant_id, str) or not tenant_id:
        raise Problem(
            ProblemCode.FORBIDDEN, f"The token's claim `{expected.tenant_claim}` names no tenant."
        )
    return tenant_id


def _name(claims: Mapping[str, Any]) -> str:
    for claim in _NAMES:
        value = claims.get(claim)
        if isinstance(value, str) and value.strip():
            shown = "".join(sign if sign.isprintable() else " " for sign in value)
            return shown.strip()[:_LONGEST_NAME]
    return ""


def _key_id(token: str) -> str:
    if not token or len(token) > _LONGEST:
        raise Problem(ProblemCode.UNAUTHENTICATED, _NOBODY)
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError):
        key_id = None
    if not isinstance(key_id, str):
        raise Problem(ProblemCode.UNAUTHENTICATED, _NOBODY)
    return key_id


async def fetch_issuers_keys(
    session: aiohttp.ClientSession, *, issuer: str, keys_url: str, seconds: float
) -> Keys:
    """The signing keys at `keys_url` or, where it is empty, where the issuer says that they are.

    Raises:
        KeysUnavailable: they cannot be loaded.
    """
    url = keys_url or await _discover(session, issuer, seconds)
    return await fetch_keys(session, url, seconds=seconds)


async def _discover(session: aiohttp.ClientSession, issuer: str, seconds: float) -> str:
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    raw = await fetch_document(session, url, seconds=seconds)
    try:
        document: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        document = None
    keys_url = document.get("jwks_uri") if isinstance(document, dict) else None
    # Section 4.3: the issuer must be the very one that was asked for.
    if not isinstance(keys_url, str) or document.get("issuer") != issuer:
        raise KeysUnavailable
    if not is_trustworthy(keys_url):
        raise KeysUnavailable
    return keys_url
