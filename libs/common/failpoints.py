"""Numbered places between two durable writes at which a process can be made to die.

Off, a fail point is one comparison. On (`HELIOGRAPH_FAILPOINT=processor.2-recorded`, or
`processor.2-recorded:3` for the third pass), the process kills itself with SIGKILL when it gets
there, as a pulled plug would. Tests use them to break each promise at each step.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum


class Failpoint(StrEnum):
    """Every place at which a service can be made to die. A number once given stays."""

    PROCESSOR_TAKEN = "processor.1-taken"
    PROCESSOR_RECORDED = "processor.2-recorded"
    PROCESSOR_CONSENTED = "processor.3-consented"
    PROCESSOR_TURNS_PUBLISHED = "processor.4-turns-published"
    PROCESSOR_MARKED = "processor.5-marked"
    PROCESSOR_REPORT_APPLIED = "processor.6-report-applied"
    PROCESSOR_REPORT_PUBLISHED = "processor.7-report-published"
    PROCESSOR_REPORT_MARKED = "processor.8-report-marked"
    PROCESSOR_MOVED = "processor.9-moved"
    PROCESSOR_CANCELLED = "processor.10-cancelled"
    PROCESSOR_ANSWERED = "processor.11-answered"

    SENDER_TAKEN = "sender.1-taken"
    SENDER_CLAIMED = "sender.2-claimed"
    SENDER_BEGUN = "sender.3-begun"
    SENDER_CALLED = "sender.4-called"
    SENDER_RECORDED = "sender.5-recorded"
    SENDER_TOLD = "sender.6-told"
    SENDER_HELD = "sender.7-held"
    SENDER_WAITING = "sender.8-waiting"
    SENDER_MOVED = "sender.9-moved"
    SENDER_AGENT_TOLD = "sender.10-agent-told"
    SENDER_REFUSED = "sender.11-refused"

    HEALTH_REWRAPPED = "health.1-rewrapped"
    HEALTH_LETTER_BEGUN = "health.2-letter-begun"
    HEALTH_LETTER_PUBLISHED = "health.3-letter-published"
    HEALTH_LETTER_SETTLED = "health.4-letter-settled"


class Failpoints:
    """The fail points of a process, of which at most one is armed.

    Args:
        armed: `<name>` or `<name>:<n>` for the n-th pass; None arms nothing.

    Raises:
        ValueError: no fail point has that name.
    """

    def __init__(self, armed: str | None = None):
        self._armed: Failpoint | None = None
        self._left = 1
        if armed:
            name, _, count = armed.partition(":")
            self._armed = Failpoint(name)
            self._left = int(count or 1)

    def reached(self, point: Failpoint) -> None:
        """Die here if this point is armed and its pass has come."""
        if self._armed is not point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
