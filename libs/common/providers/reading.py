"""What adapters read with: JSON, HTTP Basic, our own message ID, an instant, what somebody said."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from common.providers.callbacks import CallbackKeys, CallbackRequest, UnreadableEvent
from common.redact import scrub, unquote

_OWN_ID: Final = re.compile(r"[0-9a-f]{32}")
"""The form of an ID made by `common.ids.derive`."""


def basic_problem(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """None where a request logs in by HTTP Basic (RFC 7617) as we told the provider to, else why it
    does not. For providers that sign nothing."""
    scheme, _, coded = (request.headers.get("Authorization") or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return "no Basic login"
    try:
        login = base64.b64decode(coded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return "the Basic login is not base64"
    ours = hmac.compare_digest(login, f"{keys.username}:{keys.password}".encode())
    return None if ours else "the Basic login is not ours"


def own_reference(told: object) -> str | None:
    """What a provider echoes, where it is one of our own message IDs: a reference is free text, and
    others may send through the same account."""
    return told if isinstance(told, str) and _OWN_ID.fullmatch(told) else None


def parse_instant(value: object) -> datetime | None:
    """An ISO 8601 instant in UTC (also without a zone, with up to 7 fraction digits), or None where
    it is not readable: a text is worth more than its time."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip())
        if instant.tzinfo is None:
            return instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_LOOKED_AT: Final = 4_000
_LONGEST_SAYING: Final = 300
"""Characters of somebody's words that are looked at, and that are kept."""


def brief(said: str, secrets: Iterable[str] = ()) -> str:
    """What a provider says, fit for people and logs: one line of at most 300 characters, without
    phone numbers, labelled secrets and the given ones. Empty where nothing is said."""
    line = " ".join(said[:_LOOKED_AT].split())
    for secret in secrets:
        line = unquote(line, secret)
    # Masked before it is cut: half a secret is not recognised as one.
    return scrub(line)[:_LONGEST_SAYING].rstrip()


_LONGEST_INTEGER: Final = 18
"""Digits of an integer that JSON readers agree on; a longer one becomes a float."""


def load_json(body: bytes) -> Any:
    """A body as JSON values, read also where orjson refuses although it is somebody's text: half of
    a surrogate pair (a text cut in the middle of an emoji), a byte order mark, a byte that is not
    UTF-8. What cannot be kept becomes U+FFFD.

    Raises:
        UnreadableEvent: it is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _load_leniently(body)


def _load_leniently(body: bytes) -> Any:
    try:
        content = json.loads(
            body.decode("utf-8-sig", "replace"),
            parse_int=lambda digits: (
                int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)
            ),
            parse_constant=lambda _: None,
        )
        return _repair(content)
    except (ValueError, RecursionError):
        raise UnreadableEvent("the body is not JSON") from None


def _repair(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_repair(item) for item in value]
    if isinstance(value, dict):
        return {_repair(name): _repair(item) for name, item in value.items()}
    return value
