"""The generic cell rate algorithm (ITU-T I.371, annex A), with an order for those who wait. Pure.

It is what the store in memory does, and the specification of the pipeline by which MongoDB does the
same in one operation. Instants and spans are whole microseconds, which a double holds exactly: what
is rounded, is rounded once and in favour of the limit.

**The bound.** A meter with limit L and window W has the capacity c = 1 + floor(L / 50) and the
interval T = W / (L - c + 1), rounded up. It keeps the theoretical arrival time TAT of what comes
next. An ask for n units conforms iff now >= TAT + (n - c) T; then TAT := max(TAT, now) + n T. Take
asks 1..m, m > 1, admitted at t1..tm within a window, N units together. After the first,
TAT >= t1 + n1 T; each later one adds n T at least; so tm >= t1 + (N - nm) T + (nm - c) T, which is
tm - t1 >= (N - c) T. In a half-open window tm - t1 < W <= (L - c + 1) T, hence N < L + 1. A single
ask of at most L units is within the limit anyway. The TAT in the condition is the one that was
stored, not max(TAT, now): so n > c conforms after some idle time, and the proof still holds.

**The use.** Asks of at most c units that come back when told keep TAT ahead of now, which admits
(L - c + 1) / L >= 98 % of the limit. The capacity is what a late one may be late: 2 % of the
window. Asks of n > c units each follow n + (n - c) intervals after each other, for the bound's
sake, which is n / (2 n - c) of that. A larger capacity for them would need a longer interval for
all, since one meter counts asks of every size.

**The order.** A text that finds no room, or others before it, gets a place (`slot`) in a queue, the
TAT as it will be when all before it have left. It comes back at that instant, takes what fits, and
if that is not all comes back again behind those who do so too (`again`). Who never comes back holds
nobody up for long: when nothing was admitted for a tenth of a window though texts should be there,
the queue begins anew, and a place behind the new end counts as reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

IDLE_PART: Final = 10
"""The part of a window without any admission after which those who wait are taken to be gone."""
PATIENCE: Final = 2
"""Windows after which a waiting text looks again, should the queue have begun anew."""


TICK: Final = 1_000
"""The server's clock goes by milliseconds."""


def to_tick(instant: int) -> int:
    """The first instant of the server's clock that is not before this one."""
    return -(-instant // TICK) * TICK


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One limit, and what a call for k recipients uses of it: k times `each`, and `once`."""

    name: str
    limit: int
    window: int
    each: int = 0
    once: int = 0

    @property
    def capacity(self) -> int:
        return 1 + self.limit // 50

    @property
    def interval(self) -> int:
        return -(-self.window // (self.limit - self.capacity + 1))

    @property
    def one(self) -> int:
        """What a call for one recipient uses."""
        return self.each + self.once

    @property
    def lead(self) -> int:
        """From the TAT on, when a call for one recipient conforms. One that is larger than the
        whole limit conforms when the limit is unused, else it never would."""
        return (min(self.one, self.limit) - self.capacity) * self.interval

    def span(self, recipients: int) -> int:
        """By how much a call advances the TAT."""
        return (self.each * recipients + self.once) * self.interval

    @property
    def gap(self) -> int:
        """What a call of more than the capacity has to wait besides, before it conforms."""
        return max(0, self.lead)

    def place(self, recipients: int) -> int:
        """What a text takes of the queue: places any closer would be come to in vain."""
        return self.span(recipients) + recipients * self.gap

    def recipients(self, tat: int, now: int, wanted: int) -> int:
        """For how many recipients a call conforms now."""
        units = min(self.limit, (now - tat) // self.interval + self.capacity)
        if self.each == 0:
            return wanted if units >= self.once else 0
        return max(0, min(wanted, units // min(self.each, self.limit)))


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is kept of a scope. An instant of 0 is one long ago."""

    units: int = 0
    requests: int = 0
    """The TATs of the meters with these names."""
    queue: int = 0
    again: int = 0
    paused: int = 0

    def tat(self, meter: Meter) -> int:
        return self.units if meter.name == "units" else self.requests

    def taken(self, meters: Sequence[Meter], granted: int, now: int) -> State:
        """After a call for so many recipients."""
        tats = {it.name: max(self.tat(it), now) + it.span(granted) for it in meters}
        return replace(self, **tats) if granted else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """For how many a call may leave; where that is not all, the rest's place, and when to come."""

    granted: int
    until: int = 0
    slot: int | None = None


def meters_of(
    *, units: int | None, requests: int | None, window: int, each: int
) -> tuple[Meter, ...]:
    """The meters of an ask whose recipients take `each` units; the one that takes longest leads."""
    meters = []
    if units is not None:
        meters.append(Meter(name="units", limit=units, window=window, each=each))
    if requests is not None:
        meters.append(Meter(name="requests", limit=requests, window=window, once=1))
    return tuple(sorted(meters, key=lambda it: -it.one * it.interval))


def decide(
    state: State, meters: Sequence[Meter], wanted: int, slot: int | None, now: int
) -> tuple[State, Verdict]:
    """Admit as many of the wanted recipients as fit now, and give the rest its place."""
    if not meters:
        granted = wanted if now >= state.paused else 0
        return state, Verdict(granted=granted, until=state.paused, slot=slot)
    first = meters[0]
    queue = _end_of_queue(state, first, now)
    due = _due(queue, first, slot, now)
    granted = 0
    if now >= max(due, state.paused):
        granted = min(it.recipients(state.tat(it), now, wanted) for it in meters)
    state = replace(state, queue=queue, again=min(state.again, queue))
    state = state.taken(meters, granted, now)
    if granted == wanted:
        return state, Verdict(granted=granted)
    state, slot, target = _placed(state, first, wanted - granted, slot, now < due)
    free = max(state.paused, *(state.tat(it) + it.lead for it in meters))
    look = now + PATIENCE * first.window
    return state, Verdict(granted=granted, until=max(min(target, look), free), slot=slot)


def _placed(
    state: State, first: Meter, rest: int, slot: int | None, early: bool
) -> tuple[State, int, int]:
    """The place of what was not granted, and when to come if nothing else is in the way."""
    if slot is None:
        end = max(state.queue, state.tat(first))
        place = to_tick(max(end + first.lead, state.paused))
        return replace(state, queue=end + first.place(rest)), place, place
    if early:
        return state, slot, slot
    line = max(state.again, state.tat(first), state.paused)
    return replace(state, again=line + first.place(1)), slot, line + first.lead


def _end_of_queue(state: State, first: Meter, now: int) -> int:
    ready = max(state.tat(first), state.paused)
    idle = now >= ready + first.window // IDLE_PART
    return ready if idle else max(ready, state.queue, state.again)


def _due(queue: int, first: Meter, slot: int | None, now: int) -> int:
    if slot is None:
        return queue + first.lead
    return now if slot > queue else slot
