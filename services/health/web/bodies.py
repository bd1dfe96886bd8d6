"""The one place that reads what a request carries: octets, a form, JSON. What cannot be read is the
sender's fault, and said so."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from health.web.problems import Problem, ProblemCode

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
FORM_TYPES: Final = frozenset({FORM_TYPE, _MULTIPART})
"""What browsers post forms as. No page of ours has a file to send, so the second is refused."""

_MOST_FIELDS: Final = 1_000
_UTF_8: Final = frozenset({"utf-8", "utf8"})
_FORM: Final = web.RequestKey("form", MultiDictProxy[str])

_PLAIN: Final = frozenset({"", "identity"})


async def read_octets(request: web.Request) -> bytes:
    """The body as it came.

    Raises:
        Problem: `UNSUPPORTED_MEDIA_TYPE` for a compressed one, `TOO_LARGE`, `BAD_REQUEST` where it
            does not arrive as its headers say.
    """
    if ",".join(request.headers.getall("Content-Encoding", ())).strip().lower() not in _PLAIN:
        raise Problem(
            ProblemCode.UNSUPPORTED_MEDIA_TYPE,
            "The body is compressed.",
            remedy="Send it without `Content-Encoding`.",
        )
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise Problem(ProblemCode.TOO_LARGE) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Problem(ProblemCode.BAD_REQUEST, "The body did not arrive whole.") from None


async def read_form(request: web.Request) -> MultiDictProxy[str]:
    """The fields of a posted form, none where nothing was posted. A form is in UTF-8 (WHATWG URL,
    "application/x-www-form-urlencoded parsing").

    Raises:
        Problem: `UNSUPPORTED_MEDIA_TYPE`, `TOO_LARGE`, `BAD_REQUEST`.
    """
    if _FORM not in request:
        raw = await read_octets(request)
        if raw and (request.content_type != FORM_TYPE or not _in_utf_8(request)):
            raise Problem(
                ProblemCode.UNSUPPORTED_MEDIA_TYPE,
                "The body is not a form in UTF-8.",
                remedy=f"Send `Content-Type: {FORM_TYPE}`.",
            )
        request[_FORM] = MultiDictProxy(MultiDict(_fields_of(raw)))
    return request[_FORM]


def _in_utf_8(request: web.Request) -> bool:
    return (request.charset or "utf-8").lower() in _UTF_8


def _fields_of(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode().rstrip(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:  # Of which UnicodeDecodeError is one.
        raise Problem(ProblemCode.BAD_REQUEST, "The form cannot be read.") from None


async def read_json(request: web.Request) -> Any:
    """The body as JSON, an empty object where there is none.

    Raises:
        Problem: `UNSUPPORTED_MEDIA_TYPE`, `TOO_LARGE`, `BAD_REQUEST`.
    """
    raw = await read_octets(request)
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Problem(ProblemCode.BAD_REQUEST, "The body is not JSON.") from None
