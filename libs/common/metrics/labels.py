"""The labels of metrics with all values that they can have: closed sets, or a pattern that few
values fit. A test holds every exported value against them.

Queues and exchanges are named only where their names are ours and fixed; those of agents stand
together as `agents`, a replica's own as `changes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.bus import topology
from common.store.records import ConnectionStatus
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword, OutcomeStatus, ReportStatus

OTHER: Final = "other"
NONE: Final = "none"

AGENTS: Final = "agents"
"""Stands for the queues of all agents together."""
CHANGES: Final = "changes"
"""Stands for the queues on which replicas hear of changed connections."""
DEFAULT_EXCHANGE: Final = "default"
"""Stands for the exchange without a name, over which wait queues and reply queues are reached."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label. Either `values` is all of its values, or every value fits the `pattern`."""

    name: str
    values: tuple[str, ...] = ()
    pattern: str = ""
    said: str = ""
    """What its values are, for a person, where listing them would not help."""


def one_of(name: str, *values: str) -> Label:
    """A label with a closed set of values."""
    return Label(name, values)


PROVIDER_PATTERN: Final = r"[a-z][a-z0-9_]{1,30}"
"""The adapters of `common.providers`, and `other`. Not listed, so that counting does not load every
adapter."""


def provider(name: str = "provider") -> Label:
    """A label that holds a provider's name."""
    return Label(name, pattern=PROVIDER_PATTERN, said="a provider's name, such as `acs`")


PROVIDER: Final = provider()
HTTP_STATUS: Final = Label("status", pattern=r"[1-5]\d\d", said="an HTTP status")
ROUTE: Final = Label("route", pattern=r"[a-z][a-z0-9_.-]{0,60}", said="a route's name")

CODES: Final = tuple(code.value for code in OutcomeCode)
CODE: Final = Label("code", CODES, said="an outcome code")
VERDICT_CODE: Final = Label("code", (NONE, *CODES), said="an outcome code, or `none`")
OUTCOME: Final = one_of("status", *OutcomeStatus)
REPORT: Final = one_of("status", *ReportStatus)
KEYWORD: Final = one_of("keyword", *Keyword)
CONNECTION: Final = one_of("status", *ConnectionStatus)

EXCHANGES: Final = (*(exchange.name for exchange in topology.EXCHANGES), DEFAULT_EXCHANGE, OTHER)
EXCHANGE: Final = one_of("exchange", *EXCHANGES)

WORK_QUEUES: Final = (topology.PROCESSOR_QUEUE, topology.SENDER_QUEUE)
READ_QUEUE: Final = one_of("queue", *WORK_QUEUES, CHANGES, OTHER)
"""Queues that a service reads."""
WORK_QUEUE: Final = one_of("queue", *WORK_QUEUES, OTHER)
"""Queues of which each message is a piece of work."""
DEAD_QUEUE: Final = one_of("queue", *WORK_QUEUES, AGENTS)
"""Queues from which messages are parked."""

UNREADABLE: Final = ("not_json", "unknown_version", "wrong_shape", "unreadable_event")
"""Why a message could not be read (`heliograph.models`, `common.providers.callbacks`)."""
RETRIED: Final = ("no_agent", "unknown_message", "unexpected_error")
REASON: Final = Label(
    "reason",
    (*UNREADABLE, "unknown_type", *RETRIED, *CODES, OTHER),
    said="why, as a parked message's header says it",
)
RETRY_REASON: Final = one_of("reason", *RETRIED, OTHER)


def queue_label(queue: str, *, private: bool = False) -> str:
    """What stands for a queue that a service reads."""
    if private:
        return CHANGES
    return queue if queue in WORK_QUEUES else OTHER


def exchange_label(exchange: str) -> str:
    """What stands for an exchange."""
    if not exchange:
        return DEFAULT_EXCHANGE
    return exchange if exchange in EXCHANGES else OTHER
