"""The limits of numbers, kept so that every replica stays within them together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCap:
    """What may be used up in a day (UTC). `name` is `texts`, `cost` (millionths of the currency),
    `att` or `tmobile`; `each` is what one recipient uses."""

    name: str
    limit: int
    each: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a number may send: made from its type, its rules and the tables (`common.limits`)."""

    scope: str
    """Whose limit the rate is: `number:<address>`, or `connection:<id>` for alphanumeric senders,
    whose limit is the resource's."""
    number: str
    """Whose daily use is counted."""
    requests: int | None
    units: int | None
    """Most requests, and message units, in any `window` seconds; None: no limit is known."""
    window: float = 60.0
    day: tuple[DayCap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One provider call that wants to leave: so many recipients, each of so many message units."""

    recipients: int
    units: int
    slot: datetime | None = None
    """Its place in the order, from an earlier answer; None where it was never asked for."""
    count_day: bool = True
    """False for a repeated call of a text that today's use counts already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How many of the recipients may be called now. What is not granted comes back after `wait`
    seconds with `slot`, or never today where the cap `capped` is used up."""

    granted: int
    wait: float = 0.0
    slot: datetime | None = None
    capped: str | None = None


class Limits(Protocol):
    """Limits by the server's clock, one atomic operation a question."""

    async def admit(self, tenant_id: str, allowance: Allowance, ask: Ask) -> Admission:
        """Take from the allowance as much as it has, up to what is asked for; the generic cell rate
        algorithm, so that no window of `window` seconds ever sees more than the limits."""
        ...

    async def slow(self, tenant_id: str, scope: str, seconds: float) -> None:
        """Grant nothing of this scope for so long, on all replicas: the provider said so (429)."""
        ...

    async def give_back(self, tenant_id: str, allowance: Allowance, recipients: int) -> None:
        """Take back from today's use what the provider surely did not send."""
        ...
