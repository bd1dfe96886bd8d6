"""Figures, what is wanted of them, and how they are shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import orjson

_LIBRARIES: Final = ("aio-pika", "aiohttp", "motor", "pymongo", "pydantic", "orjson", "uvloop")
_HEADINGS: Final = ("figure", "ours", "rival", "ratio", "wanted", "verdict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured figure. Against a rival the ratio is judged, else the figure itself."""

    what: str
    unit: str
    ours: float
    rival: float | None = None
    ratio: float | None = None
    bound: Literal["at least", "at most"] | None = None
    wanted: float | None = None
    rounds: Sequence[str] = ()
    """The single rounds, for a person who wonders about the spread."""

    @property
    def met(self) -> bool:
        """Whether the figure is as wanted; true where nothing is wanted of it."""
        if self.wanted is None:
            return True
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.wanted if self.bound == "at least" else value <= self.wanted

    def row(self) -> tuple[str, ...]:
        """The cells of its line."""
        sign = {"at least": "≥", "at most": "≤", None: ""}[self.bound]
        unit = "×" if self.ratio is not None else f" {self.unit}"
        return (
            self.what,
            f"{_short(self.ours)} {self.unit}",
            "" if self.rival is None else f"{_short(self.rival)} {self.unit}",
            "" if self.ratio is None else f"{self.ratio:.2f}×",
            "" if self.wanted is None else f"{sign} {self.wanted:g}{unit}",
            "" if self.wanted is None else ("met" if self.met else "MISSED"),
        )


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table that reads well as plain text, too."""
    rows = [_HEADINGS, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def machine(servers: Mapping[str, str]) -> dict[str, str]:
    """Where it was measured."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "kernel": platform.release(),
        "Python": platform.python_version(),
        **servers,
        **{name: version(name) for name in _LIBRARIES},
    }


def write(path: Path, figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    """Keep the results as JSON."""
    content = {
        "machine": dict(facts),
        "figures": [asdict(figure) | {"met": figure.met} for figure in figures],
    }
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
