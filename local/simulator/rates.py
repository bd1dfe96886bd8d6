"""The rate limits of senders, where a fault puts them in force.

Source: Microsoft docs, "Communication Services SMS: service limits": requests and message units in
60 s. What a unit is, the page does not say: here, a segment to a recipient.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.simulator.faults import RateLimits

_RESOURCE = "alphanumeric"

_TYPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}"), "toll_free"),
    (re.compile(r"\d{5,6}"), "short_code"),
    (re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"), _RESOURCE),
)


@dataclass(slots=True)
class _Window:
    """What was let through in the last while: instants with units, and the units' sum."""

    calls: deque[tuple[float, int]] = field(default_factory=deque)
    units: int = 0

    def forget_before(self, instant: float) -> None:
        while self.calls and self.calls[0][0] <= instant:
            self.units -= self.calls.popleft()[1]


class Meter:
    """Counts what each sender sends; all alphanumeric senders count as one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def refuses(self, sender: str, units: int, limits: RateLimits) -> bool:
        """Tell whether a call is one too many; one that is not is counted."""
        kind = next((kind for form, kind in _TYPES if form.fullmatch(sender)), None)
        if kind is None:
            return False
        limit = _limits(limits)[kind]
        window = self._windows.setdefault(kind if kind == _RESOURCE else sender, _Window())
        now = self._clock()
        window.forget_before(now - limits.seconds)
        if len(window.calls) + 1 > limit or window.units + units > limit:
            return True
        window.calls.append((now, units))
        window.units += units
        return False


def _limits(limits: RateLimits) -> Mapping[str, int]:
    return {
        "toll_free": limits.toll_free,
        "short_code": limits.short_code,
        _RESOURCE: limits.alphanumeric,
    }
