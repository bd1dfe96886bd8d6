"""Where messages go that cannot be handled: a person finds them there, with the reason."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from heliograph import wire
from heliograph.connection import Connection
from heliograph.errors import HeliographError
from heliograph.session import BrokerFault, Delivery, Disconnected, properties_of

log = logging.getLogger("heliograph")

_DETAIL_CHARACTERS: Final = 300
_DIGITS: Final = re.compile(r"\d{3,}(?=\d{2})")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message is parked: a stable code and a sentence."""

    code: str
    detail: str


def blame(error: BaseException, attempts: int) -> Reason:
    """The reason to park a message whose handler failed too often."""
    return Reason("handler_failed", f"{where(error)} after {attempts} attempts")


def where(error: BaseException) -> str:
    """The place of an exception, without its text, which may hold what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def mask(text: str) -> str:
    """A text in which no phone number can be read."""
    return _DIGITS.sub("•••", text)


async def park(connection: Connection, deliveries: Sequence[Delivery], reason: Reason) -> bool:
    """Publish a message to its parking place and settle its deliveries. False: not now.

    Where the broker does not take it there (no such place, or not for this user), it is rejected,
    and the broker dead-letters it itself, without the reason.
    """
    last = deliveries[-1]
    headers = dict(last.properties.headers or {}) | {
        wire.HEADER_REASON: reason.code,
        wire.HEADER_DETAIL: mask(reason.detail)[:_DETAIL_CHARACTERS],
        wire.HEADER_PARKED_FROM: connection.queue,
    }
    headers.setdefault(wire.HEADER_FIRST_SEEN, datetime.now(UTC).isoformat())
    headers.pop("x-death", None)
    properties = properties_of(
        type=last.type,
        message_id=last.properties.message_id,
        correlation_id=last.properties.correlation_id,
        user=connection.user,
        headers=headers,
        timestamp=last.properties.timestamp,
    )
    try:
        session = await connection.session()
        await session.publish(wire.DEAD_EXCHANGE, connection.queue, last.body, properties)
    except (Disconnected, HeliographError):
        return False
    except BrokerFault as error:
        log.warning("heliograph: rejecting instead of parking (%s)", error)
        for delivery in deliveries:
            await delivery.reject()
        return True
    for delivery in deliveries:
        await delivery.ack()
    return True
