"""What the health service counts."""

from __future__ import annotations

from common.metrics import labels
from common.metrics.buckets import FAST
from common.metrics.declaring import HEALTH, Maker
from common.metrics.labels import one_of


class HealthMetrics:
    """Metrics of checks, of overdue reports, and of console and API."""

    def __init__(self, new: Maker):
        on = (HEALTH,)
        self.validations = new.counter(
            "heliograph_connection_checks_total",
            "Connection checks by provider and result (healthy, unhealthy, unknown).",
            labels.PROVIDER,
            one_of("result", "healthy", "unhealthy", "unknown"),
            on=on,
        )
        self.overdue_reports = new.counter(
            "heliograph_overdue_reports_total",
            "Texts whose final delivery report was overdue, by provider and result (told: asked "
            "for and told; missing; later: to be asked again).",
            labels.PROVIDER,
            one_of("result", "told", "missing", "later"),
            on=on,
        )
        self.console_requests = new.counter(
            "heliograph_console_requests_total",
            "Requests of API and console, by route and HTTP status.",
            labels.ROUTE,
            labels.HTTP_STATUS,
            on=on,
        )
        self.console_seconds = new.histogram(
            "heliograph_console_request_seconds",
            "Time from a request of API or console to its answer, by kind (api, page, stream).",
            one_of("kind", "api", "page", "stream"),
            on=on,
            buckets=FAST,
        )
