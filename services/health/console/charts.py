"""The charts of the overview, as the numbers that their SVG is drawn from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from common.store.control import Hour

HEIGHT: Final = 60
"""Units of the half of the chart above its axis, and of the half below it."""

SLOT: Final = 10
"""Units of an hour's width, of which the bar takes `BAR`."""
BAR: Final = 6

_OUTCOMES: Final = (
    ("sent", "Sent", "info"),
    ("held", "Held", "sun"),
    ("blocked", "Refused", "danger"),
    ("failed", "Failed", "danger"),
    ("uncertain", "Uncertain", "sun"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """An hour: what was received rises above the axis, what was sent hangs below it."""

    start: datetime
    received: int
    sent: int
    x: int
    up: float
    down: float


@dataclass(frozen=True, slots=True)
class HourChart:
    """Texts per hour."""

    bars: tuple[Bar, ...]
    most: int
    received: int
    sent: int

    @property
    def width(self) -> int:
        return len(self.bars) * SLOT


@dataclass(frozen=True, slots=True)
class Share:
    """An outcome's count; `width` is its part of the largest one, in percent."""

    name: str
    label: str
    tone: str
    count: int
    width: float


def hour_of(instant: datetime) -> datetime:
    """The hour that an instant falls into."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hour_chart(hours: Iterable[Hour], *, now: datetime, count: int) -> HourChart:
    """The last `count` hours, this one included, of all connections together."""
    received: dict[datetime, int] = {}
    sent: dict[datetime, int] = {}
    for hour in hours:
        start = hour_of(hour.start)
        received[start] = received.get(start, 0) + hour.received
        sent[start] = sent.get(start, 0) + hour.sent
    last = hour_of(now)
    starts = [last - timedelta(hours=back) for back in range(count - 1, -1, -1)]
    most = max((*(received.get(s, 0) for s in starts), *(sent.get(s, 0) for s in starts), 0))
    scale = HEIGHT / most if most else 0
    return HourChart(
        bars=tuple(
            Bar(
                start=start,
                received=received.get(start, 0),
                sent=sent.get(start, 0),
                x=place * SLOT + (SLOT - BAR) // 2,
                up=round(received.get(start, 0) * scale, 2),
                down=round(sent.get(start, 0) * scale, 2),
            )
            for place, start in enumerate(starts)
        ),
        most=most,
        received=sum(received.get(start, 0) for start in starts),
        sent=sum(sent.get(start, 0) for start in starts),
    )


def shares(hours: Iterable[Hour]) -> tuple[Share, ...]:
    """What became of the texts that agents wanted to send."""
    kept = tuple(hours)
    counts = {name: sum(getattr(hour, name) for hour in kept) for name, _, _ in _OUTCOMES}
    most = max(counts.values())
    return tuple(
        Share(name, label, tone, counts[name], round(100 * counts[name] / most, 2) if most else 0)
        for name, label, tone in _OUTCOMES
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a strip of 100 units: where it begins, and how wide it is."""

    label: str
    tone: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Glance:
    """One connection's hours and outcomes, small."""

    chart: HourChart
    strip: tuple[Piece, ...]


def strip_of(hours: Iterable[Hour]) -> tuple[Piece, ...]:
    """What became of the agents' texts, side by side; what did not happen is left out."""
    happened = [share for share in shares(hours) if share.count]
    whole = sum(share.count for share in happened)
    pieces: list[Piece] = []
    for share in happened:
        x = sum(piece.width for piece in pieces)
        width = round(100 * share.count / whole, 2)
        pieces.append(Piece(share.label.lower(), share.tone, share.count, round(x, 2), width))
    return tuple(pieces)


def glances(hours: Iterable[Hour], *, now: datetime, count: int) -> dict[str, Glance]:
    """By connection ID; of those through which nothing went there is none."""
    of: dict[str, list[Hour]] = {}
    for hour in hours:
        of.setdefault(hour.connection_id, []).append(hour)
    return {
        connection_id: Glance(hour_chart(kept, now=now, count=count), strip_of(kept))
        for connection_id, kept in of.items()
    }
