"""`python -m bench [processor|webhook|latency|footprint|life]`: all of them where none is named.

Exits with 1 where a figure is not as wanted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import footprint, latency, life, processor, report, webhook
from bench.report import Figure
from bench.servers import Servers
from common import logging as logs

MEASUREMENTS: Final = ("processor", "webhook", "latency", "footprint", "life")

PROCESSOR_RATIO: Final = 2.5
WEBHOOK_RATIO: Final = 0.8
TURN_P99_MS: Final = 100.0
IDLE_MIB: Final = 100.0
COLD_START_S: Final = 2.0
_STARTS: Final = 3
"""Cold starts of each service; they differ little."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    texts: int
    rounds: int
    rate: float = 50.0
    seconds: float = 15.0
    idle: float = 3.0

    @property
    def short_rounds(self) -> int:
        """Rounds of what takes a second or two, of which one tells little on a shared machine."""
        return self.rounds * 3 if self.rounds > 1 else 1


SMOKE: Final = Size(texts=300, rounds=1, seconds=1.0, idle=0.1)


async def measure(names: Sequence[str], servers: Servers, size: Size) -> list[Figure]:
    """Every figure of the named measurements."""
    figures: list[Figure] = []
    for name in names:
        print(f"{name} … ", end="", flush=True)
        figures += await _measure(name, servers, size)
        print("done", flush=True)
    return figures


async def _measure(name: str, servers: Servers, size: Size) -> list[Figure]:
    match name:
        case "processor":
            return await processor.measure(
                servers, count=size.texts, rounds=size.rounds, wanted=PROCESSOR_RATIO
            )
        case "webhook":
            return await webhook.measure(
                servers, count=size.texts, rounds=size.short_rounds, wanted=WEBHOOK_RATIO
            )
        case "latency":
            return await latency.measure(
                servers, rate=size.rate, seconds=size.seconds, wanted=TURN_P99_MS
            )
        case "life":
            return await life.measure(servers, count=max(size.texts // 2, 1))
        case _:
            return await footprint.measure(
                servers,
                rounds=min(size.rounds, _STARTS),
                idle=size.idle,
                mebibytes=IDLE_MIB,
                seconds=COLD_START_S,
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, judge."""
    options = _parser().parse_args(arguments)
    size = SMOKE if options.smoke else Size(texts=options.texts, rounds=options.rounds)
    names = options.measurements or MEASUREMENTS
    logs.configure(service="bench", level="warning", form="console")
    with Servers() as servers:
        facts = report.machine(servers.versions())
        figures = asyncio.run(measure(names, servers, size))
    print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))
    print(
        f"Medians of {size.rounds} rounds (webhook: {size.short_rounds}), a ratio's of the rounds' "
        "own ratios; the sides take turns.\n"
    )
    print(report.table(figures))
    if options.output is not None:
        report.write(options.output, figures, facts)
    if options.smoke:
        print("\nA smoke run proves that the benchmarks work; its figures mean nothing.")
        return 0
    return 0 if all(figure.met for figure in figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("measurements", nargs="*", metavar="|".join(MEASUREMENTS), help="which")
    parser.add_argument("--texts", type=int, default=5_000, help="of a round")
    parser.add_argument("--rounds", type=int, default=5, help="of each side")
    parser.add_argument("--output", type=Path, help="also write the results to this JSON file")
    parser.add_argument("--smoke", action="store_true", help="tiny, nothing is judged")
    return parser


if __name__ == "__main__":
    sys.exit(main())
