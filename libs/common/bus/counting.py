"""What the bus tells of itself: connection and consumers, what was published, how long work waited
and what became of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog

from common import tracing
from common.bus.messages import (
    BusError,
    BusUnavailable,
    Delivery,
    Outgoing,
    PublishRefused,
    Unroutable,
    traceparent_of,
    waited,
)
from common.bus.verdicts import Defer, Retry, Verdict
from common.metrics import Children, Metrics
from common.metrics.labels import OTHER, REASON, RETRY_REASON, exchange_label, queue_label
from heliograph import wire

log = structlog.get_logger(__name__)

_RESULTS: Final[dict[type[BusError] | None, str]] = {
    None: "confirmed",
    Unroutable: "returned",
    PublishRefused: "refused",
    BusUnavailable: "unavailable",
}
_REASONS: Final = frozenset(REASON.values)
_RETRY_REASONS: Final = frozenset(RETRY_REASON.values)


class Hand:
    """The deliveries of one channel that are not settled yet, in their order."""

    __slots__ = ("_tags",)

    def __init__(self) -> None:
        self._tags: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def take(self, tag: int) -> None:
        self._tags[tag] = None

    def settle(self, tag: int, *, multiple: bool = False) -> None:
        """Settle one delivery, or it and all before it."""
        if not multiple:
            self._tags.pop(tag, None)
            return
        while self._tags and (first := next(iter(self._tags))) <= tag:
            del self._tags[first]


class Reading(Protocol):
    """A subscription as it is counted."""

    @property
    def label(self) -> str: ...
    @property
    def attached(self) -> bool: ...
    @property
    def in_hand(self) -> int: ...


class BusCounts:
    """What a bus tells of itself. States are looked at when somebody asks."""

    def __init__(self, metrics: Metrics, *, connected: Callable[[], bool]):
        self._metrics = metrics
        self._publishes = Children(metrics.bus_publishes)
        metrics.bus_connected.set_function(connected)

    def watch(self, subscriptions: Sequence[Reading], label: str) -> None:
        """Tell of those of the subscriptions that have this label, also of later ones."""

        def consumers() -> float:
            return sum(it.attached for it in subscriptions if it.label == label)

        def in_hand() -> float:
            return sum(it.in_hand for it in subscriptions if it.label == label)

        self._metrics.bus_consumers.labels(label).set_function(consumers)
        self._metrics.bus_in_hand.labels(label).set_function(in_hand)

    def published(self, messages: Iterable[Outgoing], results: Iterable[BusError | None]) -> None:
        """Count publishes by what became of them."""
        kinds = Counter(
            (message.exchange, None if result is None else type(result))
            for message, result in zip(messages, results, strict=True)
        )
        for (exchange, kind), number in kinds.items():
            self._publishes[exchange_label(exchange), _RESULTS[kind]].inc(number)


class WorkCounts:
    """What a worker tells of the messages that it works on."""

    def __init__(self, metrics: Metrics):
        self._wait = Children(metrics.queue_wait)
        self._retries = Children(metrics.retries)
        self._deferred = Children(metrics.deferred)
        self._parked = Children(metrics.parked)

    def begun(self, deliveries: Sequence[Delivery]) -> None:
        """Work on these, which are of one queue, begins now."""
        if not deliveries:
            return
        now, wait = time.time(), self._wait[(queue_label(deliveries[0].queue),)]
        for delivery in deliveries:
            seconds = waited(delivery, now)
            if seconds is not None:
                wait.observe(seconds)

    def moved(self, delivery: Delivery, verdict: Verdict, message: Outgoing) -> None:
        """A verdict has put the message elsewhere, and the broker has confirmed it."""
        queue = queue_label(delivery.queue)
        if message.exchange == wire.DEAD_EXCHANGE:
            code = getattr(verdict, "code", OTHER)
            self._parked[queue, _known(code, _REASONS)].inc()
            if isinstance(verdict, Retry):
                log.warning(
                    "message.parked",
                    queue=delivery.queue,
                    reason=code,
                    bus_message_id=delivery.message_id,
                    trace_id=tracing.id_of(traceparent_of(delivery)),
                )
        elif isinstance(verdict, Retry):
            self._retries[queue, _known(verdict.code, _RETRY_REASONS)].inc()
        elif isinstance(verdict, Defer):
            self._deferred[(queue,)].inc()


def _known(code: str, codes: frozenset[str]) -> str:
    return str(code) if code in codes else OTHER
