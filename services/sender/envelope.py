"""What can be told from a delivery without trusting its content. Pure."""

from __future__ import annotations

from typing import Any, Final

import orjson

from common.bus.messages import Delivery
from common.events import TextDecided

_LONGEST_ID: Final = 200


def lane_of(delivery: Delivery) -> str:
    """What must be worked on in order: the conversation, or the message where there is none to see.

    Copies of one command have the same lane, so that they wait for each other here instead of being
    deferred; and so have the nudges for one decided text, whatever else is written in them.
    """
    raw = _parse(delivery.body)
    if delivery.type == TextDecided.type:
        return f"decided {raw.get('message_id')}"
    to = raw.get("to")
    recipients = to if isinstance(to, list) else [to]
    number = raw.get("number")
    return f"{number} {recipients}" if number and to else delivery.message_id


def readable_command_id(body: bytes) -> str | None:
    """The `command_id` of a command that is not readable as a whole."""
    value = _parse(body).get("command_id")
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
    return value if usable else None


def _parse(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}
