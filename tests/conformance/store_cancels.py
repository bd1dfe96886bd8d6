"""What an opt-out stops, in every store, and the texts of ours that answer it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    Stores,
    new_consent,
    new_outbound,
    new_text,
    outcome_of,
    record,
    send,
)

from common.sending_rules import OptOutScope
from common.store.consents import ConsentSource, NewConsent
from common.store.control import SYSTEM
from common.store.ports import LeaseLost
from common.store.records import (
    ApprovalDecision,
    Claim,
    NewOutbound,
    SendState,
    turn_id,
)
from heliograph.models import Keyword, OutcomeStatus

OTHER = "+15550100009"
"""Another number of the same tenant."""


async def hold(stores: Stores, text: NewOutbound) -> None:
    await send(stores, text, OutcomeStatus.HELD)


async def put_off(stores: Stores, text: NewOutbound, *, ambiguous: bool = False) -> None:
    """Claim a text, call, and give it up for now."""
    await stores.outbound.claim([text], owner="one", lease=LEASE)
    await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
    await stores.outbound.wait("acme", text.id, owner="one", ambiguous=ambiguous)


async def cancel(stores: Stores, *entries: NewConsent) -> set[str]:
    """Note, cancel; the commands whose texts were cancelled."""
    await stores.consents.note(entries)
    return {item.text.command_id for item in await stores.consents.cancel(entries)}


def notice(about: str = "stop", keyword: Keyword = Keyword.OPT_OUT, **changes: Any) -> NewOutbound:
    return new_outbound(
        f"notice-{about}", notice=keyword, in_reply_to=turn_id(about), body="Bye", **changes
    )


async def send_decided(
    stores: Stores, text: NewOutbound, status: OutcomeStatus = OutcomeStatus.BLOCKED
) -> None:
    """Carry out what was decided on a text, as a sender does."""
    await stores.outbound.take_decided("acme", text.id, owner="one", lease=LEASE)
    if status is OutcomeStatus.SENT:
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
    await stores.outbound.finish("acme", text.id, owner="one", outcome=outcome_of(text, status))
    await stores.outbound.mark_told("acme", text.id)


class CancelSuite:
    async def test_an_opt_out_cancels_what_is_held_waits_or_was_approved(
        self, stores: Stores
    ) -> None:
        await hold(stores, new_outbound("held"))
        await hold(stores, new_outbound("approved"))
        approved = new_outbound("approved")
        assert await stores.decide("acme", approved.id, ApprovalDecision.APPROVED)
        await put_off(stores, new_outbound("waits"))
        await stores.outbound.claim([new_outbound("left")], owner="dead", lease=LEASE)
        stores.clock.advance(LEASE + 1)
        assert await cancel(stores, new_consent()) == {"held", "approved", "waits", "left"}
        for name in ("held", "approved", "waits", "left"):
            taken = await stores.outbound.take_decided(
                "acme", new_outbound(name).id, owner="two", lease=LEASE
            )
            assert taken is not None
            assert (taken.claim, taken.decision, taken.state, taken.outcome) == (
                Claim.RESUMED,
                ApprovalDecision.CANCELLED,
                SendState.RELEASED,
                None,
            )

    async def test_what_may_have_left_or_has_ended_is_not_touched(self, stores: Stores) -> None:
        await put_off(stores, new_outbound("ambiguous"), ambiguous=True)
        await send(stores, new_outbound("sent"))
        await send(stores, new_outbound("failed"), OutcomeStatus.FAILED)
        begun = new_outbound("begun")
        await stores.outbound.claim([begun], owner="one", lease=LEASE)
        await stores.outbound.begin("acme", begun.id, owner="one", lease=LEASE)
        assert await cancel(stores, new_consent()) == set()

    async def test_a_sender_that_has_the_text_in_hand_can_neither_send_nor_hold_it(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        assert await cancel(stores, new_consent()) == {text.command_id}
        assert not await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        held = outcome_of(text, OutcomeStatus.HELD)
        with pytest.raises(LeaseLost):
            await stores.outbound.finish("acme", text.id, owner="one", outcome=held)

    async def test_doing_it_again_names_only_those_that_are_not_carried_out_yet(
        self, stores: Stores
    ) -> None:
        for name in ("a", "b"):
            await hold(stores, new_outbound(name))
        entry = new_consent()
        assert await cancel(stores, entry) == {"a", "b"}
        await send_decided(stores, new_outbound("a"))
        assert await cancel(stores, entry) == {"b"}

    async def test_a_text_ordered_after_the_opt_out_was_noted_stays(self, stores: Stores) -> None:
        out, back = new_consent("a", at=1), new_consent("b", at=2, opted_out=False)
        await hold(stores, new_outbound("before"))
        stores.clock.advance(1)
        await stores.consents.note([out, back])
        stores.clock.advance(1)
        await hold(stores, new_outbound("after"))
        assert await cancel(stores, out) == {"before"}

    async def test_an_opt_in_or_a_word_that_came_too_late_cancels_nothing(
        self, stores: Stores
    ) -> None:
        await hold(stores, new_outbound())
        assert await cancel(stores, new_consent("b", at=2, opted_out=False)) == set()
        assert await cancel(stores, new_consent("a", at=1)) == set()

    async def test_it_cancels_texts_of_that_number_remote_and_tenant_only(
        self, stores: Stores
    ) -> None:
        await hold(stores, new_outbound("ours"))
        await hold(stores, new_outbound("number", number=OTHER))
        await hold(stores, new_outbound("remote", remote="+15550200003"))
        await hold(stores, new_outbound("tenant", tenant_id="other"))
        assert await cancel(stores, new_consent()) == {"ours"}

    async def test_in_a_tenants_scope_it_cancels_the_texts_of_all_its_numbers(
        self, stores: Stores
    ) -> None:
        await stores.scope("acme", OptOutScope.TENANT)
        await hold(stores, new_outbound("ours"))
        await hold(stores, new_outbound("number", number=OTHER))
        await hold(stores, new_outbound("tenant", tenant_id="other"))
        assert await cancel(stores, new_consent()) == {"ours", "number"}

    async def test_a_cancelled_text_tells_in_its_life_who_ended_it(self, stores: Stores) -> None:
        (question,) = await record(stores, new_text())
        text = new_outbound(in_reply_to=question.id)
        await hold(stores, text)
        assert await stores.decide("acme", text.id, ApprovalDecision.APPROVED)
        await cancel(stores, new_consent())
        await send_decided(stores, text)
        execution = await stores.executions.of_message("acme", question.id)
        assert execution is not None
        steps = {step.what: step.detail for step in execution.steps}
        assert steps["held"] == "gate_off"
        assert steps["cancelled"] == SYSTEM.name
        assert steps["finished"] == "recipient_opted_out"


class NoticeSuite:
    async def test_a_text_of_ours_is_there_once_and_ready_to_be_taken(self, stores: Stores) -> None:
        text = notice()
        assert await stores.consents.answer(text, by=SYSTEM) is True
        assert await stores.consents.answer(text, by=SYSTEM) is False
        taken = await stores.outbound.take_decided("acme", text.id, owner="two", lease=LEASE)
        assert taken is not None
        assert (taken.claim, taken.decision) == (Claim.RESUMED, ApprovalDecision.APPROVED)
        assert taken.text == text

    async def test_a_text_of_ours_enters_the_history_when_it_has_left(self, stores: Stores) -> None:
        await stores.consents.answer(notice(), by=SYSTEM)
        assert (await stores.conversations.facts("acme", NUMBER, REMOTE, limit=5)).recent == ()
        await send_decided(stores, notice(), OutcomeStatus.SENT)
        (past,) = (await stores.conversations.facts("acme", NUMBER, REMOTE, limit=5)).recent
        assert past.body == "Bye"

    async def test_the_confirmation_of_the_standing_opt_out_is_not_cancelled(
        self, stores: Stores
    ) -> None:
        first, second = new_consent("stop", at=1), new_consent("again", at=2)
        await stores.consents.note([first])
        await stores.consents.answer(notice(), by=SYSTEM)
        assert await cancel(stores, first) == set()
        assert await cancel(stores, second) == set()

    async def test_the_confirmation_of_a_stop_behind_a_providers_word_is_not_cancelled(
        self, stores: Stores
    ) -> None:
        report = new_consent("text", at=1, source=ConsentSource.REPORT, rule="4007")
        stop = new_consent("stop", at=2)
        await stores.consents.note([report, stop])
        await stores.consents.answer(notice(), by=SYSTEM)
        assert await cancel(stores, report) == set()
        assert await cancel(stores, stop) == set()

    @pytest.mark.parametrize(
        "text",
        [
            notice("start", Keyword.OPT_IN),
            notice("help", Keyword.HELP),
            notice("earlier"),
            replace(notice(), notice=None),
        ],
    )
    async def test_every_other_text_is_cancelled_also_an_agents_answer_to_the_opt_out(
        self, stores: Stores, text: NewOutbound
    ) -> None:
        await stores.consents.answer(text, by=SYSTEM)
        assert await cancel(stores, new_consent()) == {text.command_id}
