"""Signing keys of an identity provider: fetched when needed, kept for a while, never hammered."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

import aiohttp
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError
from yarl import URL

log = structlog.get_logger(__name__)

RS256: Final = "RS256"
ES256: Final = "ES256"

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey
Keys: TypeAlias = Mapping[str, PublicKey]
Fetch = Callable[[], Awaitable[Keys]]

_LARGEST: Final = 256 * 1024
_FEWEST_BITS: Final = 2048
"""RFC 7518, section 3.3: RS256 needs a key of 2048 bits or more."""


class KeysUnavailable(Exception):
    """The keys cannot be loaded and none that would do is kept."""

    code = "signing_keys_unavailable"


class SigningKeys:
    """Keys by their ID.

    Args:
        fetch: loads all keys; raises `KeysUnavailable`.
        fresh_for: seconds for which keys are used without asking again.
        usable_for: seconds for which they are used while they cannot be loaded again.
        settled_for: seconds after a fetch in which an ID that it did not hold is taken as unknown,
            so that made-up IDs cause one fetch in that time at most.
        pause: seconds without another try after a fetch that failed.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        fresh_for: float = 3600.0,
        usable_for: float = 86_400.0,
        settled_for: float = 30.0,
        pause: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._fetch = fetch
        self._fresh_for = fresh_for
        self._usable_for = usable_for
        self._settled_for = settled_for
        self._pause = pause
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")
        self._fetching: asyncio.Task[bool] | None = None

    async def get(self, key_id: str) -> PublicKey | None:
        """The key, or None where a recent fetch says that there is none of that ID.

        Raises:
            KeysUnavailable: it is not known whether there is such a key.
        """
        needed = self._fresh_for if key_id in self._keys else self._settled_for
        if self._age() < needed or await self._refresh():
            return self._keys.get(key_id)
        if key_id in self._keys and self._age() < self._usable_for:
            return self._keys[key_id]
        raise KeysUnavailable

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self) -> bool:
        """Fetch, once for all who wait; False where it failed, now or a moment ago."""
        if self._fetching is None:
            if self._clock() - self._failed_at < self._pause:
                return False
            self._fetching = asyncio.create_task(self._load(), name="jwks")
            self._fetching.add_done_callback(self._fetched)
        return await asyncio.shield(self._fetching)

    def _fetched(self, _: object) -> None:
        self._fetching = None

    async def _load(self) -> bool:
        try:
            self._keys = await self._fetch()
        except KeysUnavailable:
            self._failed_at = self._clock()
            return False
        self._fetched_at = self._clock()
        return True


async def fetch_keys(session: aiohttp.ClientSession, url: str, *, seconds: float) -> Keys:
    """Load a JWK set (RFC 7517).

    Raises:
        KeysUnavailable: unreachable, not in time, too large, or without a usable key.
    """
    body = await fetch_document(session, url, seconds=seconds)
    keys = read_keys(body)
    if not keys:
        log.warning("jwks.unusable", octets=len(body))
        raise KeysUnavailable
    return keys


async def fetch_document(session: aiohttp.ClientSession, url: str, *, seconds: float) -> bytes:
    """Load what an identity provider publishes; empty where its answer is not 200. A redirect is
    not followed, and what is too large is cut off.

    Raises:
        KeysUnavailable: unreachable, or not in time.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            session.get(url, allow_redirects=False) as response,
        ):
            body = await response.content.read(_LARGEST) if response.status == 200 else b""
            while body and len(body) < _LARGEST and not response.content.at_eof():
                body += await response.content.read(_LARGEST)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("jwks.unreachable", error=type(error).__name__)
        raise KeysUnavailable from None
    return body


def is_trustworthy(url: str) -> bool:
    """Whether keys may be loaded from an address: by https, or on this machine."""
    try:
        parsed = URL(url)
    except ValueError:
        return False
    return parsed.scheme == "https" or (parsed.scheme == "http" and _loopback(parsed.host))


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def read_keys(body: bytes) -> Keys:
    """The public keys of a JWK set that may sign with RS256 or ES256; anything else in it is passed
    over."""
    try:
        content: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    entries = content.get("keys") if isinstance(content, dict) else None
    keys: dict[str, PublicKey] = {}
    for entry in entries if isinstance(entries, list) else []:
        key = _public_key(entry)
        if key is not None:
            keys[entry["kid"]] = key
    return keys


def algorithm_of(key: PublicKey) -> str:
    """The one algorithm that a key is good for. What a token's header claims never decides it (RFC
    8725, section 3.1)."""
    return RS256 if isinstance(key, RSAPublicKey) else ES256


def _public_key(entry: Any) -> PublicKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig":
        return None
    try:
        match entry.get("kty"):
            case "RSA":
                return _rsa(RSAAlgorithm.from_jwk(entry))
            case "EC":
                return _elliptic(ECAlgorithm.from_jwk(entry))
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    return None


def _rsa(key: object) -> PublicKey | None:
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _FEWEST_BITS else None


def _elliptic(key: object) -> PublicKey | None:
    on_curve = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    return key if isinstance(key, EllipticCurvePublicKey) and on_curve else None
