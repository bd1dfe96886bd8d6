"""Whether a text may leave now: one pure decision over plain values.

The order of the rules is the order in which an agent is told: what a person has decided first, then
what can no longer matter, then what is wrong with the text, then who forbids it. The gate comes
last, because a person should not be asked to approve what must not be sent anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the decision rests on, read at the moment of sending."""

    body: str
    """The whole text as the agent wrote it, or as who approved it did."""
    expires_at: datetime | None
    now: datetime
    agent_active: bool
    connection_active: bool
    """Whether the number is still the agent's, on a connection that is not disconnected."""
    opted_out: bool
    gate_on: bool
    decision: ApprovalDecision | None
    """What was decided on the text after the gate had held it."""
    maybe_sent: bool
    """Whether an earlier try may have gone out."""
    tries_left: bool
    deduplicates: bool
    """Whether the provider recognises a repeated try."""


@dataclass(frozen=True, slots=True)
class Send:
    """It may leave."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person must approve it first."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not leave, and never will as it is."""

    code: OutcomeCode


@dataclass(frozen=True, slots=True)
class LeaveUncertain:
    """It may have left already and must not leave again: a person or a report settles it."""


Decision = Send | Hold | Refuse | LeaveUncertain


def _expired(facts: Facts) -> bool:
    return facts.expires_at is not None and facts.expires_at <= facts.now


def _was(decision: ApprovalDecision) -> Callable[[Facts], bool]:
    return lambda facts: facts.decision is decision


def _needs_approval(facts: Facts) -> bool:
    """An approval stands in for the gate, and for nothing else."""
    return not facts.gate_on and facts.decision is not ApprovalDecision.APPROVED


_RULES: Final[tuple[tuple[Callable[[Facts], bool], Refuse | Hold], ...]] = (
    (_was(ApprovalDecision.REJECTED), Refuse(OutcomeCode.APPROVAL_REJECTED)),
    (_was(ApprovalDecision.EXPIRED), Refuse(OutcomeCode.APPROVAL_EXPIRED)),
    (_expired, Refuse(OutcomeCode.COMMAND_EXPIRED)),
    (lambda facts: not facts.body.strip(), Refuse(OutcomeCode.EMPTY_BODY)),
    (lambda facts: len(facts.body) > MAX_BODY_CHARACTERS, Refuse(OutcomeCode.BODY_TOO_LONG)),
    (lambda facts: not facts.agent_active, Refuse(OutcomeCode.NOT_AUTHORISED)),
    (lambda facts: not facts.connection_active, Refuse(OutcomeCode.CONNECTION_INACTIVE)),
    (lambda facts: facts.opted_out, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
    (_needs_approval, Hold()),
)


def decide(facts: Facts) -> Decision:
    """The first rule that applies, else `Send`.

    A text whose earlier try may have gone out is never called held or refused, which would say that
    nobody got it: where it may not be tried again, it stays uncertain.
    """
    ruling = next((ruling for applies, ruling in _RULES if applies(facts)), None)
    if facts.maybe_sent:
        again = ruling is None and facts.deduplicates and facts.tries_left
        return Send() if again else LeaveUncertain()
    return ruling or Send()
