"""What the webhook counts."""

from __future__ import annotations

from common.metrics import labels
from common.metrics.buckets import FAST
from common.metrics.declaring import WEBHOOK, Maker
from common.metrics.labels import one_of


class WebhookMetrics:
    """Metrics of deliveries and of the events in them."""

    def __init__(self, new: Maker):
        on = (WEBHOOK,)
        self.webhook_requests = new.counter(
            "heliograph_webhook_requests_total",
            "Deliveries by answer.",
            labels.HTTP_STATUS,
            on=on,
        )
        self.webhook_events = new.counter(
            "heliograph_webhook_events_total",
            "Events by type (received, report, other) and result (published, unknown_number, "
            "ignored, parked).",
            one_of("type", "received", "report", "other"),
            one_of("result", "published", "unknown_number", "ignored", "parked"),
            on=on,
        )
        self.webhook_seconds = new.histogram(
            "heliograph_webhook_request_seconds",
            "Time from request to answer.",
            on=on,
            buckets=FAST,
        )
        self.webhook_in_flight = new.gauge(
            "heliograph_webhook_in_flight_requests",
            "Requests that are being answered.",
            on=on,
        )
