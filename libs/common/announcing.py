"""Telling every cache that something changed.

The change is announced after it is written. A lost announcement is made good by the caches, which
reload by time as well, so nothing here fails a request.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import uuid4

import structlog

from common.bus.messages import BusError, Outgoing, Unroutable
from common.bus.topology import CHANGES_EXCHANGE
from common.events import ConnectionChanged
from heliograph.models import now

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """The part of the bus that this needs."""

    async def publish(self, message: Outgoing) -> None: ...


class Announcer:
    """Announces changes."""

    def __init__(self, bus: Publisher):
        self._bus = bus

    async def changed(
        self, tenant_id: str, connection_id: str, what: str, *, at: datetime | None = None
    ) -> None:
        """Tell that something of a connection changed. `what` is for people who read the bus; `at`
        is now where it is not said."""
        event = ConnectionChanged(
            tenant_id=tenant_id, connection_id=connection_id, what=what, at=at or now()
        )
        message = Outgoing.of(event, exchange=CHANGES_EXCHANGE, key="", message_id=uuid4().hex)
        try:
            await self._bus.publish(message)
        except Unroutable:
            log.debug("change.nobody_listens", connection_id=connection_id)
        except BusError as error:
            log.warning("change.not_announced", connection_id=connection_id, error=str(error))
