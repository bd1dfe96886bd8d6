"""Promises of the agent client about the second outcome of a text that was held."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from heliograph import Outcome, OutcomeCode, OutcomeStatus
from heliograph.inbox import letter_of
from heliograph.outcomes import Expectations

NOW = datetime(2025, 3, 1, tzinfo=UTC)
A, B = "+14255550100", "+14255550101"
LATER = {
    OutcomeCode.SENT: OutcomeStatus.SENT,
    OutcomeCode.APPROVAL_REJECTED: OutcomeStatus.BLOCKED,
    OutcomeCode.APPROVAL_EXPIRED: OutcomeStatus.BLOCKED,
    OutcomeCode.RECIPIENT_OPTED_OUT: OutcomeStatus.BLOCKED,
    OutcomeCode.AMBIGUOUS: OutcomeStatus.UNCERTAIN,
    OutcomeCode.PROVIDER_REJECTED: OutcomeStatus.FAILED,
}


def outcome(code: OutcomeCode = OutcomeCode.GATE_OFF, to: str = A) -> Outcome:
    status = LATER.get(code, OutcomeStatus.HELD)
    return Outcome(
        command_id="c1", status=status, code=code, message="", to=to, original_to=to, at=NOW
    )


@pytest.mark.parametrize("code", LATER)
def test_what_was_decided_is_news_after_the_reply_was_answered(code: OutcomeCode) -> None:
    assert letter_of(outcome()).identity != letter_of(outcome(code)).identity
    assert letter_of(outcome()).lane == letter_of(outcome(code)).lane


async def test_a_reply_gets_held_and_the_later_outcome_is_nobodys_reply() -> None:
    expectations = Expectations()
    awaited = expectations.expect("c1", (A,))
    assert expectations.settle(outcome())
    expectations.forget(awaited)
    assert [item.status for item in awaited.outcomes] == [OutcomeStatus.HELD]
    assert expectations.settle(outcome()), "its copy on the agent's queue is no news"
    assert not expectations.settle(outcome(OutcomeCode.SENT)), "the later outcome is"


async def test_a_held_word_that_comes_late_does_not_take_back_what_became_of_the_text() -> None:
    expectations = Expectations()
    awaited = expectations.expect("c1", (A, B))
    for item in (outcome(), outcome(OutcomeCode.SENT), outcome(), outcome(to=B)):
        assert expectations.settle(item)
    assert awaited.done.done()
    assert [item.status for item in awaited.outcomes] == [OutcomeStatus.SENT, OutcomeStatus.HELD]


async def test_a_command_sent_again_after_the_decision_returns_what_became_of_it() -> None:
    expectations = Expectations()
    first = expectations.expect("c1", (A,))
    expectations.settle(outcome())
    expectations.forget(first)
    again = expectations.expect("c1", (A,))
    assert expectations.settle(outcome(OutcomeCode.APPROVAL_REJECTED))
    assert [item.code for item in again.outcomes] == [OutcomeCode.APPROVAL_REJECTED]
