"""What to do after a provider's answer: pure decisions.

A text whose answer was once lost stays "maybe sent", whatever a later try is told: a refusal of the
second try says nothing of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.bus.topology import DEFER_DELAYS
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from heliograph.codes import OutcomeCode

_BASE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is left to try."""

    code: OutcomeCode
    provider_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """To be tried again, with the same idempotency values. `maybe_sent` where a call so far may
    have been accepted; `retry_after` is the provider's wish in seconds."""

    maybe_sent: bool
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: the number's limits, or the recipient's quiet hours, make it wait for about so many
    seconds. Looking earlier does no harm. `slot` is its place in the order."""

    seconds: float
    slot: datetime | None = None


Step = Finished | Again | Later


def step_after(
    result: SendResult, *, maybe_sent: bool, tries_left: bool, deduplicates: bool
) -> Step:
    """What follows from an answer. `maybe_sent` speaks of the calls before it."""
    match result:
        case Accepted(provider_message_id, repeated):
            # Where it knows a call that we took for surely refused, nobody knows what became of it.
            contradicts = repeated and not maybe_sent
            code = OutcomeCode.AMBIGUOUS if contradicts else OutcomeCode.SENT
            return Finished(code, provider_message_id)
        case Refused(code):
            return Finished(OutcomeCode.AMBIGUOUS if maybe_sent else code)
        case NotProcessed(code, _, retry_after):
            if tries_left and (deduplicates or not maybe_sent):
                return Again(maybe_sent, retry_after)
            return Finished(OutcomeCode.AMBIGUOUS if maybe_sent else code)
        case Ambiguous():
            if tries_left and deduplicates:
                return Again(maybe_sent=True)
            return Finished(OutcomeCode.AMBIGUOUS)


def pause_after(attempts: int, retry_after: float | None, *, cap: float) -> float:
    """Seconds to the next try out of a wait queue: doubling with the attempts made so far, no less
    than the provider asks for, no more than `cap`."""
    return min(cap, max(_BASE ** min(attempts, 30), retry_after or 0.0))


def look_again_after(
    seconds: float, expires_in: float | None, *, steps: Sequence[float] = DEFER_DELAYS
) -> float:
    """Seconds in a wait queue for a text that cannot leave for `seconds`: the longest step that is
    not too long, so that a place in the order is not missed, and no longer than until the text
    expires, so that its agent hears of that in time. `steps` rise."""
    fitting = [step for step in steps if step <= seconds]
    pause = fitting[-1] if fitting else steps[0]
    if expires_in is None or expires_in >= pause:
        return pause
    return next((step for step in steps if step >= expires_in), pause)
