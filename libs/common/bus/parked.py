"""A parked message: who it is, and how it goes on, as values. Pure.

What is parked may be published again and again before somebody looks after it, so a message is
recognised by what it says (`reference_of`), not by where it stands. Its first publisher, the
routing key that one used and the instant at which it was first seen stay with it on every way: the
sender proves a command's author by the first two, and holds an order against a later opt-out by the
third.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from common.bus.messages import Delivery, Outgoing, first_published_at, proven_user, published_key
from common.bus.topology import (
    HEADER_ATTEMPTS,
    HEADER_DETAIL,
    HEADER_EDITED,
    HEADER_FIRST_SEEN,
    HEADER_KEY,
    HEADER_PARKED_FROM,
    HEADER_REASON,
    HEADER_REPLAYS,
    HEADER_ROUND,
    HEADER_TOLD,
    parked_from,
)
from common.bus.verdicts import DEATH_HEADERS, carried_headers, copy_of
from common.ids import derive

_OF_THE_PARKING: Final = (
    *(HEADER_ATTEMPTS, HEADER_REASON, HEADER_DETAIL, HEADER_PARKED_FROM),
    HEADER_TOLD,
)
"""What a message that goes back to work leaves behind: it starts anew, and its agent is told again
what it was told before."""


def reference_of(delivery: Delivery, own_user: str, *, body: bytes | None = None) -> str:
    """What a parked message is called: the same for copies of it, and for the same message after it
    was published to its parking place again; another one after an edit, to `body`."""
    return derive(
        "dead-letter",
        delivery.message_id,
        delivery.type,
        proven_user(delivery, own_user) or "",
        first_key(delivery, own_user),
        delivery.correlation_id or "",
        delivery.reply_to or "",
        hashlib.sha256(delivery.body if body is None else body).hexdigest(),
    )


def first_key(delivery: Delivery, own_user: str) -> str:
    """The routing key that the message was first published with. Where the broker itself parked it,
    it was told so by nobody but the broker's own header (RabbitMQ documentation, "Dead Letter
    Exchanges")."""
    noted = published_key(delivery, own_user)
    if delivery.user_id == own_user and HEADER_KEY in delivery.headers:
        return noted
    deaths = delivery.headers.get("x-death")
    for death in deaths if isinstance(deaths, list) else ():
        if isinstance(death, Mapping) and death.get("queue") == parked_from(delivery.queue):
            keys = death.get("routing-keys")
            if isinstance(keys, list) and keys and isinstance(keys[0], str):
                return keys[0]
    return noted


def marked(delivery: Delivery, header: str, own_user: str) -> str:
    """What one of our own marks says; "" on a message that somebody else has published."""
    value = delivery.headers.get(header) if delivery.user_id == own_user else None
    return value if isinstance(value, str) else ""


def replays_of(delivery: Delivery, own_user: str) -> int:
    """How often a person has put the message back to work."""
    value = delivery.headers.get(HEADER_REPLAYS) if delivery.user_id == own_user else None
    return value if isinstance(value, int) and value > 0 else 0


def renewed(delivery: Delivery, *, own_user: str, round_id: str = "") -> Outgoing:
    """A parked message as it was, for the end of its own parking place. `round_id` marks it as seen
    by a replay of many."""
    headers = _headers(delivery, own_user)
    if round_id:
        headers[HEADER_ROUND] = round_id
    return copy_of(delivery, "", delivery.queue, headers)


def edited(delivery: Delivery, body: bytes, *, own_user: str) -> Outgoing:
    """A parked message with another body, for the end of its parking place. Whose it is stays."""
    headers = _headers(delivery, own_user)
    headers[HEADER_EDITED] = reference_of(delivery, own_user)
    headers.pop(HEADER_ROUND, None)
    return replace(copy_of(delivery, "", delivery.queue, headers), body=body)


def replayed(delivery: Delivery, *, own_user: str, round_id: str = "") -> Outgoing:
    """A parked message, back to the queue that it was parked from and to no other, its attempts
    counted anew. It goes there as one that has waited does, straight and not over its exchange, so
    that nobody else who listens there gets it twice."""
    headers = _headers(delivery, own_user)
    for name in _OF_THE_PARKING:
        headers.pop(name, None)
    headers.pop(HEADER_EDITED, None)
    headers[HEADER_REPLAYS] = replays_of(delivery, own_user) + 1
    headers[HEADER_ROUND] = round_id
    return copy_of(delivery, "", parked_from(delivery.queue), headers)


def _headers(delivery: Delivery, own_user: str) -> dict[str, object]:
    """What only the broker said of its death is kept in our words."""
    headers = carried_headers(delivery, own_user)
    headers[HEADER_KEY] = first_key(delivery, own_user)
    if delivery.user_id != own_user or HEADER_FIRST_SEEN not in delivery.headers:
        first = first_published_at(delivery, own_user) or datetime.now(UTC)
        headers[HEADER_FIRST_SEEN] = first.isoformat()
    for ours, brokers in DEATH_HEADERS.items():
        if ours not in headers and brokers in delivery.headers:
            headers[ours] = delivery.headers[brokers]
    return headers
