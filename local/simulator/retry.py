"""What Event Grid does after one delivery attempt: decisions only.

Source: Microsoft docs, "Event Grid message delivery and retry".
"""

from dataclasses import dataclass

DELIVERED = frozenset({200, 201, 202, 203, 204})
FINAL = frozenset({400, 401, 403, 413})

_MINUTE = 60.0
_HOUR = 60 * _MINUTE
# The wait after the first, second, … failed attempt; the last one repeats.
SCHEDULE = (
    10.0,
    30.0,
    *(minutes * _MINUTE for minutes in (1, 5, 10, 30)),
    *(hours * _HOUR for hours in (1, 3, 6, 12)),
)
# Some answers stretch a wait that the schedule would make shorter.
AT_LEAST = {404: 5 * _MINUTE, 408: 2 * _MINUTE, 503: 30.0}

_OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "BadRequest",
    429: "Busy",
    503: "Busy",
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint has the events."""


@dataclass(frozen=True, slots=True)
class Again:
    """The events are due again after so many seconds of Event Grid's own time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """The events are given up; without a dead-letter store the real service forgets them."""

    reason: str


def verdict(status: int | None, attempts: int, max_attempts: int) -> Delivered | Again | Drop:
    """Decide after attempt number `attempts`; `status` None means no HTTP answer at all."""
    if status in DELIVERED:
        return Delivered()
    if status in FINAL:
        return Drop("NotRetriable")
    if attempts >= max_attempts:
        return Drop("MaxDeliveryAttemptsExceeded")
    scheduled = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
    return Again(max(scheduled, AT_LEAST.get(status or 0, 0.0)))


def outcome(status: int | None, error: str | None) -> str:
    """Name an attempt's outcome as `lastDeliveryOutcome` of a dead letter does."""
    if status in DELIVERED:
        return "Delivered"
    return error or _OUTCOMES.get(status or 0, "Aborted")
