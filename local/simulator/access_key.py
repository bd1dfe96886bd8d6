"""The HMAC access-key scheme of ACS, checked as the service does.

Source: Microsoft docs, "Sign an HTTP request" (Communication Services).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aiohttp import web

from local.simulator.answers import DENIED, HASH_DIFFERS, Answer
from local.simulator.clock import now, parse_rfc1123

# ACS publishes no tolerance; App Configuration, which uses the same scheme, allows 15 minutes
# (Microsoft docs, "HMAC authentication" of App Configuration).
CLOCK_SKEW = timedelta(minutes=15)
_SCHEME = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="


class AccessKeys:
    """The keys of one resource, and who may call with them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.accept_only(*keys)

    def accept_only(self, *keys: str) -> None:
        """From now on these keys, in base64, are good, and no others."""
        self._keys = [base64.b64decode(key, validate=True) for key in keys]

    def refusal(self, request: web.BaseRequest, body: bytes) -> Answer | None:
        """Give the 401 that a request earns, or None."""
        return refusal(
            method=request.method,
            path=request.raw_path,
            headers=request.headers,
            body=body,
            keys=self._keys,
            now=now(),
        )


def content_hash(body: bytes) -> str:
    """Give the value of `x-ms-content-sha256`."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def signature(key: bytes, *, method: str, path: str, date: str, host: str, digest: str) -> str:
    """Sign one request; `path` includes the query, exactly as it went over the wire."""
    text = f"{method}\n{path}\n{date};{host};{digest}"
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def refusal(
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    keys: Sequence[bytes],
    now: datetime,
) -> Answer | None:
    """Give the 401 that a request earns, or None when one of the keys signed it just now.

    `headers` must look names up without regard to case, as aiohttp's do.
    """
    authorization = headers.get("Authorization", "")
    date = headers.get("x-ms-date", "")
    instant = parse_rfc1123(date)
    if not authorization.startswith(_SCHEME) or instant is None or abs(now - instant) > CLOCK_SKEW:
        return DENIED
    digest = content_hash(body)
    if not hmac.compare_digest(headers.get("x-ms-content-sha256", "").encode(), digest.encode()):
        return HASH_DIFFERS
    claimed = authorization.removeprefix(_SCHEME).encode()
    host = headers.get("Host", "")
    signed = [
        signature(key, method=method, path=path, date=date, host=host, digest=digest)
        for key in keys
    ]
    return None if any(hmac.compare_digest(claimed, s.encode()) for s in signed) else DENIED
