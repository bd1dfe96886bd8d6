"""Telesign's signatures: over callbacks, and over requests with digest authentication.

Sources: Telesign docs, "Authentication" (digest) and "Callbacks" (how to verify a signature).
"""

import base64
import hashlib
import hmac

from aiohttp import web


def sign(api_key: str, octets: bytes) -> str:
    """Sign octets. Characters of the key that are outside base64's alphabet do not count."""
    key = base64.b64decode(api_key)
    return base64.b64encode(hmac.digest(key, octets, hashlib.sha256)).decode()


def octets_of(request: web.Request, body: bytes) -> bytes:
    """What is signed of a request."""
    head = request.headers
    stamp = head.get("x-ts-date")
    lines = [
        request.method,
        head.get("Content-Type", ""),
        "" if stamp else head.get("Date", ""),
        f"x-ts-auth-method:{head.get('x-ts-auth-method', '')}",
        *([f"x-ts-date:{stamp}"] if stamp else []),
        f"x-ts-nonce:{head.get('x-ts-nonce', '')}",
    ]
    parts = [line.encode() for line in lines] + ([body] if body else [])
    return b"\n".join([*parts, request.rel_url.raw_path.encode()])
