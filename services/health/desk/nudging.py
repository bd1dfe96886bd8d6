"""Telling the sender to look at a text that was decided on."""

from __future__ import annotations

import structlog

from common import tracing
from common.announcing import Publisher
from common.bus.messages import BusError
from common.bus.nudges import nudge
from common.store.control import Approval

log = structlog.get_logger(__name__)


class Nudger:
    """Publishes nudges. A nudge names a text and carries no authority: the sender reads from the
    store what was decided. One that is lost, the sweep makes good, so a fault is not an error."""

    def __init__(self, bus: Publisher):
        self._bus = bus

    async def nudge(self, approval: Approval) -> None:
        """Tell the sender of one held text."""
        await self.tell(approval.tenant_id, approval.message_id, traceparent=approval.traceparent)

    async def tell(
        self, tenant_id: str, message_id: str, *, traceparent: str | None = None
    ) -> None:
        """Tell the sender of one text, by its IDs and in its trace."""
        about = {"message_id": message_id, "trace_id": tracing.id_of(traceparent)}
        try:
            await self._bus.publish(nudge(tenant_id, message_id, traceparent=traceparent))
        except BusError as error:
            log.warning("approval.not_told_yet", why=error.code, **about)
        else:
            log.debug("decision.told", **about)
