"""Promises of the sending policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.policy import Facts, Hold, LeaveUncertain, Refuse, Send, decide
from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
APPROVED, REJECTED, EXPIRED = ApprovalDecision


def facts(**changes: Any) -> Facts:
    usual: dict[str, Any] = {
        "body": "Hello",
        "expires_at": None,
        "now": NOW,
        "agent_active": True,
        "connection_active": True,
        "opted_out": False,
        "gate_on": True,
        "decision": None,
        "maybe_sent": False,
        "tries_left": True,
        "deduplicates": True,
    }
    return Facts(**usual | changes)


ANY_FACTS = st.builds(
    Facts,
    body=st.sampled_from(["Hello", "", " \n\t", "x" * (MAX_BODY_CHARACTERS + 1)]),
    expires_at=st.sampled_from([None, NOW - SECOND, NOW, NOW + SECOND]),
    now=st.just(NOW),
    agent_active=st.booleans(),
    connection_active=st.booleans(),
    opted_out=st.booleans(),
    gate_on=st.booleans(),
    decision=st.sampled_from([None, *ApprovalDecision]),
    maybe_sent=st.booleans(),
    tries_left=st.booleans(),
    deduplicates=st.booleans(),
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Send()),
        ({"expires_at": NOW + SECOND}, Send()),
        ({"body": "x" * MAX_BODY_CHARACTERS}, Send()),
        ({"deduplicates": False}, Send()),
        ({"expires_at": NOW}, Refuse(OutcomeCode.COMMAND_EXPIRED)),
        ({"body": ""}, Refuse(OutcomeCode.EMPTY_BODY)),
        ({"body": " \u2003\n"}, Refuse(OutcomeCode.EMPTY_BODY)),
        ({"body": "x" * (MAX_BODY_CHARACTERS + 1)}, Refuse(OutcomeCode.BODY_TOO_LONG)),
        ({"agent_active": False}, Refuse(OutcomeCode.NOT_AUTHORISED)),
        ({"connection_active": False}, Refuse(OutcomeCode.CONNECTION_INACTIVE)),
        ({"opted_out": True}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"gate_on": False}, Hold()),
        # What is told first.
        ({"gate_on": False, "opted_out": True}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"opted_out": True, "connection_active": False}, Refuse(OutcomeCode.CONNECTION_INACTIVE)),
        ({"body": "", "expires_at": NOW}, Refuse(OutcomeCode.COMMAND_EXPIRED)),
        # What was decided on a text that the gate had held.
        ({"gate_on": False, "decision": APPROVED}, Send()),
        ({"decision": APPROVED}, Send()),
        ({"decision": REJECTED}, Refuse(OutcomeCode.APPROVAL_REJECTED)),
        ({"decision": EXPIRED}, Refuse(OutcomeCode.APPROVAL_EXPIRED)),
        ({"decision": REJECTED, "gate_on": False}, Refuse(OutcomeCode.APPROVAL_REJECTED)),
        ({"decision": REJECTED, "opted_out": True}, Refuse(OutcomeCode.APPROVAL_REJECTED)),
        ({"decision": EXPIRED, "expires_at": NOW}, Refuse(OutcomeCode.APPROVAL_EXPIRED)),
        ({"decision": APPROVED, "opted_out": True}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"decision": APPROVED, "expires_at": NOW}, Refuse(OutcomeCode.COMMAND_EXPIRED)),
        (
            {"decision": APPROVED, "connection_active": False},
            Refuse(OutcomeCode.CONNECTION_INACTIVE),
        ),
        ({"decision": APPROVED, "agent_active": False}, Refuse(OutcomeCode.NOT_AUTHORISED)),
        ({"decision": APPROVED, "gate_on": False, "maybe_sent": True}, Send()),
        (
            {"decision": APPROVED, "maybe_sent": True, "deduplicates": False},
            LeaveUncertain(),
        ),
        # A try may have gone out.
        ({"maybe_sent": True}, Send()),
        ({"maybe_sent": True, "deduplicates": False}, LeaveUncertain()),
        ({"maybe_sent": True, "tries_left": False}, LeaveUncertain()),
        ({"maybe_sent": True, "gate_on": False}, LeaveUncertain()),
        ({"maybe_sent": True, "opted_out": True}, LeaveUncertain()),
        ({"maybe_sent": True, "expires_at": NOW}, LeaveUncertain()),
        ({"maybe_sent": True, "connection_active": False}, LeaveUncertain()),
    ],
)
def test_each_state_of_the_world_has_its_decision(changes: dict[str, Any], expected: Any) -> None:
    assert decide(facts(**changes)) == expected


@given(ANY_FACTS)
def test_nothing_leaves_without_permission(given_facts: Facts) -> None:
    if not isinstance(decide(given_facts), Send):
        return
    assert given_facts.gate_on or given_facts.decision is APPROVED
    assert given_facts.decision in (None, APPROVED)
    assert given_facts.agent_active
    assert given_facts.connection_active
    assert not given_facts.opted_out
    assert given_facts.expires_at is None or given_facts.expires_at > given_facts.now
    assert given_facts.body.strip()
    assert len(given_facts.body) <= MAX_BODY_CHARACTERS


@given(ANY_FACTS)
def test_a_text_that_may_have_gone_out_is_never_called_held_or_refused(given_facts: Facts) -> None:
    if given_facts.maybe_sent:
        assert isinstance(decide(given_facts), (Send, LeaveUncertain))


@given(ANY_FACTS)
def test_a_text_that_may_have_gone_out_leaves_again_only_where_the_provider_deduplicates(
    given_facts: Facts,
) -> None:
    if given_facts.maybe_sent and isinstance(decide(given_facts), Send):
        assert given_facts.deduplicates
        assert given_facts.tries_left


@given(ANY_FACTS)
def test_a_text_that_was_decided_on_is_never_held_again(given_facts: Facts) -> None:
    if given_facts.decision is not None:
        assert not isinstance(decide(given_facts), Hold)


@given(ANY_FACTS)
def test_an_approval_opens_nothing_but_the_gate(given_facts: Facts) -> None:
    approved = replace(given_facts, decision=APPROVED)
    autonomous = replace(given_facts, decision=None, gate_on=True)
    assert decide(approved) == decide(autonomous)


@given(ANY_FACTS)
def test_a_text_that_never_left_is_never_left_uncertain(given_facts: Facts) -> None:
    if not given_facts.maybe_sent:
        assert not isinstance(decide(given_facts), LeaveUncertain)
