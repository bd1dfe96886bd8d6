"""Whether a text may leave now: one pure decision over plain values.

The order of the rules is the order in which an agent is told: what a person has decided first, then
what stops everything, then what can no longer matter, then what is wrong with the text, then who
forbids it. What holds a text for a person comes after all that, because nobody should be asked to
approve what must not be sent anyway; what merely makes it wait comes last.

What an operation has to count (rates, caps, budgets) is asked for after the policy has said `Send`:
`common.limits`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS, Keyword


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
    """What was decided on the text after it was held."""
    maybe_sent: bool
    """Whether an earlier try may have gone out."""
    tries_left: bool
    deduplicates: bool
    """Whether the provider recognises a repeated try."""
    stopped: bool = False
    """Whether a kill switch is on."""
    cancelled: bool = False
    """Whether an opt-out was noted after the text was ordered, also where an opt-in followed."""
    text_problem: OutcomeCode | None = None
    """What is wrong with the text as such (`common.shaping`)."""
    reach_problem: OutcomeCode | None = None
    """Why a sender of this type cannot reach the recipient (`common.reach`)."""
    first_contact: OutcomeCode | None = None
    """`FIRST_CONTACT_HELD` or `FIRST_CONTACT_REFUSED` where it is one and the rule says so."""
    conversation_held: bool = False
    loop: bool = False
    """Whether the conversation looks like two machines (`common.loops`)."""
    quiet_until: datetime | None = None
    """When the recipient's quiet hours end, where they are now and count for this text."""
    notice: Keyword | None = None
    """The keyword that the text answers, where it is ours and not an agent's."""


@dataclass(frozen=True, slots=True)
class Send:
    """It may leave, as far as the number's limits let it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person must approve it first."""

    code: OutcomeCode = OutcomeCode.GATE_OFF


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not leave, and never will as it is."""

    code: OutcomeCode


@dataclass(frozen=True, slots=True)
class Wait:
    """It may leave later."""

    until: datetime


@dataclass(frozen=True, slots=True)
class LeaveUncertain:
    """It may have left already and must not leave again: a person or a report settles it."""


Decision = Send | Hold | Refuse | Wait | LeaveUncertain
Rule = Callable[[Facts], Refuse | Hold | Wait | None]


def _refuses(applies: Callable[[Facts], bool], code: OutcomeCode) -> Rule:
    return lambda facts: Refuse(code) if applies(facts) else None


def _holds(applies: Callable[[Facts], bool], code: OutcomeCode) -> Rule:
    """An approval stands in for what holds a text, and for nothing else."""

    def rule(facts: Facts) -> Hold | None:
        approved = facts.decision is ApprovalDecision.APPROVED
        return Hold(code) if applies(facts) and not approved else None

    return rule


def _was(decision: ApprovalDecision) -> Callable[[Facts], bool]:
    return lambda facts: facts.decision is decision


def _expired(facts: Facts) -> bool:
    return facts.expires_at is not None and facts.expires_at <= facts.now


def _opted_out(facts: Facts) -> bool:
    """The one text that an opt-out lets through is the confirmation of that opt-out."""
    return (facts.opted_out or facts.cancelled) and facts.notice is not Keyword.OPT_OUT


def _agent_off(facts: Facts) -> bool:
    return not facts.agent_active and facts.notice is None


def _wrong_text(facts: Facts) -> Refuse | None:
    return Refuse(facts.text_problem) if facts.text_problem is not None else None


def _out_of_reach(facts: Facts) -> Refuse | None:
    return Refuse(facts.reach_problem) if facts.reach_problem is not None else None


def _quiet(facts: Facts) -> Wait | None:
    return Wait(facts.quiet_until) if facts.quiet_until is not None else None


_RULES: Final[tuple[Rule, ...]] = (
    _refuses(_was(ApprovalDecision.REJECTED), OutcomeCode.APPROVAL_REJECTED),
    _refuses(_was(ApprovalDecision.EXPIRED), OutcomeCode.APPROVAL_EXPIRED),
    _refuses(_was(ApprovalDecision.CANCELLED), OutcomeCode.RECIPIENT_OPTED_OUT),
    _refuses(lambda facts: facts.stopped, OutcomeCode.SENDING_STOPPED),
    _refuses(_expired, OutcomeCode.COMMAND_EXPIRED),
    _refuses(lambda facts: not facts.body.strip(), OutcomeCode.EMPTY_BODY),
    _refuses(lambda facts: len(facts.body) > MAX_BODY_CHARACTERS, OutcomeCode.BODY_TOO_LONG),
    _refuses(_agent_off, OutcomeCode.NOT_AUTHORISED),
    _refuses(lambda facts: not facts.connection_active, OutcomeCode.CONNECTION_INACTIVE),
    _refuses(_opted_out, OutcomeCode.RECIPIENT_OPTED_OUT),
    _wrong_text,
    _out_of_reach,
    _refuses(
        lambda facts: facts.first_contact is OutcomeCode.FIRST_CONTACT_REFUSED,
        OutcomeCode.FIRST_CONTACT_REFUSED,
    ),
    _holds(lambda facts: facts.conversation_held, OutcomeCode.CONVERSATION_HELD),
    _holds(lambda facts: facts.loop, OutcomeCode.LOOP_SUSPECTED),
    _holds(
        lambda facts: facts.first_contact is OutcomeCode.FIRST_CONTACT_HELD,
        OutcomeCode.FIRST_CONTACT_HELD,
    ),
    _holds(lambda facts: not facts.gate_on, OutcomeCode.GATE_OFF),
    _quiet,
)


def decide(facts: Facts) -> Decision:
    """The first rule that applies, else `Send`.

    A text whose earlier try may have gone out is never called held or refused, which would say that
    nobody got it: where it may not be tried again, it stays uncertain. Quiet hours do not keep it,
    for the recipient may have got it already.
    """
    ruling = next((ruling for rule in _RULES if (ruling := rule(facts)) is not None), None)
    if facts.maybe_sent:
        free = ruling is None or isinstance(ruling, Wait)
        return Send() if free and facts.deduplicates and facts.tries_left else LeaveUncertain()
    return ruling or Send()
