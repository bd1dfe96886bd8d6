"""Where a page ended, as an opaque text."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from common.store.control_ports import BadCursor

_LONGEST: Final = 512


def write_cursor(*keys: str | int | datetime) -> str:
    """The cursor behind an item with these sort keys."""
    values = [["at", key.isoformat()] if isinstance(key, datetime) else key for key in keys]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The sort keys of `write_cursor`, which must be of these kinds.

    Raises:
        BadCursor: it is not a cursor, or one of another list.
    """
    try:
        if len(cursor) > _LONGEST:
            raise BadCursor("too long")
        raw = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        keys = tuple(_key(value) for value in raw)
    except (binascii.Error, ValueError, TypeError, LookupError, OverflowError) as error:
        raise BadCursor("The cursor cannot be read.") from error
    same = len(keys) == len(kinds) and all(
        type(key) is kind for key, kind in zip(keys, kinds, strict=True)
    )
    in_range = all(not isinstance(key, int) or abs(key) < 2**63 for key in keys)
    if not (same and in_range):
        raise BadCursor("The cursor is one of another list.")
    return keys


def _key(value: Any) -> Any:
    if isinstance(value, list):
        kind, text = value
        if kind != "at":
            raise BadCursor("The cursor cannot be read.")
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise BadCursor("The cursor cannot be read.")
        return instant.astimezone(UTC)
    return value
