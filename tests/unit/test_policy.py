"""Promises of the sending policy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.policy import Facts, Hold, LeaveUncertain, Refuse, Send, Wait, decide
from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS, Keyword

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
APPROVED, REJECTED, EXPIRED, CANCELLED = ApprovalDecision


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
    stopped=st.booleans(),
    cancelled=st.booleans(),
    text_problem=st.sampled_from([None, OutcomeCode.TEXT_TOO_LONG, OutcomeCode.SHORTENED_URL]),
    reach_problem=st.sampled_from([None, OutcomeCode.DESTINATION_NOT_SUPPORTED]),
    first_contact=st.sampled_from(
        [None, OutcomeCode.FIRST_CONTACT_HELD, OutcomeCode.FIRST_CONTACT_REFUSED]
    ),
    conversation_held=st.booleans(),
    loop=st.booleans(),
    quiet_until=st.sampled_from([None, NOW + SECOND]),
    notice=st.sampled_from([None, *Keyword]),
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
        ({"decision": CANCELLED}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        # What stops everything.
        ({"stopped": True}, Refuse(OutcomeCode.SENDING_STOPPED)),
        ({"stopped": True, "decision": APPROVED}, Refuse(OutcomeCode.SENDING_STOPPED)),
        ({"stopped": True, "notice": Keyword.OPT_OUT}, Refuse(OutcomeCode.SENDING_STOPPED)),
        # What an opt-out stops, and the one text that it lets through.
        ({"cancelled": True}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"cancelled": True, "decision": APPROVED}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"opted_out": True, "notice": Keyword.OPT_OUT}, Send()),
        (
            {"opted_out": True, "notice": Keyword.OPT_IN},
            Refuse(OutcomeCode.RECIPIENT_OPTED_OUT),
        ),
        ({"opted_out": True, "notice": Keyword.HELP}, Refuse(OutcomeCode.RECIPIENT_OPTED_OUT)),
        ({"agent_active": False, "notice": Keyword.OPT_OUT}, Send()),
        # What is wrong with the text, and where it cannot go.
        ({"text_problem": OutcomeCode.TEXT_TOO_LONG}, Refuse(OutcomeCode.TEXT_TOO_LONG)),
        ({"text_problem": OutcomeCode.SHORTENED_URL}, Refuse(OutcomeCode.SHORTENED_URL)),
        (
            {"reach_problem": OutcomeCode.SENDER_NOT_VERIFIED, "decision": APPROVED},
            Refuse(OutcomeCode.SENDER_NOT_VERIFIED),
        ),
        # What holds a text for a person, in the order in which it is told.
        (
            {"first_contact": OutcomeCode.FIRST_CONTACT_REFUSED, "loop": True},
            Refuse(OutcomeCode.FIRST_CONTACT_REFUSED),
        ),
        ({"conversation_held": True, "loop": True}, Hold(OutcomeCode.CONVERSATION_HELD)),
        ({"loop": True, "gate_on": False}, Hold(OutcomeCode.LOOP_SUSPECTED)),
        (
            {"first_contact": OutcomeCode.FIRST_CONTACT_HELD, "gate_on": False},
            Hold(OutcomeCode.FIRST_CONTACT_HELD),
        ),
        ({"loop": True, "conversation_held": True, "decision": APPROVED}, Send()),
        ({"first_contact": OutcomeCode.FIRST_CONTACT_HELD, "decision": APPROVED}, Send()),
        # What only makes it wait.
        ({"quiet_until": NOW + SECOND}, Wait(NOW + SECOND)),
        ({"quiet_until": NOW + SECOND, "decision": APPROVED}, Wait(NOW + SECOND)),
        ({"quiet_until": NOW + SECOND, "gate_on": False}, Hold(OutcomeCode.GATE_OFF)),
        ({"quiet_until": NOW + SECOND, "maybe_sent": True}, Send()),
        ({"quiet_until": NOW + SECOND, "expires_at": NOW}, Refuse(OutcomeCode.COMMAND_EXPIRED)),
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
    assert given_facts.agent_active or given_facts.notice is not None
    assert given_facts.connection_active
    assert not given_facts.stopped
    if given_facts.notice is not Keyword.OPT_OUT:
        assert not given_facts.opted_out
        assert not given_facts.cancelled
    assert given_facts.text_problem is None
    assert given_facts.reach_problem is None
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
def test_an_approval_stands_for_what_holds_a_text_and_for_nothing_else(given_facts: Facts) -> None:
    approved = replace(given_facts, decision=APPROVED)
    refused = given_facts.first_contact is OutcomeCode.FIRST_CONTACT_REFUSED
    autonomous = replace(
        given_facts,
        decision=None,
        gate_on=True,
        loop=False,
        conversation_held=False,
        first_contact=given_facts.first_contact if refused else None,
    )
    assert decide(approved) == decide(autonomous)


@given(ANY_FACTS)
def test_a_text_that_never_left_is_never_left_uncertain(given_facts: Facts) -> None:
    if not given_facts.maybe_sent:
        assert not isinstance(decide(given_facts), LeaveUncertain)
