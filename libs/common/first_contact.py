"""What becomes of the first text to somebody who is not known yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.sending_rules import FirstContact, SendingRules
from common.store.consents import Standing
from common.store.records import ConversationFacts
from heliograph.codes import OutcomeCode

_CODES: Final[Mapping[FirstContact, OutcomeCode]] = {
    FirstContact.HOLD: OutcomeCode.FIRST_CONTACT_HELD,
    FirstContact.REFUSE: OutcomeCode.FIRST_CONTACT_REFUSED,
}


def first_contact(
    rules: SendingRules, facts: ConversationFacts, standing: Standing
) -> OutcomeCode | None:
    """What the number's rule says of a text to its remote; None where nothing is in its way. Known
    is with whom a text was exchanged, or who has opted in."""
    known = bool(facts.recent) or standing.opted_in
    return None if known else _CODES.get(rules.first_contact)
