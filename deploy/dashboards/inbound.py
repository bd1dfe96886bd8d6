"""From the provider to the agent: is everything taken, and how soon is it there?"""

from __future__ import annotations

from typing import Final

from deploy.dashboards.pages import Page, Row
from deploy.dashboards.panels import NS, Panel, Query, counted, latency, rate

_JOBS: Final = 'job=~"webhook|processor"'

_LEVELS: Final = Row(
    "Service levels",
    (
        Panel(
            title="Webhook: 5xx in 6 hours",
            description=(
                "Share of deliveries that failed for a fault of ours. The service level allows 0.1 "
                "% in 30 days; 0.6 % over 6 hours uses it up in 5 days."
            ),
            kind="stat",
            unit="percentunit",
            queries=(Query(f"heliograph:webhook_errors:ratio_rate6h{{{NS}}}", "5xx"),),
            warn=0.001,
            alarm=0.006,
            runbook="webhook-errors",
            width=6,
            height=5,
        ),
        Panel(
            title="Hand-over: slower than a second in 6 hours",
            description=(
                "Share of texts that took longer than a second from the webhook's acceptance to "
                "their agent's queue. The service level allows 1 % in 30 days."
            ),
            kind="stat",
            unit="percentunit",
            queries=(Query(f"heliograph:hand_over_slow:ratio_rate6h{{{NS}}}", "slow"),),
            warn=0.01,
            alarm=0.06,
            runbook="hand-over-slow",
            width=6,
            height=5,
        ),
        Panel(
            title="Ready replicas",
            description="Replicas of each service that can keep their promise.",
            kind="stat",
            queries=(Query(f"sum by (job) (heliograph_ready{{{NS}}})", "{{job}}"),),
            alarm=1,
            low_is_bad=True,
            runbook="service-down",
            width=6,
            height=5,
        ),
        Panel(
            title="Parked",
            description="Messages that could not be processed and wait for a person.",
            kind="stat",
            queries=(
                Query(f"max by (queue) (heliograph_dead_letter_messages{{{NS}}})", "{{queue}}"),
            ),
            alarm=1,
            runbook="dead-letters",
            width=6,
            height=5,
        ),
    ),
)

_WEBHOOK: Final = Row(
    "Webhook",
    (
        Panel(
            title="Deliveries by answer",
            description="HTTP answers to providers. 5xx is repeated by them; 401 and 403 are not.",
            unit="reqps",
            queries=counted("heliograph_webhook_requests_total", ("status",)),
            stacked=True,
            runbook="webhook-errors",
        ),
        Panel(
            title="Events by result",
            description=(
                "Texts and reports: published, of a number that nobody connected, ignored, or "
                "parked."
            ),
            unit="cps",
            queries=counted("heliograph_webhook_events_total", ("type", "result")),
            stacked=True,
            runbook="unknown-numbers",
        ),
        Panel(
            title="Time to answer",
            description=(
                "From a delivery's request to its answer. A provider waits, and gives up after a "
                "while; by 2 seconds there is an answer, if only 503."
            ),
            unit="s",
            queries=latency("heliograph_webhook_request_seconds"),
            warn=0.5,
            alarm=1.8,
        ),
        Panel(
            title="Deliveries in hand",
            description=(
                "At HELIOGRAPH_WEBHOOK_CONCURRENCY, 256 by default, further ones are answered with "
                "503."
            ),
            queries=(
                Query(f"max by (pod) (heliograph_webhook_in_flight_requests{{{NS}}})", "{{pod}}"),
            ),
            warn=200,
            alarm=256,
            runbook="webhook-busy",
        ),
        Panel(
            title="Publishes that were not confirmed",
            description=(
                "Returned (no queue), refused (full) or unavailable (broker away), by service and "
                "exchange."
            ),
            unit="cps",
            queries=counted(
                "heliograph_bus_publishes_total",
                ("job", "exchange", "result"),
                'result!="confirmed"',
            ),
            runbook="publishes-failing",
        ),
        Panel(
            title="From the provider's event to the hand-over",
            description=(
                "From the time that the provider gives its event to the agent's queue: the "
                "provider's own delay, repeated deliveries and ours together."
            ),
            unit="s",
            queries=latency("heliograph_event_to_hand_over_seconds", by=("provider",)),
        ),
    ),
)

_PROCESSOR: Final = Row(
    "Processor",
    (
        Panel(
            title="Waiting in processor.inbound",
            description="How long messages waited in the queue before a processor took them.",
            unit="s",
            queries=latency("heliograph_queue_wait_seconds", 'queue="processor.inbound"'),
            alarm=10,
            runbook="queue-wait",
        ),
        Panel(
            title="Time of a batch",
            description=(
                "To record and hand over one micro-batch: the database and the broker together."
            ),
            unit="s",
            queries=latency("heliograph_processor_batch_seconds"),
        ),
        Panel(
            title="Messages in a batch",
            description=(
                "One under little load, hundreds under much. At HELIOGRAPH_PROCESSOR_BATCH_SIZE, "
                "500 by default, replicas are the bottleneck."
            ),
            queries=latency("heliograph_processor_batch_messages"),
        ),
        Panel(
            title="Hand-over",
            description=(
                "From the webhook's acceptance to the agent's queue; the service level is 1 second "
                "for 99 %."
            ),
            unit="s",
            queries=latency("heliograph_hand_over_seconds"),
            alarm=1,
            runbook="hand-over-slow",
        ),
        Panel(
            title="Inbound texts by result",
            description=(
                "Duplicates are repeated deliveries, which is healthy in small numbers; busy ones "
                "are looked at again in a second."
            ),
            unit="cps",
            queries=counted("heliograph_inbound_texts_total", ("result",)),
            stacked=True,
        ),
        Panel(
            title="Retries and deferrals",
            description=(
                "Messages that wait before another try: retries count towards parking, deferrals "
                "do not."
            ),
            unit="cps",
            queries=(
                *counted("heliograph_retries_total", ("queue", "reason")),
                Query(
                    f"sum by (queue) (rate(heliograph_deferred_total{{{NS}}}[$__rate_interval]))",
                    "{{queue}} deferred",
                ),
            ),
        ),
    ),
)

_KEEPING_UP: Final = Row(
    "Connections and pools",
    (
        Panel(
            title="Connected to RabbitMQ and MongoDB",
            description="The worst replica of each service: 1 connected, 0 not.",
            queries=(
                Query(f"min by (job) (heliograph_bus_connected{{{NS}}})", "{{job}} RabbitMQ"),
                Query(f"min by (job) (heliograph_mongodb_connected{{{NS}}})", "{{job}} MongoDB"),
            ),
            runbook="mongodb-disconnected",
        ),
        Panel(
            title="MongoDB pool",
            description=(
                "Connections of the driver in use and idle. In use near the pool's size for long: "
                "the database is the bottleneck."
            ),
            queries=(
                Query(
                    f"sum by (job, state) (heliograph_mongodb_pool_connections{{{NS}}})",
                    "{{job}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Messages in hand",
            description=(
                "Taken from a queue and not yet settled; the prefetch is the most that there can "
                "be."
            ),
            queries=(
                Query(f"sum by (queue) (heliograph_bus_in_hand_messages{{{NS}}})", "{{queue}}"),
            ),
        ),
        Panel(
            title="Memory",
            description="Resident memory of each replica. It should be level under a level load.",
            unit="bytes",
            queries=(
                Query(
                    f"max by (pod) (process_resident_memory_bytes{{{NS}, {_JOBS}}})",
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            title="CPU",
            description=(
                "Cores that each replica uses. A process uses one at most; near one, add replicas."
            ),
            queries=(
                Query(
                    rate("process_cpu_seconds_total", ("pod",), _JOBS),
                    "{{pod}}",
                ),
            ),
            warn=0.8,
        ),
        Panel(
            title="Versions",
            description=(
                "Replicas by version. More than one for an hour: a rollout has stopped half-way."
            ),
            queries=(
                Query(
                    f"count by (job, version) (heliograph_build_info{{{NS}}})",
                    "{{job}} {{version}}",
                ),
            ),
            runbook="versions-mixed",
        ),
    ),
)

INBOUND: Final = Page(
    "heliograph-inbound",
    "Heliograph: inbound",
    "Texts and reports on their way from the provider to the agent: taken, waiting, handed over.",
    (_LEVELS, _WEBHOOK, _PROCESSOR, _KEEPING_UP),
)
