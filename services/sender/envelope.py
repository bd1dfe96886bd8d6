"""What can be told from a delivery without trusting its content. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from common.bus.messages import Delivery
from common.bus.topology import HEADER_FIRST_SEEN
from common.store.records import Claim, Outbound

_LONGEST_ID: Final = 200


def lane_of(delivery: Delivery) -> str:
    """What must be worked on in order: the conversation, or the message where there is none to see.

    Copies of one command have the same lane, so that they wait for each other here instead of being
    deferred.
    """
    raw = _parse(delivery.body)
    to = raw.get("to")
    recipients = to if isinstance(to, list) else [to]
    number = raw.get("number")
    return f"{number} {recipients}" if number and to else delivery.message_id


def readable_command_id(body: bytes) -> str | None:
    """The `command_id` of a command that is not readable as a whole."""
    value = _parse(body).get("command_id")
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
    return value if usable else None


def was_told(delivery: Delivery, claimed: Outbound | None) -> bool:
    """Whether the outcome of a finished text (None: of a recipient that never was one) was told in
    an earlier pass of this command.

    A command is made to wait only after all that is known of it has been told, so what had its
    outcome before the command first waited need not be told each time it comes back. A redelivery
    may follow a crash between recording and telling; then it is told again.
    """
    waited_since = _instant(delivery.headers.get(HEADER_FIRST_SEEN))
    if waited_since is None or delivery.redelivered:
        return False
    if claimed is None:
        return True
    if claimed.claim is not Claim.FINISHED or claimed.outcome is None:
        return False
    return claimed.outcome.at < waited_since


def _instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None


def _parse(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}
