"""What a check does to a connection's status. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.providers.port import Health, Healthy, Unhealthy, Unknown
from common.redact import scrub
from common.store.records import ConnectionRecord, ConnectionStatus

MAX_ERROR_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be recorded of a connection. Status and error may be what they were."""

    status: ConnectionStatus
    error: str | None
    checked_at: datetime
    works: bool = False
    """Whether the provider was asked, and finds the connection in order."""


def transition(record: ConnectionRecord, health: Health, now: datetime) -> Change | None:
    """What a check's result makes of a connection, or None where it is not to be touched.

    A provider that could not be asked says nothing about the credentials: only the instant of the
    check is recorded.
    """
    if record.status is ConnectionStatus.DISCONNECTED:
        return None
    match health:
        case Healthy():
            return Change(ConnectionStatus.ACTIVE, None, now, works=True)
        case Unhealthy(reason):
            return Change(ConnectionStatus.ERROR, shorten(reason), now)
        case Unknown():
            return Change(record.status, record.error, now)


def shorten(reason: str) -> str:
    """A reason as an administrator gets to see it: one line without secrets and phone numbers, of
    at most `MAX_ERROR_CHARACTERS` characters."""
    # Scrubbed before it is cut: half a secret is not recognised as one.
    line = scrub(" ".join(reason.split()))
    if len(line) <= MAX_ERROR_CHARACTERS:
        return line
    return line[: MAX_ERROR_CHARACTERS - 1].rstrip() + "…"
