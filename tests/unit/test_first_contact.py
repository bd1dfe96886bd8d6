"""The first text to somebody unknown is let go, held or refused, as the number's rule says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from common.first_contact import first_contact
from common.sending_rules import FirstContact, SendingRules
from common.store.consents import Standing
from common.store.records import ConversationFacts, PastText
from heliograph.codes import OutcomeCode
from heliograph.models import Direction

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = ConversationFacts(
    recent=(PastText(id="1", direction=Direction.INBOUND, body="Hi", at=NOW, status="received"),)
)
NOBODY = ConversationFacts()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (FirstContact.ALLOW, None),
        (FirstContact.HOLD, OutcomeCode.FIRST_CONTACT_HELD),
        (FirstContact.REFUSE, OutcomeCode.FIRST_CONTACT_REFUSED),
    ],
)
def test_a_first_contact_is_treated_as_the_rule_says(
    rule: FirstContact, code: OutcomeCode | None
) -> None:
    rules = SendingRules(first_contact=rule)
    assert first_contact(rules, NOBODY, Standing()) is code
    assert first_contact(rules, NOBODY, Standing(opted_out=True)) is code


@pytest.mark.parametrize("rule", FirstContact)
@pytest.mark.parametrize(
    ("facts", "standing"), [(EARLIER, Standing()), (NOBODY, Standing(opted_in=True))]
)
def test_who_is_known_is_no_first_contact(
    rule: FirstContact, facts: ConversationFacts, standing: Standing
) -> None:
    assert first_contact(SendingRules(first_contact=rule), facts, standing) is None
