"""Tokens of Microsoft Entra ID on deliveries.

Sources: Microsoft docs, "Secure webhook delivery with Microsoft Entra ID in Azure Event Grid" (the
application ID, the role) and "Access token claims reference" (`appid` in v1 tokens, `azp` in v2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from common.jwks import RS256, KeysUnavailable, SigningKeys, algorithm_of
from webhook.problems import KEYS_UNAVAILABLE, NO_TOKEN, WRONG_CALLER, WRONG_TOKEN, Refusal

EVENT_GRID_APP: Final = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Event Grid's own application in the public cloud."""

_ALGORITHM: Final = RS256
_LEEWAY: Final = 60
_LONGEST: Final = 16 * 1024


def issuers_of(tenant_id: str) -> tuple[str, str]:
    """Who issues a tenant's v1 and v2 tokens."""
    return (
        f"https://sts.windows.net/{tenant_id}/",
        f"https://login.microsoftonline.com/{tenant_id}/v2.0",
    )


def keys_url_of(tenant_id: str) -> str:
    """Where a tenant's signing keys are."""
    return f"https://login.microsoftonline.com/{tenant_id}/discovery/v2.0/keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say. An empty `apps` or `role` is not asked for."""

    audiences: Sequence[str]
    issuers: Sequence[str]
    apps: frozenset[str]
    role: str


class EntraTokens:
    """Checks bearer tokens."""

    def __init__(self, keys: SigningKeys, expected: Expected):
        self._keys = keys
        self._expected = expected

    async def admit(self, authorization: str) -> None:
        """Let the bearer of a token pass.

        Raises:
            Refusal: 401 for a token that proves nothing, 403 for a genuine one of another caller,
                503 where the keys to check it with cannot be loaded.
        """
        token = _bearer(authorization)
        try:
            key = await self._keys.get(_key_id(token))
        except KeysUnavailable:
            raise Refusal(KEYS_UNAVAILABLE) from None
        if key is None or algorithm_of(key) != _ALGORITHM:
            raise Refusal(WRONG_TOKEN)
        if not permitted(self._verified(token, key), self._expected):
            raise Refusal(WRONG_CALLER)

    def _verified(self, token: str, key: Any) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._expected.audiences,
                issuer=self._expected.issuers,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError:
            raise Refusal(WRONG_TOKEN) from None


def permitted(claims: Mapping[str, Any], expected: Expected) -> bool:
    """Whether a genuine token's application and roles may deliver events."""
    app = claims.get("appid") or claims.get("azp")
    if expected.apps and (not isinstance(app, str) or app.lower() not in expected.apps):
        return False
    roles = claims.get("roles")
    return not expected.role or (isinstance(roles, list) and expected.role in roles)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST:
        raise Refusal(NO_TOKEN)
    return token


def _key_id(token: str) -> str:
    """The key that a token claims to be signed with; any algorithm but RS256 is refused before
    anything is done with it."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError):
        raise Refusal(NO_TOKEN) from None
    key_id = header.get("kid")
    if header.get("alg") != _ALGORITHM or not isinstance(key_id, str):
        raise Refusal(WRONG_TOKEN)
    return key_id
