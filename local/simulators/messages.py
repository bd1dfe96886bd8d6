"""Texts as every simulated provider sees them, whatever its wire format."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from local.simulator.clock import now


class State(StrEnum):
    """How far a text got; each provider has words and codes of its own for these."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """What no page of the provider tells of: the fault `unknown_reports` names it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a call asks: one text to one recipient.

    `sender` and `to` are as phones show them: E.164 with the plus sign, a short code, or a name.
    `reference` is the caller's own word that the provider echoes in reports, `message_id` an ID
    that the caller chose (Infobip), `report_url` where reports go (None: to the portal's URL, or
    nowhere, as the provider does it). `more` is what only this provider knows.
    """

    sender: str
    to: str
    body: str
    reference: str | None = None
    message_id: str | None = None
    report_url: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Sent:
    """An accepted text and what became of it. `code` is the provider's code of a failure."""

    id: str
    order: Order
    parts: int
    at: datetime = field(default_factory=now)
    state: State = State.QUEUED
    code: str | None = None
    changed_at: datetime = field(default_factory=now)
    news: list["News"] = field(default_factory=list)
    """What became known of it so far, oldest first, whether or not a report told of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text, or a whole call, is refused: HTTP status and the provider's own code."""

    status: int
    code: str = ""
    message: str = ""
    retry_after: float | None = None
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class News:
    """One report's content. `part` counts from 0; None speaks of the whole text."""

    state: State
    code: str | None = None
    part: int | None = None
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Portal:
    """What an administrator entered in the provider's portal: our URL and its Basic login."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def authorization(self) -> dict[str, str]:
        """The header of the Basic login, where one was entered."""
        return {"Authorization": basic(self.username, self.password)} if self.username else {}


def basic(username: str, password: str) -> str:
    """The value of `Authorization` for a Basic login (RFC 7617, UTF-8)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
