"""How the door is built from the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import aiohttp

from common.jwks import SigningKeys
from common.store.clock import utc_now
from common.store.control_ports import AuditTrail, Keys, Sessions
from health.access.door import Door
from health.access.key_check import KeyCheck
from health.access.oidc import Expected, OidcTokens, fetch_issuers_keys
from health.access.secrets import Hashing
from health.access.settings import AccessSettings
from health.access.throttle import Throttle

_PATIENCE: Final = 5.0
"""Seconds that an identity provider may take."""


def build_door(
    settings: AccessSettings,
    *,
    keys: Keys,
    sessions: Sessions,
    audit: AuditTrail,
    hashing: Hashing,
    http: aiohttp.ClientSession,
    clock: Callable[[], datetime] = utc_now,
) -> Door:
    """The door of a process.

    Args:
        http: with which an identity provider's keys are loaded; the caller closes it.
    """
    throttle = Throttle(
        sessions,
        per_address=settings.health_wrong_tries_per_address,
        per_key=settings.health_wrong_tries_per_key,
        window=settings.health_wrong_tries_window,
    )
    return Door(
        check=KeyCheck(keys=keys, audit=audit, hashing=hashing, throttle=throttle, clock=clock),
        sessions=sessions,
        audit=audit,
        throttle=throttle,
        tokens=_tokens(settings, http),
        lifetime=timedelta(hours=settings.health_session_hours),
        secure=settings.health_secure_cookies,
        proxies=settings.health_proxies,
        clock=clock,
    )


def _tokens(settings: AccessSettings, http: aiohttp.ClientSession) -> OidcTokens | None:
    issuer = settings.health_oidc_issuer
    if not issuer:
        return None
    keys = SigningKeys(
        lambda: fetch_issuers_keys(
            http, issuer=issuer, keys_url=settings.health_oidc_jwks_url, seconds=_PATIENCE
        )
    )
    expected = Expected(
        issuer=issuer,
        audiences=settings.health_oidc_audience,
        role_claim=settings.health_oidc_role_claim,
        tenant_claim=settings.health_oidc_tenant_claim,
    )
    return OidcTokens(keys, expected)
