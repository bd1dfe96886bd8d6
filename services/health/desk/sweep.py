"""What happens to held texts by itself: their time runs out, and a lost nudge is made good."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from common.store.control_ports import Approvals
from health.desk.nudging import Nudger
from health.repeating import repeat

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 100
"""Texts that are looked at before the sender hears of them."""

_UNHEARD: Final = 5.0
"""Seconds for which a sender that works is given the time to begin with a decision."""


class ApprovalSweep:
    """Looks after held texts, on every replica: the store lets each of them go once.

    Args:
        interval: seconds between two looks.
        unheard: seconds after a decision from which on the sender is told of it again.
    """

    def __init__(
        self,
        approvals: Approvals,
        nudger: Nudger,
        *,
        interval: float,
        unheard: float = _UNHEARD,
    ):
        self._approvals = approvals
        self._nudger = nudger
        self._interval = interval
        self._unheard = unheard

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until `stopping`."""
        await repeat(self.sweep, stopping, interval=self._interval, name="approvals")

    async def sweep(self, stopping: asyncio.Event | None = None) -> None:
        """Look once, and go on while there is more than fits into one look.

        Raises:
            StoreUnavailable: what is left is done in the next sweep.
        """
        more = True
        while more and not (stopping is not None and stopping.is_set()):
            expired = await self._approvals.expire(limit=_AT_ONCE)
            unheard = await self._approvals.unfinished(older_than=self._unheard, limit=_AT_ONCE)
            for approval in (*expired, *unheard):
                await self._nudger.nudge(approval)
            more = _AT_ONCE in (len(expired), len(unheard))
            if expired or unheard:
                log.info("approvals.swept", expired=len(expired), nudged=len(unheard))
