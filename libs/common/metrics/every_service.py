"""What every service exports, and what several do: readiness, the bus, the store, work queues."""

from __future__ import annotations

from typing import Final

from common.metrics import labels
from common.metrics.buckets import WAITS
from common.metrics.declaring import EVERY, PROCESSOR, SENDER, WEBHOOK, Maker
from common.metrics.labels import Label, one_of

_READERS: Final = (WEBHOOK, PROCESSOR, SENDER)
_WORKERS: Final = (PROCESSOR, SENDER)


class EveryServiceMetrics:
    """Metrics of what the services have in common."""

    def __init__(self, new: Maker):
        self.ready = new.gauge(
            "heliograph_ready",
            "1 while the service can keep its promise, else 0.",
            on=EVERY,
        )
        self.build_info = new.gauge(
            "heliograph_build_info",
            "Always 1; its labels say which build this is.",
            one_of("service", *EVERY),
            Label("version", pattern=r"\d+\.\d+\.\d+\S{0,20}|unknown", said="the release"),
            Label(
                "revision",
                pattern=r"[0-9a-f]{7,64}|unknown",
                said="the source's revision, or `unknown`",
            ),
            Label("python", pattern=r"\d+\.\d+\.\d+\S{0,10}", said="Python's version"),
            on=EVERY,
        )
        self.bus_connected = new.gauge(
            "heliograph_bus_connected",
            "1 while RabbitMQ is connected and can be published to, else 0.",
            on=EVERY,
        )
        self.bus_publishes = new.counter(
            "heliograph_bus_publishes_total",
            "Messages published, by exchange and the broker's answer (confirmed, returned: no "
            "queue is bound, refused: a queue is full, unavailable: no answer).",
            labels.EXCHANGE,
            one_of("result", "confirmed", "returned", "refused", "unavailable"),
            on=EVERY,
        )
        self.bus_consumers = new.gauge(
            "heliograph_bus_consumers",
            "Consumers that this process has on a queue at the moment.",
            labels.READ_QUEUE,
            on=_READERS,
        )
        self.bus_in_hand = new.gauge(
            "heliograph_bus_in_hand_messages",
            "Messages that were delivered to this process and are not settled yet.",
            labels.READ_QUEUE,
            on=_READERS,
        )
        self.queue_wait = new.histogram(
            "heliograph_queue_wait_seconds",
            "Time from a message's publication to the begin of work on it, of messages that come "
            "for the first time.",
            labels.WORK_QUEUE,
            on=_WORKERS,
            buckets=WAITS,
        )
        self.retries = new.counter(
            "heliograph_retries_total",
            "Messages that failed and wait to be tried again, by queue and reason.",
            labels.WORK_QUEUE,
            labels.RETRY_REASON,
            on=_WORKERS,
        )
        self.deferred = new.counter(
            "heliograph_deferred_total",
            "Messages that wait without having failed (a lease, a limit, a full queue).",
            labels.WORK_QUEUE,
            on=_WORKERS,
        )
        self.parked = new.counter(
            "heliograph_parked_total",
            "Messages parked in a dead-letter queue, by queue and reason code.",
            labels.WORK_QUEUE,
            labels.REASON,
            on=_READERS,
        )
        self.uncertain = new.counter(
            "heliograph_uncertain_total",
            "Texts of which nobody knows whether they went out, by provider and step (begun; "
            "settled by a report).",
            labels.PROVIDER,
            one_of("step", "begun", "settled"),
            on=_WORKERS,
        )
        self.spans = new.counter(
            "heliograph_spans_total",
            "Spans of traces that were sent to the collector, by what became of them (exported; "
            "failed: not taken). What a full queue dropped is in neither.",
            one_of("result", "exported", "failed"),
            on=EVERY,
        )
        self.mongodb_connected = new.gauge(
            "heliograph_mongodb_connected",
            "1 while the driver knows a primary of the replica set, else 0.",
            on=EVERY,
        )
        self.mongodb_pool = new.gauge(
            "heliograph_mongodb_pool_connections",
            "Connections to MongoDB by state.",
            one_of("state", "in_use", "idle"),
            on=EVERY,
        )
