"""Messages between the services, which no agent sees: what the webhook tells the processor, and
what the health service tells the sender and everyone's cache."""

from __future__ import annotations

from typing import ClassVar

from heliograph.models import Instant, Keyword, ReportStatus, Slug, Wire


class SmsReceived(Wire):
    """An inbound text, as its provider told it. `at` is the provider's receive instant, `event_at`
    the moment it made the event that tells it (Event Grid's event time), where it says so,
    `accepted_at` the moment the webhook took it, `keyword` what the provider itself took the text
    for, where it tells."""

    type: ClassVar[str] = "sms.received"

    provider: str
    tenant_id: Slug
    connection_id: str
    provider_message_id: str
    number: str
    remote: str
    body: str
    segments: int | None = None
    keyword: Keyword | None = None
    at: Instant
    event_at: Instant | None = None
    accepted_at: Instant


class SmsReport(Wire):
    """A delivery report, as its provider told it. `reference` is our own message ID where the
    provider echoes it (ACS: the tag); `number` and `remote` are "" where it does not tell them.
    Of a text that the provider has split into `parts`, `part` names the one it is about."""

    type: ClassVar[str] = "sms.report"

    provider: str
    tenant_id: Slug
    connection_id: str
    provider_message_id: str
    reference: str | None = None
    number: str
    remote: str
    status: ReportStatus
    code: str | None = None
    details: str | None = None
    part: str | None = None
    parts: int = 1
    at: Instant
    accepted_at: Instant


class ConnectionChanged(Wire):
    """A connection, a number or an agent changed: caches reload what they hold of the tenant."""

    type: ClassVar[str] = "connection.changed"

    tenant_id: Slug
    connection_id: str
    what: str
    at: Instant


class TextDecided(Wire):
    """A person (or the clock) decided on a held text. A nudge without authority: what was decided,
    the sender reads from the store."""

    type: ClassVar[str] = "text.decided"

    tenant_id: Slug
    message_id: str
