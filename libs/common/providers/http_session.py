"""Calling a provider's HTTP API once: a pooled session, bounded in time and size, never retrying.

What an exception means for a text is decided here for all adapters: only a connection that never
came about proves that nothing was sent, be it the provider's or a tunnel through our own proxy; a
timeout after that, a broken connection and an answer that cannot be read leave it open. Source:
aiohttp docs, "Client exceptions".

A session knows its secrets, so whatever an answer quotes of them is masked in `detail_of`.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from multidict import CIMultiDict

from common import tracing
from common.providers.hosts import is_loopback
from common.providers.port import Ambiguous, Health, NotProcessed, Unknown
from common.providers.reading import brief
from common.spans import Attribute
from heliograph.codes import OutcomeCode

_CONNECT_SECONDS: Final = 3.0
"""A connection that takes longer counts as refused: nothing has left, so trying again is safe."""

_IDLE_SECONDS: Final = 15.0
"""An idle connection is closed by us before any load balancer does it (60 is usual, and 20 occur):
a text that is written into a connection that is just being closed is in doubt for nothing."""

_LARGEST_ANSWER: Final = 262_144
"""Octets. A larger answer is none of these APIs'."""

_PLAIN_HEADERS: Final = frozenset({"accept", "content-type", "user-agent"})
"""Headers of which everybody may know the value; any other holds a secret."""

_NEVER_CONNECTED: Final = (
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientConnectorError,
    # A proxy refused the tunnel (CONNECT) that the request would have gone through.
    aiohttp.ClientHttpProxyError,
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What of the request nobody may see where the answer quotes it."""

    @property
    def json(self) -> object:
        """The body as JSON, None where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def fields(self) -> Mapping[str, object]:
        """The body as a JSON object, empty where it is none."""
        value = self.json
        return value if isinstance(value, dict) else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds that the provider wants us to wait."""
        return retry_after(self.headers)


class HttpSession:
    """One connection's session.

    Args:
        timeout: seconds that one call may take.
        auth: user name and password for HTTP Basic, if the provider wants it.
        headers: sent with every call.
        address: where the calls go; to this machine no proxy is in between.
    """

    def __init__(
        self,
        *,
        timeout: float,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        address: str,
    ):
        self._timeout = timeout
        self._headers = dict(headers or {})
        if auth is not None:
            self._headers["Authorization"] = _basic(*auth)
        self._secrets = _secrets_of(auth, self._headers)
        self._loopback = is_loopback(urlsplit(address).hostname or "")
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> HttpAnswer | NotProcessed | Ambiguous:
        """Make one call. Never raises for a fault of the other side, follows no redirect."""
        headers = dict(self._headers)
        if content_type is not None:
            headers["Content-Type"] = content_type
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._open().request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                tracing.here().note({Attribute.HTTP_STATUS: answer.status})
                raw = await _bounded(answer)
                return HttpAnswer(answer.status, CIMultiDict(answer.headers), raw, self._secrets)
        except _NEVER_CONNECTED as error:
            return NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # The class only: a message may hold an address or what the other side sent.
            return Ambiguous(type(error).__name__)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        """The session, made at the first call, which is made by the loop that uses it."""
        if self._session is None:
            connect = min(_CONNECT_SECONDS, 0.9 * self._timeout)
            self._session = aiohttp.ClientSession(
                # Names that are not resolved in time, and a full pool, count as not connected.
                timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect),
                connector=aiohttp.TCPConnector(keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=not self._loopback,
            )
        return self._session


def _basic(user: str, password: str) -> str:
    """The header of HTTP Basic (RFC 7617); aiohttp's own class for it is on its way out."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _secrets_of(auth: tuple[str, str] | None, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The password, and of each header that is not plain what stands behind its scheme."""
    sent = [value for name, value in headers.items() if name.lower() not in _PLAIN_HEADERS]
    return (*(auth[1:] if auth is not None else ()), *(it.rpartition(" ")[2] for it in sent))


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body, no more of it than any of these APIs answers; the rest is not read."""
    raw = b""
    async for chunk in answer.content.iter_chunked(65_536):
        raw += chunk
        if len(raw) > _LARGEST_ANSWER:
            raise ValueError("the answer is too large")
    return raw


def detail_of(answer: HttpAnswer, code: object = "", text: object = "") -> str:
    """What an answer says, fit for logs: one line without secrets and numbers."""
    return brief(f"HTTP {answer.status} {code or ''} {text or ''}", answer.secrets)


def not_asked(heard: NotProcessed | Ambiguous) -> Health:
    """What a call without an answer says of credentials: nothing."""
    return Unknown(f"The provider did not answer ({heard.detail}).")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    value = (headers.get("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        return _until(value, now or datetime.now(UTC))
    return seconds if 0 <= seconds < float("inf") else None


def _until(value: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
