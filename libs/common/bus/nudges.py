"""The nudge that makes the sender look at a text on which somebody, or an opt-out, has decided."""

from __future__ import annotations

from common.bus.messages import Outgoing
from common.bus.topology import decided_key
from common.events import TextDecided
from common.ids import derive
from heliograph import wire


def nudge(tenant_id: str, message_id: str, *, traceparent: str | None = None) -> Outgoing:
    """A nudge names a text and carries no authority: the sender reads from the store what was
    decided."""
    return Outgoing.of(
        TextDecided(tenant_id=tenant_id, message_id=message_id),
        exchange=wire.COMMANDS_EXCHANGE,
        key=decided_key(tenant_id),
        message_id=derive("decided", message_id),
        traceparent=traceparent,
    )
