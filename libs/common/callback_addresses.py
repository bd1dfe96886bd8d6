"""Where providers call a connection back, and what proves it: derived from the tenant's data key.

Nothing of it is kept anywhere, so nothing can be stolen from the database, and every service that
may open credentials comes to the same. An address stays the same when the credentials change, and
when a connection comes back after it was disconnected.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.providers.callbacks import CallbackKeys, Door
from common.secrets import TenantKey

PATH: Final = "/api/webhooks/{provider}/{connection_id}/{token}"
"""The route; `local.simulators` and the portals of providers know it in this form."""


@dataclass(frozen=True, slots=True)
class BasicLogin:
    """User name and password that a provider is to send us, by HTTP Basic."""

    username: str
    password: str = field(repr=False)


def token(key: TenantKey, connection_id: str, door: Door) -> str:
    """The unguessable part of an address: 256 bits in URL-safe base64, 43 characters."""
    return _text(key.derive("callback-token", connection_id, door))


def basic_login(key: TenantKey, connection_id: str) -> BasicLogin:
    """What the provider's portal is given for HTTP Basic. The password is shorter than a token,
    144 bits in 24 characters, because some portals take no longer ones."""
    password = _text(key.derive("callback-password", connection_id)[:18])
    return BasicLogin(connection_id, password)


def keys_of(key: TenantKey, connection_id: str, credentials: Mapping[str, str]) -> CallbackKeys:
    """What a connection's callbacks are proven with."""
    login = basic_login(key, connection_id)
    return CallbackKeys(credentials=credentials, username=login.username, password=login.password)


def path(provider: str, connection_id: str, secret: str) -> str:
    """The path of an address."""
    return PATH.format(provider=provider, connection_id=connection_id, token=secret)


def address(public_url: str, provider: str, key: TenantKey, connection_id: str, door: Door) -> str:
    """A whole address. `public_url` has no trailing slash."""
    return f"{public_url}{path(provider, connection_id, token(key, connection_id, door))}"


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
