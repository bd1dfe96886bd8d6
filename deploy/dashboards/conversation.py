"""The way of one conversation: what a text and its answer pass, stage by stage, and the trace and
the log lines of one of them by its trace ID."""

from __future__ import annotations

from typing import Final

from deploy.dashboards.pages import Page, Row
from deploy.dashboards.panels import (
    LOKI,
    NS,
    TEMPO,
    Panel,
    Query,
    counted,
    latency,
)

_ONE: Final = Row(
    "One text: enter its trace ID above",
    (
        Panel(
            title="Trace",
            description=(
                "From the provider's delivery through both queues to the provider's call and its "
                "report. The ID is in each log line, and in a text's execution."
            ),
            kind="traces",
            datasource=TEMPO,
            targets=(
                {
                    "refId": "A",
                    "datasource": TEMPO,
                    "queryType": "traceql",
                    "query": "$trace_id",
                },
            ),
            width=24,
            height=12,
        ),
        Panel(
            title="Log lines",
            description="Of all services, in the order of time. Numbers and contents are masked.",
            kind="logs",
            datasource=LOKI,
            targets=(
                {
                    "refId": "A",
                    "datasource": LOKI,
                    "expr": f'{{{NS}}} |= "$trace_id"',
                    "queryType": "range",
                },
            ),
            width=24,
            height=10,
        ),
    ),
)


def _stage(title: str, time: Panel, count: Panel) -> Row:
    """A stage shows how long it takes and how much passes it, side by side."""
    return Row(title, (time, count))


_IN: Final = (
    _stage(
        "1. The webhook takes the delivery",
        Panel(
            title="Time to answer",
            description=(
                "Until the broker has confirmed every event, and the provider has its answer."
            ),
            unit="s",
            queries=latency("heliograph_webhook_request_seconds"),
            alarm=1.8,
            runbook="webhook-errors",
            width=12,
        ),
        Panel(
            title="Events",
            description="Texts and reports that came in, by what became of them.",
            unit="cps",
            queries=counted("heliograph_webhook_events_total", ("type", "result")),
            runbook="unknown-numbers",
            width=12,
        ),
    ),
    _stage(
        "2. It waits in processor.inbound",
        Panel(
            title="Wait",
            description="From the confirm to a processor's hand.",
            unit="s",
            queries=latency("heliograph_queue_wait_seconds", 'queue="processor.inbound"'),
            alarm=10,
            runbook="queue-wait",
            width=12,
        ),
        Panel(
            title="Queue",
            description="Messages that are there, as the broker counts them.",
            queries=(
                Query(
                    "max by (queue) (rabbitmq_detailed_queue_messages"
                    f'{{{NS}, queue="processor.inbound"}})',
                    "{{queue}}",
                ),
            ),
            alarm=10000,
            runbook="queue-deep",
            width=12,
        ),
    ),
    _stage(
        "3. The processor records it and hands it over",
        Panel(
            title="Hand-over",
            description="From the webhook's acceptance to the agent's queue.",
            unit="s",
            queries=latency("heliograph_hand_over_seconds"),
            alarm=1,
            runbook="hand-over-slow",
            width=12,
        ),
        Panel(
            title="Texts",
            description="Handed over, or known already, or in another replica's hand.",
            unit="cps",
            queries=counted("heliograph_inbound_texts_total", ("result",)),
            width=12,
        ),
    ),
    _stage(
        "4. The agent reads its queue",
        Panel(
            title="Agents' queues",
            description="Messages that wait for each agent. Its own time to answer is its own.",
            queries=(
                Query(
                    "max by (queue) (rabbitmq_detailed_queue_messages_ready"
                    f'{{{NS}, queue=~"agent\\\\..+"}})',
                    "{{queue}}",
                ),
            ),
            alarm=1000,
            runbook="queue-deep",
            width=12,
        ),
        Panel(
            title="Consumers",
            description="0 while texts wait: the agent is away.",
            queries=(
                Query(
                    "max by (queue) (rabbitmq_detailed_queue_consumers"
                    f'{{{NS}, queue=~"agent\\\\..+"}})',
                    "{{queue}}",
                ),
            ),
            runbook="agent-away",
            width=12,
        ),
    ),
)

_OUT: Final = (
    _stage(
        "5. The command waits in sender.commands",
        Panel(
            title="Wait",
            description="From the agent's publish to a sender's hand.",
            unit="s",
            queries=latency("heliograph_queue_wait_seconds", 'queue="sender.commands"'),
            alarm=10,
            runbook="queue-wait",
            width=12,
        ),
        Panel(
            title="Commands",
            description="By result.",
            unit="cps",
            queries=counted("heliograph_commands_total", ("result",)),
            width=12,
        ),
    ),
    _stage(
        "6. Gate and policy decide",
        Panel(
            title="From the command to the provider",
            description=(
                "Limits, quiet hours and retries wait in here; approved texts are left out."
            ),
            unit="s",
            queries=latency("heliograph_command_to_provider_seconds", by=("provider",)),
            width=12,
        ),
        Panel(
            title="Verdicts",
            description="Send, hold, refuse or wait, and by which rule.",
            unit="cps",
            queries=counted("heliograph_verdicts_total", ("verdict", "code")),
            width=12,
        ),
    ),
    _stage(
        "7. The provider is called",
        Panel(
            title="Time of a call",
            description="From the request to the provider's answer.",
            unit="s",
            queries=latency("heliograph_provider_call_seconds", by=("provider",)),
            runbook="provider-errors",
            width=12,
        ),
        Panel(
            title="Calls",
            description="By provider and class of answer.",
            unit="cps",
            queries=counted("heliograph_provider_calls_total", ("provider", "answer")),
            runbook="provider-errors",
            width=12,
        ),
    ),
    _stage(
        "8. The report comes back",
        Panel(
            title="Reports",
            description=(
                "What providers say of delivery. They come by the webhook and through stages 1 to "
                "3."
            ),
            unit="cps",
            queries=counted("heliograph_reports_total", ("result", "status")),
            runbook="delivery-failures",
            width=12,
        ),
        Panel(
            title="Overdue reports",
            description=(
                "Of those that did not come: told when asked, missing, or asked again later."
            ),
            unit="cps",
            queries=counted("heliograph_overdue_reports_total", ("provider", "result")),
            runbook="missing-reports",
            width=12,
        ),
    ),
)

CONVERSATION: Final = Page(
    "heliograph-conversation",
    "Heliograph: one conversation's path",
    "A text and its answer, stage by stage; with a trace ID, the very trace and its log lines.",
    (_ONE, *_IN, *_OUT),
    traced=True,
)
