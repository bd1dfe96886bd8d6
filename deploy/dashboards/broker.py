"""RabbitMQ: does it take and give everything, and how near is it to its limits?"""

from __future__ import annotations

from typing import Final

from deploy.dashboards.pages import Page, Row
from deploy.dashboards.panels import NS, Panel, Query, counted

_SERVICES: Final = 'queue=~"processor\\\\.inbound|sender\\\\.commands"'
_AGENTS: Final = 'queue=~"agent\\\\..+"'
_WAITING: Final = 'queue=~"wait\\\\..+"'
_DEAD: Final = 'queue=~"dead\\\\..+"'


def _by_queue(metric: str, which: str) -> tuple[Query, ...]:
    return (Query(f"max by (queue) ({metric}{{{NS}, {which}}})", "{{queue}}"),)


def _by_node(metric: str, legend: str) -> Query:
    return Query(f"max by (pod) ({metric}{{{NS}}})", "{{pod}} " + legend)


def _throughput(metric: str, legend: str) -> Query:
    return Query(f"sum(rate({metric}{{{NS}}}[$__rate_interval]))", legend)


_HEALTH: Final = Row(
    "Health",
    (
        Panel(
            title="Nodes that answer",
            description="Nodes of which Prometheus gets metrics. Queues need a majority of three.",
            kind="stat",
            queries=(Query(f"count(rabbitmq_identity_info{{{NS}}})", "nodes"),),
            alarm=2,
            low_is_bad=True,
            runbook="broker-node-down",
            width=6,
            height=5,
        ),
        Panel(
            title="Alarms",
            description="1: the node blocks every publisher of the whole cluster.",
            kind="stat",
            queries=(
                Query(f"max(rabbitmq_alarms_memory_used_watermark{{{NS}}})", "memory"),
                Query(f"max(rabbitmq_alarms_free_disk_space_watermark{{{NS}}})", "disk"),
            ),
            alarm=1,
            runbook="broker-alarm",
            width=6,
            height=5,
        ),
        Panel(
            title="Consumers of the services' queues",
            description="Replicas that read each queue.",
            kind="stat",
            queries=_by_queue("rabbitmq_detailed_queue_consumers", _SERVICES),
            alarm=1,
            low_is_bad=True,
            runbook="queue-without-consumers",
            width=6,
            height=5,
        ),
        Panel(
            title="Parked",
            description="Messages in the dead-letter queues, as the broker counts them.",
            kind="stat",
            queries=_by_queue("rabbitmq_detailed_queue_messages", _DEAD),
            alarm=1,
            runbook="dead-letters",
            width=6,
            height=5,
        ),
    ),
)

_QUEUES: Final = Row(
    "Queues",
    (
        Panel(
            title="Waiting for the services",
            description="Ready messages. Near zero, unless more comes in than is worked off.",
            queries=_by_queue("rabbitmq_detailed_queue_messages_ready", _SERVICES),
            alarm=10000,
            runbook="queue-deep",
        ),
        Panel(
            title="In the services' hands",
            description=(
                "Delivered and not yet acknowledged; the prefetch of all replicas is the most."
            ),
            queries=_by_queue("rabbitmq_detailed_queue_messages_unacked", _SERVICES),
        ),
        Panel(
            title="Waiting for agents",
            description="Ready messages by agent. One that grows alone is that agent's trouble.",
            queries=_by_queue("rabbitmq_detailed_queue_messages_ready", _AGENTS),
            alarm=1000,
            runbook="queue-deep",
        ),
        Panel(
            title="Agents' consumers",
            description="0 while texts wait: the agent is away.",
            queries=_by_queue("rabbitmq_detailed_queue_consumers", _AGENTS),
            runbook="agent-away",
        ),
        Panel(
            title="Wait queues",
            description=(
                "Messages that come back after a delay: retries, limits, quiet hours. High numbers "
                "with a rate limit are by design."
            ),
            queries=_by_queue("rabbitmq_detailed_queue_messages_ready", _WAITING),
        ),
        Panel(
            title="Parked, by reason",
            description="Messages that were parked in the last 10 minutes.",
            queries=(Query(f"heliograph:parked:increase10m{{{NS}}}", "{{queue}} {{reason}}"),),
            alarm=50,
            runbook="dead-letters-growing",
        ),
    ),
)

_FLOW: Final = Row(
    "Flow",
    (
        Panel(
            title="Messages",
            description=(
                "Received from publishers, confirmed to them, and acknowledged by consumers. The "
                "three go together."
            ),
            unit="cps",
            queries=(
                _throughput("rabbitmq_global_messages_received_total", "received"),
                _throughput("rabbitmq_global_messages_confirmed_total", "confirmed"),
                _throughput("rabbitmq_global_messages_acknowledged_total", "acknowledged"),
            ),
        ),
        Panel(
            title="Redelivered and returned",
            description=(
                "Redelivered: a consumer went away with messages in hand. Returned: nobody is "
                "bound."
            ),
            unit="cps",
            queries=(
                _throughput("rabbitmq_global_messages_redelivered_total", "redelivered"),
                _throughput("rabbitmq_global_messages_unroutable_returned_total", "returned"),
            ),
            runbook="publishes-failing",
        ),
        Panel(
            title="Publishes as the services see them",
            description="Every publish is confirmed, returned, refused, or ends without an answer.",
            unit="cps",
            queries=counted("heliograph_bus_publishes_total", ("job", "result")),
            stacked=True,
            runbook="publishes-failing",
        ),
    ),
)

_NODES: Final = Row(
    "Nodes",
    (
        Panel(
            title="Memory",
            description="In use, and the limit at which publishers are blocked.",
            unit="bytes",
            queries=(
                _by_node("rabbitmq_process_resident_memory_bytes", "used"),
                _by_node("rabbitmq_resident_memory_limit_bytes", "limit"),
            ),
            runbook="broker-near-limit",
        ),
        Panel(
            title="Disk",
            description="Free, and the limit at which publishers are blocked.",
            unit="bytes",
            queries=(
                _by_node("rabbitmq_disk_space_available_bytes", "free"),
                _by_node("rabbitmq_disk_space_available_limit_bytes", "limit"),
            ),
            runbook="broker-near-limit",
        ),
        Panel(
            title="Connections and channels",
            description=(
                "Each replica has one connection and a few channels; each agent has its own. "
                "Channels that only grow are a leak."
            ),
            queries=(
                _by_node("rabbitmq_connections", "connections"),
                _by_node("rabbitmq_channels", "channels"),
            ),
        ),
    ),
)

BROKER: Final = Page(
    "heliograph-broker",
    "Heliograph: broker",
    "RabbitMQ as Heliograph uses it: queues, flow, nodes.",
    (_HEALTH, _QUEUES, _FLOW, _NODES),
)
