"""What every outbound store promises of held texts on which somebody has decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conformance.store_world import (
    LEASE,
    START,
    Stores,
    history,
    new_outbound,
    new_text,
    outcome_of,
    record,
    send,
)

from common.store.control import NewBody
from common.store.records import ApprovalDecision, Claim, NewOutbound, Outbound, SendState
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus, OutcomeWarning

OTHER_WORDS = NewBody(
    body="Other $words", whole="Other $words", truncated=False, encoding="GSM-7", segments=1
)
HOUR = 3600.0


class DecidedSuite:
    async def test_a_held_text_is_finished_until_somebody_decides_and_then_resumed(
        self, stores: Stores
    ) -> None:
        text = await held(stores)
        (waiting,) = await stores.outbound.claim([text], owner="two", lease=LEASE)
        assert (waiting.claim, waiting.decision) == (Claim.FINISHED, None)
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED)
        (resumed,) = await stores.outbound.claim([text], owner="two", lease=LEASE)
        assert (resumed.claim, resumed.state) == (Claim.RESUMED, SendState.RELEASED)
        assert (resumed.decision, resumed.outcome) == (ApprovalDecision.APPROVED, None)
        assert (resumed.edited, resumed.reason) == (False, None)
        assert resumed.text == text

    async def test_other_words_are_another_text_with_parts_and_warnings_of_its_own(
        self, stores: Stores
    ) -> None:
        text = await held(
            stores,
            new_outbound(
                parts=("1/2 a", "2/2 b"),
                problem=OutcomeCode.TEXT_TOO_LONG,
                warnings=(OutcomeWarning.LANDLINE, OutcomeWarning.SHORTENED_URL),
            ),
        )
        words = replace(
            OTHER_WORDS,
            parts=("1/3 x", "2/3 y", "3/3 z"),
            warnings=(OutcomeWarning.TRANSLITERATED,),
        )
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED, body=words)
        taken = await take(stores, text.id)
        assert taken is not None
        assert (taken.text.body, taken.text.parts) == (words.body, words.parts)
        assert (taken.text.problem, taken.slot, taken.part, taken.part_ids) == (None, None, 0, ())
        assert taken.text.warnings == (OutcomeWarning.LANDLINE, OutcomeWarning.TRANSLITERATED)

    async def test_nothing_is_taken_that_nobody_has_decided_on(self, stores: Stores) -> None:
        text = new_outbound()
        (inbound,) = await record(stores, new_text())
        for message_id in (text.id, inbound.id, "", "$ne"):
            assert await take(stores, message_id) is None
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        stores.clock.advance(LEASE + 1)
        assert await take(stores, text.id) is None
        await held(stores, text)
        assert await take(stores, text.id) is None

    async def test_another_tenant_can_take_and_tell_nothing(self, stores: Stores) -> None:
        text = await held(stores)
        assert not await stores.decide("other", text.id, ApprovalDecision.APPROVED)
        assert await stores.decide("acme", text.id, ApprovalDecision.REJECTED)
        taken = await stores.outbound.take_decided("other", text.id, owner="one", lease=LEASE)
        assert taken is None
        assert await take(stores, text.id) is not None
        await finish(stores, text, OutcomeStatus.BLOCKED)
        await stores.outbound.mark_told("other", text.id)
        assert await take(stores, text.id) is not None

    @pytest.mark.parametrize("decision", ApprovalDecision)
    async def test_one_takes_a_decided_text_and_others_find_it_busy(
        self, stores: Stores, decision: ApprovalDecision
    ) -> None:
        text = await held(stores)
        await stores.decide("acme", text.id, decision, reason="why")
        taken = await take(stores, text.id)
        assert taken is not None
        assert (taken.claim, taken.decision, taken.reason) == (Claim.RESUMED, decision, "why")
        other = await take(stores, text.id, owner="two")
        assert other is not None
        assert other.claim is Claim.BUSY
        (replayed,) = await stores.outbound.claim([text], owner="three", lease=LEASE)
        assert replayed.claim is Claim.BUSY
        stores.clock.advance(LEASE + 1)
        left_behind = await take(stores, text.id, owner="two")
        assert left_behind is not None
        assert left_behind.claim is Claim.RESUMED
        assert not await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        assert await stores.outbound.begin("acme", text.id, owner="two", lease=LEASE)

    async def test_a_finished_one_tells_its_outcome_until_that_was_told(
        self, stores: Stores
    ) -> None:
        text = await held(stores)
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED)
        await stores.outbound.mark_told("acme", text.id)  # Too early: there is no end to tell.
        assert await take(stores, text.id) is not None
        sent = await finish(stores, text, OutcomeStatus.SENT)
        again = await take(stores, text.id, owner="two")
        assert again is not None
        assert (again.claim, again.outcome) == (Claim.FINISHED, sent)
        await stores.outbound.mark_told("acme", text.id)
        assert await take(stores, text.id) is None
        (replayed,) = await stores.outbound.claim([text], owner="two", lease=LEASE)
        assert (replayed.claim, replayed.outcome) == (Claim.FINISHED, sent)

    async def test_the_first_decision_stays(self, stores: Stores) -> None:
        text = await held(stores)
        await stores.decide("acme", text.id, ApprovalDecision.REJECTED, reason="no")
        for again in ApprovalDecision:
            assert not await stores.decide("acme", text.id, again, body=OTHER_WORDS)
        taken = await take(stores, text.id)
        assert taken is not None
        assert (taken.decision, taken.edited) == (ApprovalDecision.REJECTED, False)

    async def test_other_words_are_what_is_sent_and_the_agents_own_are_kept(
        self, stores: Stores
    ) -> None:
        text = await held(stores)
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED, body=OTHER_WORDS)
        taken = await take(stores, text.id)
        assert taken is not None
        assert taken.edited
        assert (taken.text.body, taken.text.truncated) == ("Other $words", False)
        assert taken.text.original_body == text.original_body
        await finish(stores, text, OutcomeStatus.SENT)
        (inbound,) = await record(stores, new_text("later", at=HOUR))
        assert await history(stores, inbound) == [("Other $words", "sent")]

    @pytest.mark.parametrize(
        ("tried", "body", "anew"),
        [(False, None, True), (True, None, False), (True, OTHER_WORDS, True)],
    )
    async def test_a_text_keeps_its_first_instant_where_a_provider_may_remember_it(
        self, stores: Stores, tried: bool, body: NewBody | None, anew: bool
    ) -> None:
        text = await held(stores, tried=tried)
        stores.clock.advance(HOUR)
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED, body=body)
        taken = await take(stores, text.id)
        assert taken is not None
        assert taken.first_sent == (stores.clock() if anew else START)
        assert taken.claimed_at == START

    async def test_the_life_of_a_text_shows_what_was_decided_and_that_it_was_held(
        self, stores: Stores
    ) -> None:
        (inbound,) = await record(stores, new_text())
        text = await held(stores, new_outbound(in_reply_to=inbound.id))
        stores.clock.advance(HOUR)
        await stores.decide("acme", text.id, ApprovalDecision.APPROVED, body=OTHER_WORDS)
        await take(stores, text.id)
        stores.clock.advance(1)
        await finish(stores, text, OutcomeStatus.SENT)
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        steps = {step.what: step.detail for step in execution.steps}
        order = [step.what for step in execution.steps]
        assert order[-4:] == ["held", "approved", "sent", "finished"]
        assert steps["held"] == "gate_off"
        assert steps["approved"] == "Heliograph, with other words"
        assert steps["finished"] == "sent"


async def held(
    stores: Stores, text: NewOutbound | None = None, *, tried: bool = False
) -> NewOutbound:
    """A text that waits for a person; `tried` where a provider did not process it before."""
    text = text or new_outbound()
    if tried:
        await send(stores, text, OutcomeStatus.HELD)
    else:
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        outcome = outcome_of(text, OutcomeStatus.HELD)
        await stores.outbound.finish("acme", text.id, owner="one", outcome=outcome)
    return text


async def take(stores: Stores, message_id: str, owner: str = "one") -> Outbound | None:
    return await stores.outbound.take_decided("acme", message_id, owner=owner, lease=LEASE)


async def finish(stores: Stores, text: NewOutbound, status: OutcomeStatus) -> Any:
    outcome = outcome_of(text, status)
    return await stores.outbound.finish("acme", text.id, owner="one", outcome=outcome)
