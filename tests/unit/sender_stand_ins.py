"""Commands and deliveries for the sender's unit tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from heliograph.models import SendCommand

NUMBER = "+18005550100"


def command(**changes: Any) -> SendCommand:
    values: dict[str, Any] = {
        "command_id": "c-1",
        "tenant_id": "acme",
        "agent_id": "support",
        "number": NUMBER,
        "to": "+15551230001",
        "body": "Hello",
    }
    return SendCommand(**values | changes)


@dataclass
class FakeDelivery:
    """The parts of a delivery that the pure code looks at."""

    body: bytes = b"{}"
    headers: dict[str, Any] = field(default_factory=dict)
    user_id: str | None = "acme-support"
    routing_key: str = "acme.support.send"
    queue: str = "sender.commands"
    message_id: str = "m-1"
    redelivered: bool = False
    published_at: datetime | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    type: str = "command.send"
    stale: bool = False

    async def ack(self, *, multiple: bool = False) -> None: ...
    async def requeue(self) -> None: ...
