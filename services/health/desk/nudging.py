"""Telling the sender to look at a held text that was decided on."""

from __future__ import annotations

import structlog

from common.bus.messages import BusError, Outgoing
from common.bus.topology import decided_key
from common.events import TextDecided
from common.ids import derive
from common.store.control import Approval
from health.announcing import Publisher
from heliograph import wire

log = structlog.get_logger(__name__)


class Nudger:
    """Publishes nudges. A nudge names a text and carries no authority: the sender reads from the
    store what was decided. One that is lost, the sweep makes good, so a fault is not an error."""

    def __init__(self, bus: Publisher):
        self._bus = bus

    async def nudge(self, approval: Approval) -> None:
        """Tell the sender of one text."""
        event = TextDecided(tenant_id=approval.tenant_id, message_id=approval.message_id)
        message = Outgoing.of(
            event,
            exchange=wire.COMMANDS_EXCHANGE,
            key=decided_key(approval.tenant_id),
            message_id=derive("decided", approval.message_id),
        )
        try:
            await self._bus.publish(message)
        except BusError as error:
            log.warning("approval.not_told_yet", message_id=approval.message_id, why=error.code)
