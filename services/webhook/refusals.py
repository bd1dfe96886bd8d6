"""Refusals in the log: often enough to be seen, and not as often as strangers like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

from webhook.problems import Problem

log = structlog.get_logger(__name__)

PAUSE: Final = 60.0
"""Seconds between two warnings of one code."""


class Refusals:
    """Warns of the first refusal of each code in a minute, with how many went unsaid since the
    warning before it. The others are for debugging."""

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._warned: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def say(self, problem: Problem) -> None:
        """Write a refusal down. Codes are those of `webhook.problems` and of faults, so few."""
        code, now = problem.code, self._clock()
        before = self._warned.get(code)
        if before is not None and now - before < PAUSE:
            self._unsaid[code] += 1
            log.debug("delivery.refused", status=problem.status, code=code)
            return
        self._warned[code] = now
        unsaid = self._unsaid.pop(code, 0)
        log.warning("delivery.refused", status=problem.status, code=code, unsaid=unsaid)
