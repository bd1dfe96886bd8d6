"""What a month of texts needs, from what a text was measured to cost: the arithmetic of
`python -m bench.capacity`.

The costs are read from the results of `python -m bench life --output bench/life.json`. Everything
that is not measured is an assumption, printed with the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "life.json"
MONTHS: Final = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
MESSAGES_A_PAIR: Final = 6
"""Text, turn, command, outcome, report, the agent's report; each is published and consumed once."""

_SECONDS: Final = 30 * 86_400
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of a text and its answer: milliseconds of processor time, and bytes."""

    webhook: float
    processor: float
    sender: float
    rabbitmq: float
    mongodb: float
    stored: float

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> Costs:
        """From the results of `bench life`."""
        ours = {figure["what"]: float(figure["ours"]) for figure in results["figures"]}

        def milliseconds(part: str) -> float:
            return ours[f"{part}: processor time a text and its answer"]

        return cls(
            webhook=milliseconds("webhook"),
            processor=milliseconds("processor"),
            sender=milliseconds("sender"),
            rabbitmq=milliseconds("RabbitMQ"),
            mongodb=milliseconds("MongoDB"),
            stored=sum(
                ours[f"MongoDB: {what} a text and its answer"]
                for what in ("documents of", "indexes of")
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not measured."""

    peak: float = 5.0
    """The busiest minute over the average of the month."""
    busy: float = 0.6
    """How full a core may be at the peak."""
    provider_seconds: float = 0.3
    """How long a provider takes to answer a send."""
    lanes: int = 32
    """Commands that one sender works on at once."""
    least: int = 2
    """Replicas of each service, so that one may go."""
    remembered_days: float = 7.0
    """Texts that MongoDB is to have in its cache: the history that is read for each text."""
    kept_months: float = 3.0
    """For which the disks are."""
    waiting_hours: float = 4.0
    """For which texts can wait in the broker at the peak, while nobody takes them."""
    message_bytes: int = 2048
    """Of a text that waits in the broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a month needs. Replicas have one core each: a service is one process of Python."""

    texts: int
    texts_a_second: float
    """At the peak, in and out together."""
    webhook: int
    processor: int
    sender: int
    messages_a_second: float
    rabbitmq_cores: float
    """Of the leader's node; the other members write the same and lead other queues."""
    mongodb_cores: float
    """Of the primary; each member needs as much, as any may become the primary."""
    stored_gib: float
    """A month's texts, uncompressed, on each member."""
    remembered_gib: float
    """The working set: what MongoDB's cache is to hold, where nothing is compressed."""
    kept_gib: float
    """The texts of all months that are kept, on each member."""
    waiting_gib: float
    """On each node of the broker."""


def plan(texts: int, costs: Costs, given: Assumptions) -> Plan:
    """The plan for a month of so many texts, half of them in and half of them out."""
    pairs = texts / 2 / _SECONDS * given.peak

    def cores(milliseconds: float) -> float:
        return pairs * milliseconds / 1000 / given.busy

    def replicas(milliseconds: float) -> int:
        return max(given.least, math.ceil(cores(milliseconds)))

    waiting = pairs * given.provider_seconds / given.lanes / given.busy
    month = texts / 2 * costs.stored / _GIB
    return Plan(
        texts=texts,
        texts_a_second=2 * pairs,
        webhook=replicas(costs.webhook),
        processor=replicas(costs.processor),
        sender=max(replicas(costs.sender), math.ceil(waiting)),
        messages_a_second=pairs * MESSAGES_A_PAIR,
        rabbitmq_cores=cores(costs.rabbitmq),
        mongodb_cores=cores(costs.mongodb),
        stored_gib=month,
        remembered_gib=month * given.remembered_days / 30,
        kept_gib=month * given.kept_months,
        waiting_gib=pairs * given.waiting_hours * 3600 * given.message_bytes / _GIB,
    )


HEADINGS: Final = (
    "texts a month",
    "at the peak",
    "webhook",
    "processor",
    "sender",
    "RabbitMQ",
    "MongoDB",
    "stored a month",
    "to remember",
)


def row(planned: Plan) -> tuple[str, ...]:
    """The cells of a plan's line."""
    return (
        f"{planned.texts:,}",
        f"{short(planned.texts_a_second)} texts/s",
        str(planned.webhook),
        str(planned.processor),
        str(planned.sender),
        f"{short(planned.messages_a_second)} messages/s, {short(planned.rabbitmq_cores)} cores",
        f"{short(planned.mongodb_cores)} cores",
        f"{short(planned.stored_gib)} GiB",
        f"{short(planned.remembered_gib)} GiB",
    )


def table(costs: Costs, given: Assumptions, months: Sequence[int] = MONTHS) -> str:
    """The plans as a Markdown table."""
    return markdown([HEADINGS, *(row(plan(texts, costs, given)) for texts in months)])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the headings."""
    widths = [max(len(line[column]) for line in rows) for column in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def short(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def assumed(given: Assumptions) -> str:
    """One paragraph of what is not measured."""
    return (
        f"The peak is {given.peak:g} times the average; a core is at most {given.busy:.0%} full; "
        f"a provider answers in {given.provider_seconds:g} s; a sender has {given.lanes} lanes.\n"
        f"MongoDB remembers {given.remembered_days:g} days and keeps {given.kept_months:g} months; "
        f"texts of {given.waiting_hours:g} hours of the peak can wait in RabbitMQ, "
        f"{given.message_bytes:,} bytes each."
    )
