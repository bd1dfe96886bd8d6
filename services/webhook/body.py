"""The body of a request: bounded in size and time, its content encoding undone.

Event Grid compresses nothing; a proxy on the way may. aiohttp undoes encodings before anybody is
authenticated and refuses those it cannot with a 400, which is final for Event Grid, so that is
switched off and done here, where a refusal is a 415, which is not.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from webhook.problems import SLOW_BODY, TOO_LARGE, UNREADABLE_ENCODING, Refusal

_GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's number for "a gzip header and trailer"."""


async def read_body(request: web.Request, *, limit: int, deadline: float) -> bytes:
    """The body, of `limit` octets at most, decoded too.

    Raises:
        Refusal: too large, not there by the deadline (in the loop's time), or not to be decoded.
    """
    if (request.content_length or 0) > limit:
        raise Refusal(TOO_LARGE)
    decode = _DECODERS.get(",".join(request.headers.getall("Content-Encoding", ())).lower())
    if decode is None:
        raise Refusal(UNREADABLE_ENCODING)
    try:
        async with asyncio.timeout_at(deadline):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(TOO_LARGE) from None
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        raise Refusal(SLOW_BODY) from None
    return decode(body, limit)


def _as_it_is(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise Refusal(TOO_LARGE)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    inflating = zlib.decompressobj(wbits=_GZIP)
    try:
        decoded = inflating.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(UNREADABLE_ENCODING) from None
    if len(decoded) > limit:
        raise Refusal(TOO_LARGE)
    if not inflating.eof:
        raise Refusal(UNREADABLE_ENCODING)
    return decoded


_DECODERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "": _as_it_is,
    "identity": _as_it_is,
    "gzip": _gunzip,
    "x-gzip": _gunzip,  # RFC 9110, section 8.4.1.3: the same.
}
