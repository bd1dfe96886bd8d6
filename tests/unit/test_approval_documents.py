"""Held texts as they are read from their documents, the odd ones too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.store.approvals import read_approval
from common.store.records import ApprovalDecision, SendState
from heliograph.codes import OutcomeCode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = 3600.0
BY = {"kind": "system", "id": "processor", "name": "Heliograph", "role": "system"}


def document(**fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "_id": "m",
        "tenant_id": "acme",
        "agent_id": "support",
        "connection_id": "line",
        "conversation_id": "c",
        "number": "+18005550100",
        "remote": "+12125550147",
        "body": "Hello",
        "original_body": "Hello",
        "truncated": False,
        "encoding": "GSM-7",
        "segments": 1,
        "tag": None,
        "state": SendState.RELEASED.value,
        "held_at": None,
        "expires_at": None,
        "outcome": None,
        "approval": {"decision": "cancelled", "at": NOW, "by": BY},
    }
    return known | fields


def test_a_text_that_was_never_held_counts_from_when_it_was_decided_on() -> None:
    """An opt-out decides on texts that wait for a limit, and our own texts are decided on as they
    are put beside the agents'."""
    approval = read_approval(document(), HOUR)
    assert approval.decision is ApprovalDecision.CANCELLED
    assert (approval.held_at, approval.expires_at) == (NOW, NOW + timedelta(hours=1))
    assert approval.code is OutcomeCode.GATE_OFF


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (
            {"state": "held", "approval": None, "outcome": {"code": "loop_suspected"}},
            OutcomeCode.LOOP_SUSPECTED,
        ),
        ({"held_outcome": {"code": "conversation_held"}}, OutcomeCode.CONVERSATION_HELD),
        (
            {
                "state": "finished",
                "held_outcome": {"code": "first_contact_held"},
                "outcome": {"code": "sent"},
            },
            OutcomeCode.FIRST_CONTACT_HELD,
        ),
        ({"state": "finished", "outcome": {"code": "sent"}}, OutcomeCode.GATE_OFF),
    ],
    ids=["waits", "released", "sent", "of an earlier release"],
)
def test_why_it_was_held_stays_known(fields: dict[str, Any], code: OutcomeCode) -> None:
    assert read_approval(document(held_at=NOW, **fields), HOUR).code is code
