"""`python -m bench.capacity`: what a month of texts needs, from what a text was measured to cost.

The costs are read from the results of `python -m bench life --output bench/life.json`. Everything
that is not measured is an option with a default, printed with the table: how much busier the peak
is than the average, how full a core may be, how long a provider takes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from sender.settings import SenderSettings

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


def plan(texts: int, costs: Costs, given: Assumptions) -> Plan:
    """The plan for a month of so many texts, half of them in and half of them out."""
    pairs = texts / 2 / _SECONDS * given.peak

    def cores(milliseconds: float) -> float:
        return pairs * milliseconds / 1000 / given.busy

    def replicas(milliseconds: float) -> int:
        return max(given.least, math.ceil(cores(milliseconds)))

    waiting = pairs * given.provider_seconds / given.lanes / given.busy
    return Plan(
        texts=texts,
        texts_a_second=2 * pairs,
        webhook=replicas(costs.webhook),
        processor=replicas(costs.processor),
        sender=max(replicas(costs.sender), math.ceil(waiting)),
        messages_a_second=pairs * MESSAGES_A_PAIR,
        rabbitmq_cores=cores(costs.rabbitmq),
        mongodb_cores=cores(costs.mongodb),
        stored_gib=texts / 2 * costs.stored / _GIB,
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
)


def row(planned: Plan) -> tuple[str, ...]:
    """The cells of a plan's line."""
    return (
        f"{planned.texts:,}",
        f"{_short(planned.texts_a_second)} texts/s",
        str(planned.webhook),
        str(planned.processor),
        str(planned.sender),
        f"{_short(planned.messages_a_second)} messages/s, {_short(planned.rabbitmq_cores)} cores",
        f"{_short(planned.mongodb_cores)} cores",
        f"{_short(planned.stored_gib)} GiB",
    )


def table(costs: Costs, given: Assumptions, months: Sequence[int] = MONTHS) -> str:
    """The plans as a Markdown table."""
    rows = [HEADINGS, *(row(plan(texts, costs, given)) for texts in months)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADINGS))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and below it what it assumes."""
    usual = Assumptions(lanes=SenderSettings.model_fields["sender_lanes"].default)
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="of `bench life`")
    parser.add_argument("--texts", type=int, nargs="*", default=MONTHS, help="a month")
    parser.add_argument("--peak", type=float, default=usual.peak)
    parser.add_argument("--busy", type=float, default=usual.busy)
    parser.add_argument("--provider-seconds", type=float, default=usual.provider_seconds)
    parser.add_argument("--lanes", type=int, default=usual.lanes)
    options = parser.parse_args(arguments)
    given = Assumptions(
        peak=options.peak,
        busy=options.busy,
        provider_seconds=options.provider_seconds,
        lanes=options.lanes,
    )
    print(table(Costs.of(orjson.loads(options.results.read_bytes())), given, options.texts))
    print(
        f"\nThe peak is {given.peak:g} times the average; a core is at most {given.busy:.0%} full; "
        f"a provider answers in {given.provider_seconds:g} s; a sender has {given.lanes} lanes."
    )


if __name__ == "__main__":
    main()
