"""Every metric, named once. Names and units follow the Prometheus conventions; no label ever holds
a phone number, a text or an ID.

A process builds one `Metrics` over one registry and passes it to whoever counts.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry | None = None):
        self.registry = registry or CollectorRegistry()
        reg = self.registry
        self.webhook_requests = Counter(
            "heliograph_webhook_requests_total",
            "Deliveries by answer.",
            ["status"],
            registry=reg,
        )
        self.webhook_events = Counter(
            "heliograph_webhook_events_total",
            "Events by type (received, report, other) and result (published, unknown_number, "
            "ignored, parked).",
            ["type", "result"],
            registry=reg,
        )
        self.webhook_seconds = Histogram(
            "heliograph_webhook_request_seconds",
            "Time from request to answer.",
            buckets=_FAST,
            registry=reg,
        )
        self.inbound_texts = Counter(
            "heliograph_inbound_texts_total",
            "Inbound texts by result (handed_over, duplicate, busy, no_agent, parked).",
            ["result"],
            registry=reg,
        )
        self.reports = Counter(
            "heliograph_reports_total",
            "Delivery reports by result (applied, repeated, unknown) and status.",
            ["result", "status"],
            registry=reg,
        )
        self.overdue_reports = Counter(
            "heliograph_overdue_reports_total",
            "Texts whose final delivery report was overdue, by provider and result (told: asked "
            "for and told; missing; later: to be asked again).",
            ["provider", "result"],
            registry=reg,
        )
        self.consents = Counter(
            "heliograph_consents_total",
            "Entries of the opt-out ledger by source (keyword, wording, report) and result "
            "(opted_out, opted_in, unchanged).",
            ["source", "result"],
            registry=reg,
        )
        self.cancelled_texts = Counter(
            "heliograph_cancelled_texts_total",
            "Texts that an opt-out cancelled before they left.",
            registry=reg,
        )
        self.notices = Counter(
            "heliograph_notices_total",
            "Texts of ours that answer a keyword (opt_out, opt_in, help).",
            ["keyword"],
            registry=reg,
        )
        self.batch_size = Histogram(
            "heliograph_processor_batch_messages",
            "Messages in a micro-batch.",
            buckets=_SIZES,
            registry=reg,
        )
        self.batch_seconds = Histogram(
            "heliograph_processor_batch_seconds",
            "Time to record and hand over a micro-batch.",
            buckets=_FAST,
            registry=reg,
        )
        self.hand_over_seconds = Histogram(
            "heliograph_hand_over_seconds",
            "Time from the webhook's acceptance to the turn on the agent's queue.",
            buckets=_FAST,
            registry=reg,
        )
        self.outcomes = Counter(
            "heliograph_outcomes_total",
            "Outcomes by status and code.",
            ["status", "code"],
            registry=reg,
        )
        self.limited = Counter(
            "heliograph_limited_texts_total",
            "Texts that a limit kept from leaving at once, by limit (rate, texts, cost, att, "
            "tmobile).",
            ["limit"],
            registry=reg,
        )
        self.provider_calls = Counter(
            "heliograph_provider_calls_total",
            "Provider calls by provider and class of answer (accepted, not_processed, ambiguous, "
            "refused).",
            ["provider", "answer"],
            registry=reg,
        )
        self.provider_seconds = Histogram(
            "heliograph_provider_call_seconds",
            "Time of a provider call.",
            ["provider"],
            buckets=_FAST,
            registry=reg,
        )
        self.failovers = Counter(
            "heliograph_failovers_total",
            "Provider calls for texts that went another way than the one that would have come "
            "first, by that one's provider and the one that was called.",
            ["from_provider", "to_provider"],
            registry=reg,
        )
        self.circuits_opened = Counter(
            "heliograph_circuits_opened_total",
            "Circuits of connections that opened, for the first time or again, by provider and "
            "kind (failing, account).",
            ["provider", "kind"],
            registry=reg,
        )
        self.parked = Counter(
            "heliograph_parked_total",
            "Messages parked in a dead-letter queue, by queue and reason code.",
            ["queue", "reason"],
            registry=reg,
        )
        self.validations = Counter(
            "heliograph_connection_checks_total",
            "Connection checks by provider and result (healthy, unhealthy, unknown).",
            ["provider", "result"],
            registry=reg,
        )
        self.console_requests = Counter(
            "heliograph_console_requests_total",
            "Requests of API and console, by route and HTTP status.",
            ["route", "status"],
            registry=reg,
        )
        self.console_seconds = Histogram(
            "heliograph_console_request_seconds",
            "Time from a request of API or console to its answer, by kind (api, page, stream).",
            ["kind"],
            buckets=_FAST,
            registry=reg,
        )
        self.ready = Gauge(
            "heliograph_ready",
            "1 while the service can keep its promise, else 0.",
            registry=reg,
        )
