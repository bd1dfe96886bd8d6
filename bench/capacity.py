"""`python -m bench.capacity`: what a month of texts needs, and which field of the production
overlay to raise for it.

The arithmetic is in `bench.planning`, what is deployed is read by `bench.deployed`. `--write PAGE`
puts what is printed between the two marks of a page, where it stood before.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from bench import deployed
from bench.planning import MONTHS, RESULTS, Assumptions, Costs, assumed, table
from sender.settings import SenderSettings

BEGIN: Final = "<!-- python -m bench.capacity: begin -->"
END: Final = "<!-- python -m bench.capacity: end -->"


def usual() -> Assumptions:
    """What is assumed where nothing is said."""
    return Assumptions(lanes=SenderSettings.model_fields["sender_lanes"].default)


def output(costs: Costs, given: Assumptions, months: Sequence[int] = MONTHS) -> str:
    """Everything that is printed."""
    objects = deployed.read()
    return "\n\n".join(
        (
            table(costs, given, months),
            assumed(given),
            deployed.summary(objects, costs, given),
            deployed.raising(objects, costs, given, months),
            deployed.places(),
        )
    )


def written(page: str, text: str) -> str:
    """A page with a text between its marks.

    Raises:
        ValueError: it has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page lacks {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into a page."""
    given, options = _read(arguments)
    text = output(Costs.of(orjson.loads(options.results.read_bytes())), given, options.texts)
    if options.write is None:
        print(text)
        return
    page = options.write.read_text(encoding="utf-8")
    options.write.write_text(written(page, text), encoding="utf-8")


def _read(arguments: Sequence[str] | None) -> tuple[Assumptions, argparse.Namespace]:
    default = usual()
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="of `bench life`")
    parser.add_argument("--texts", type=int, nargs="*", default=MONTHS, help="a month")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="instead of printing")
    assumptions = parser.add_argument_group("assumptions")
    assumptions.add_argument("--peak", type=float, default=default.peak)
    assumptions.add_argument("--busy", type=float, default=default.busy)
    assumptions.add_argument("--provider-seconds", type=float, default=default.provider_seconds)
    assumptions.add_argument("--lanes", type=int, default=default.lanes)
    assumptions.add_argument("--remembered-days", type=float, default=default.remembered_days)
    assumptions.add_argument("--kept-months", type=float, default=default.kept_months)
    assumptions.add_argument("--waiting-hours", type=float, default=default.waiting_hours)
    options = parser.parse_args(arguments)
    given = Assumptions(
        peak=options.peak,
        busy=options.busy,
        provider_seconds=options.provider_seconds,
        lanes=options.lanes,
        remembered_days=options.remembered_days,
        kept_months=options.kept_months,
        waiting_hours=options.waiting_hours,
    )
    return given, options


if __name__ == "__main__":
    main()
