"""Decisions about texts that are known already, from what is recorded of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from common.store.records import RANK_SENT, Claim, Inbound, SendState
from heliograph.models import Outcome, OutcomeStatus

OUTCOME_RANK: Final[Mapping[OutcomeStatus, int]] = {
    OutcomeStatus.HELD: 0,
    OutcomeStatus.BLOCKED: 0,
    OutcomeStatus.FAILED: 0,
    OutcomeStatus.UNCERTAIN: 1,
    OutcomeStatus.SENT: RANK_SENT,
}
"""Where an outcome stands among the reports: an early report of a higher rank stays, and any report
settles an uncertain text."""

LEFT_US: Final = frozenset({OutcomeStatus.SENT, OutcomeStatus.UNCERTAIN})
"""Outcomes of texts that the remote has, or may have, got: those are in the history."""


def claim_of_inbound(document: Mapping[str, Any], now: datetime, owner: str) -> Claim:
    """What may be done with a known inbound text; `RESUMED` if its lease can be taken: it has run
    out, or it is the asker's own, who then does again what an infrastructure fault cut short."""
    if document["handed_over_at"] is not None:
        return Claim.FINISHED
    free = document["lease_until"] < now or document["lease_owner"] == owner
    return Claim.RESUMED if free else Claim.BUSY


def claim_of_outbound(document: Mapping[str, Any], digest: str, now: datetime) -> Claim:
    """What may be done with a known outbound text; `RESUMED` if its lease can be taken."""
    if document["digest"] != digest:
        return Claim.CONFLICT
    if document["outcome"] is not None:
        return Claim.FINISHED
    lease_until = document["lease_until"]
    return Claim.RESUMED if lease_until is None or lease_until < now else Claim.BUSY


def settle_repeats(ids: Sequence[str], recorded: Mapping[str, Inbound]) -> list[Inbound]:
    """The results in the order of `ids`, where an ID may stand twice: the caller has the first one
    in hand, so the second is `BUSY`, unless nothing is left to do."""
    seen: set[str] = set()
    results = []
    for text_id in ids:
        item = recorded[text_id]
        if text_id in seen and item.claim is not Claim.FINISHED:
            item = replace(item, claim=Claim.BUSY)
        seen.add(text_id)
        results.append(item)
    return results


def left_us(outcome: Outcome) -> bool:
    """Whether the remote has, or may have, got something of the text: some of its parts, too."""
    return outcome.status in LEFT_US or bool(outcome.parts_sent)


def given_up(ambiguous: bool, slot: datetime | None) -> dict[str, Any]:
    """The fields of a text that comes back later."""
    state = SendState.SENDING if ambiguous else SendState.WAITING
    fields: dict[str, Any] = {"state": state.value, "lease_owner": None, "lease_until": None}
    return fields if slot is None else fields | {"slot": slot}


def next_part(now: datetime) -> dict[str, Any]:
    """The fields of a text whose next part is to be sent: nothing of that one has left yet."""
    return {"state": SendState.CLAIMED.value, "attempts": 0, "first_sent": now, "slot": None}


def needs_lease(outcome: Outcome) -> bool:
    """Whether only the holder of the lease may record this outcome.

    One who lost the lease while the provider was answering knows what left us, and that must be
    recorded. That nothing left, only the holder knows: another may be sending at this moment.
    """
    return outcome.status not in LEFT_US
