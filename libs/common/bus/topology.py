"""Every exchange and queue, as data. Names that agents use as well are in `heliograph.wire`.

Each queue argument that matters is declared rather than defaulted, because RabbitMQ 3.10 and 4.x
differ in their defaults (delivery limit, overflow, dead-letter strategy; RabbitMQ documentation,
"Quorum Queues").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from heliograph import wire

INBOUND_EXCHANGE: Final = "heliograph.inbound"
CHANGES_EXCHANGE: Final = "heliograph.changes"

PROCESSOR_QUEUE: Final = "processor.inbound"
SENDER_QUEUE: Final = "sender.commands"
WAIT_PREFIX: Final = "wait."

DELIVERY_LIMIT: Final = 20
"""Deliveries after which the broker itself dead-letters a message: the last resort against one that
kills its consumer each time. Ordinary failures are counted in our own header, far below this."""

RETRY_DELAYS: Final = (1.0, 5.0, 30.0)
"""Seconds before the first, second and third retry of a message that could not be processed."""

DEFER_DELAYS: Final = (0.5, 1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds that a message may be made to wait without counting as failed (a live lease, a provider's
Retry-After). A wanted delay is rounded up to the next of these."""

HEADER_ATTEMPTS: Final = wire.HEADER_ATTEMPTS
HEADER_REASON: Final = wire.HEADER_REASON
HEADER_DETAIL: Final = wire.HEADER_DETAIL
HEADER_PARKED_FROM: Final = wire.HEADER_PARKED_FROM
HEADER_USER: Final = wire.HEADER_USER
HEADER_FIRST_SEEN: Final = wire.HEADER_FIRST_SEEN
HEADER_KEY: Final = "x-heliograph-key"
HEADER_TOLD: Final = "x-heliograph-told"
HEADER_ROUND: Final = "x-heliograph-round"
"""Of a parked message: the replay of many that has come past it last."""
HEADER_REPLAYS: Final = "x-heliograph-replays"
"""How often a person has put the message back to work."""
HEADER_EDITED: Final = "x-heliograph-edited"
"""Of an edited message: which one it stands for."""

Argument = str | int | bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "fanout"]


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue listening on an exchange."""

    exchange: str
    key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue with its arguments and bindings."""

    name: str
    arguments: Mapping[str, Argument]
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """What must exist on the broker."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = field(default=())


def received_key(provider: str) -> str:
    """Routing key of an inbound text on `INBOUND_EXCHANGE`."""
    return f"received.{provider}"


def report_key(provider: str) -> str:
    """Routing key of a delivery report on `INBOUND_EXCHANGE`."""
    return f"report.{provider}"


def decided_key(tenant_id: str) -> str:
    """Routing key, on `COMMANDS_EXCHANGE`, of the nudge that a held text was decided on."""
    return f"{tenant_id}.decided"


def dead_queue(queue: str) -> str:
    """The queue that holds what was parked from `queue`."""
    return f"dead.{queue}"


def parked_from(dead: str) -> str:
    """The queue whose parked messages a parking place holds: `dead_queue`, read backwards."""
    return dead.removeprefix("dead.")


def wait_queue(queue: str, delay: float) -> str:
    """The queue in which a message of `queue` waits for `delay` seconds."""
    return f"{WAIT_PREFIX}{queue}.{int(delay * 1000)}ms"


def defer_step(delay: float) -> float:
    """The shortest wait queue's delay that is at least `delay` seconds, or the longest there is."""
    return next((step for step in DEFER_DELAYS if step >= delay), DEFER_DELAYS[-1])


EXCHANGES: Final = (
    Exchange(INBOUND_EXCHANGE, "topic"),
    Exchange(wire.AGENTS_EXCHANGE, "topic"),
    Exchange(wire.COMMANDS_EXCHANGE, "topic"),
    Exchange(CHANGES_EXCHANGE, "fanout"),
    Exchange(wire.DEAD_EXCHANGE, "topic"),
)


def work_queue(name: str, *bindings: Binding) -> Queue:
    """A queue that loses nothing: quorum, dead-lettered at least once, refusing when it is full.

    At-least-once dead-lettering needs `reject-publish` (RabbitMQ documentation, "Quorum Queues").
    """
    return Queue(
        name,
        {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": wire.DEAD_EXCHANGE,
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
        },
        bindings,
    )


def _parking(name: str) -> Queue:
    return Queue(
        dead_queue(name),
        {"x-queue-type": "quorum", "x-overflow": "reject-publish"},
        (Binding(wire.DEAD_EXCHANGE, name),),
    )


def _waiting(name: str, delay: float) -> Queue:
    return Queue(
        wait_queue(name, delay),
        {
            "x-queue-type": "quorum",
            "x-overflow": "reject-publish",
            "x-message-ttl": int(delay * 1000),
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
        },
    )


def consumed(
    queue: Queue, *, delays: Iterable[float] = (*RETRY_DELAYS, *DEFER_DELAYS)
) -> tuple[Queue, ...]:
    """A queue that one of our services reads, with its parking place and its wait queues."""
    waiting = (_waiting(queue.name, delay) for delay in sorted(set(delays)))
    return (queue, _parking(queue.name), *waiting)


SERVICES: Final = Topology(
    EXCHANGES,
    (
        *consumed(
            work_queue(
                PROCESSOR_QUEUE,
                Binding(INBOUND_EXCHANGE, "received.*"),
                Binding(INBOUND_EXCHANGE, "report.*"),
            )
        ),
        *consumed(
            work_queue(
                SENDER_QUEUE,
                Binding(wire.COMMANDS_EXCHANGE, "*.*.send"),
                Binding(wire.COMMANDS_EXCHANGE, decided_key("*")),
            )
        ),
    ),
)
"""What the services need. Declaring it again changes nothing."""


def agent_topology(tenant_id: str, agent_id: str) -> Topology:
    """An agent's queue with its parking place; declared when its first number is connected."""
    name = wire.agent_queue(tenant_id, agent_id)
    binding = Binding(wire.AGENTS_EXCHANGE, wire.agent_binding(tenant_id, agent_id))
    return Topology(EXCHANGES, (work_queue(name, binding), _parking(name)))
