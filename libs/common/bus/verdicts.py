"""What becomes of a delivery, as a value, and the one place that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from common.bus import topology
from common.bus.messages import (
    BusError,
    Delivery,
    Outgoing,
    attempts_of,
    proven_user,
    published_key,
    told_of,
)
from common.redact import scrub
from heliograph import wire

_DETAIL_CHARACTERS: Final = 300
_BROKERS_OWN: Final = frozenset(
    {
        "x-death",
        "x-delivery-count",
        "x-first-death-exchange",
        "x-first-death-queue",
        "x-first-death-reason",
        "x-last-death-exchange",
        "x-last-death-queue",
        "x-last-death-reason",
    }
)
"""Headers that RabbitMQ adds when it redelivers or dead-letters; they tell of our waiting only."""

DEATH_HEADERS: Final = {
    topology.HEADER_REASON: "x-first-death-reason",
    topology.HEADER_PARKED_FROM: "x-first-death-queue",
}
"""Our header, and the broker's that stands for it where the broker itself parked a message."""


@dataclass(frozen=True, slots=True)
class Done:
    """Processed: acknowledge."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed, may work later: wait a growing delay, and park when the retries are used up."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Park:
    """Can never work: put it where a person sees it, with the reason."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now, and nobody's fault: come back after `seconds`, without counting an attempt. `told`
    are IDs of messages that were published on behalf of this one, and confirmed; they come back
    with it. A `Retry` adds none: who fails cannot say how far it came."""

    seconds: float
    told: frozenset[str] = frozenset()


Verdict = Done | Retry | Park | Defer


class Publisher(Protocol):
    """The part of a bus that settling needs. `user` is the broker user it publishes as."""

    @property
    def user(self) -> str: ...
    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]: ...


def consequence(
    delivery: Delivery, verdict: Verdict, *, own_user: str, retry_delays: Sequence[float]
) -> Outgoing | None:
    """The message that a verdict puts elsewhere before the delivery is acked, or None."""
    match verdict:
        case Done():
            return None
        case Defer(seconds, told):
            headers = carried_headers(delivery, own_user, told=told)
            return _again(delivery, headers, topology.defer_step(seconds), attempts_of(delivery))
        case Retry(code, detail):
            attempts = attempts_of(delivery)
            if attempts < len(retry_delays):
                headers = carried_headers(delivery, own_user)
                return _again(delivery, headers, retry_delays[attempts], attempts + 1)
            return parked(delivery, code, detail, own_user=own_user)
        case Park(code, detail):
            return parked(delivery, code, detail, own_user=own_user)


def carried_headers(
    delivery: Delivery, own_user: str, *, told: frozenset[str] = frozenset()
) -> dict[str, object]:
    """A message's headers as they go on with it, and what its next reader has to know of its first
    publisher."""
    headers = {key: value for key, value in delivery.headers.items() if key not in _BROKERS_OWN}
    headers.setdefault(topology.HEADER_FIRST_SEEN, datetime.now(UTC).isoformat())
    headers[topology.HEADER_USER] = proven_user(delivery, own_user) or ""
    headers[topology.HEADER_KEY] = published_key(delivery, own_user)
    headers.pop(topology.HEADER_TOLD, None)
    if all_told := sorted(told | told_of(delivery, own_user)):
        headers[topology.HEADER_TOLD] = ",".join(all_told)
    return headers


def _again(delivery: Delivery, headers: dict[str, object], delay: float, attempts: int) -> Outgoing:
    headers[topology.HEADER_ATTEMPTS] = attempts
    return copy_of(delivery, "", topology.wait_queue(delivery.queue, delay), headers)


def parked(delivery: Delivery, code: str, detail: str, *, own_user: str) -> Outgoing:
    """The message as it was, on its way to where a person sees it, with the reason as headers."""
    headers = carried_headers(delivery, own_user) | {
        topology.HEADER_REASON: code,
        topology.HEADER_DETAIL: scrub(detail)[:_DETAIL_CHARACTERS],
        topology.HEADER_PARKED_FROM: delivery.queue,
    }
    return copy_of(delivery, wire.DEAD_EXCHANGE, delivery.queue, headers)


def copy_of(delivery: Delivery, exchange: str, key: str, headers: dict[str, object]) -> Outgoing:
    """The message as it was, for another place."""
    return Outgoing(
        exchange=exchange,
        key=key,
        body=delivery.body,
        type=delivery.type,
        message_id=delivery.message_id,
        headers=headers,
        correlation_id=delivery.correlation_id,
        reply_to=delivery.reply_to,
    )


def no_move() -> None:
    """What is done between moving messages and acking them, outside of tests: nothing."""


Count = Callable[[Delivery, Verdict, Outgoing], None]
"""Is told of a delivery whose message was put elsewhere."""


def no_count(delivery: Delivery, verdict: Verdict, message: Outgoing) -> None:
    """Where nobody counts."""


async def settle(
    bus: Publisher,
    deliveries: Sequence[Delivery],
    verdicts: Sequence[Verdict],
    *,
    retry_delays: Sequence[float],
    in_order: bool,
    moved: Callable[[], None] = no_move,
    count: Count = no_count,
) -> None:
    """Carry out verdicts: what goes elsewhere is confirmed there before it is acked here. Between
    the two `moved` is called, and `count` for each message that went.

    With `in_order` the deliveries are everything unsettled up to the last one on their channel, so
    one multiple-ack settles all. A message that could not be put elsewhere goes back to its queue.
    """
    moves = [
        (delivery, verdict, message)
        for delivery, verdict in zip(deliveries, verdicts, strict=True)
        if not delivery.stale
        and (
            message := consequence(delivery, verdict, own_user=bus.user, retry_delays=retry_delays)
        )
        is not None
    ]
    failed: set[int] = set()
    if moves:
        results = await bus.publish_all([message for _, _, message in moves])
        for (delivery, verdict, message), error in zip(moves, results, strict=True):
            if error is None:
                count(delivery, verdict, message)
            else:
                failed.add(id(delivery))
        if len(failed) < len(moves):
            moved()
    if in_order and not failed:
        if deliveries:
            await deliveries[-1].ack(multiple=True)
        return
    for delivery in deliveries:
        if id(delivery) in failed:
            await delivery.requeue()
        else:
            await delivery.ack()
