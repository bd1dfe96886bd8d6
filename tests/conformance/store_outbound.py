"""What every outbound store promises."""

from __future__ import annotations

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

from common.store.ports import LeaseLost
from common.store.records import (
    Claim,
    ConnectionStatus,
    NewOutbound,
    Outbound,
    Route,
    SendState,
)
from heliograph.models import Outcome, OutcomeStatus


class OutboundSuite:
    async def test_a_new_text_is_claimed_before_anything_leaves(self, stores: Stores) -> None:
        text = new_outbound(in_reply_to="m", tag="$tag", expires_at=START, traceparent="00-1")
        (claimed,) = await claim(stores, text)
        assert claimed == Outbound(
            claim=Claim.FRESH,
            text=text,
            state=SendState.CLAIMED,
            seq=claimed.seq,
            attempts=0,
            claimed_at=START,
            first_sent=START,
            outcome=None,
        )
        assert await stores.outbound.claim([], owner="one", lease=LEASE) == []

    async def test_recipients_of_a_command_are_claimed_together_in_order(
        self, stores: Stores
    ) -> None:
        texts = [new_outbound(index=n) for n in (2, 0, 1)]
        claimed = await claim(stores, *texts)
        assert [item.text.index for item in claimed] == [2, 0, 1]
        assert {item.claim for item in claimed} == {Claim.FRESH}
        assert len({item.seq for item in claimed}) == 3
        assert {item.claim for item in await claim(stores, *texts, owner="two")} == {Claim.BUSY}

    async def test_recipients_missing_after_a_crash_are_claimed_the_next_time(
        self, stores: Stores
    ) -> None:
        await claim(stores, new_outbound(index=0))
        stores.clock.advance(LEASE + 1)
        again = await claim(stores, *(new_outbound(index=n) for n in range(3)), owner="two")
        assert [item.claim for item in again] == [Claim.RESUMED, Claim.FRESH, Claim.FRESH]

    async def test_a_text_in_hand_is_busy_even_for_its_owner(self, stores: Stores) -> None:
        await claim(stores, new_outbound())
        assert (await claim(stores, new_outbound()))[0].claim is Claim.BUSY
        assert (await claim(stores, new_outbound(), owner="two"))[0].claim is Claim.BUSY

    @pytest.mark.parametrize("begun", [False, True])
    async def test_a_text_left_behind_is_resumed_with_its_first_instant(
        self, stores: Stores, begun: bool
    ) -> None:
        text = new_outbound()
        (fresh,) = await claim(stores, text)
        if begun:
            assert await begin(stores, text)
        stores.clock.advance(LEASE + 1)
        (resumed,) = await claim(stores, text, owner="two")
        assert resumed.claim is Claim.RESUMED
        assert resumed.state is (SendState.SENDING if begun else SendState.CLAIMED)
        assert (resumed.first_sent, resumed.claimed_at) == (fresh.first_sent, fresh.claimed_at)
        assert (resumed.seq, resumed.attempts) == (fresh.seq, int(begun))
        assert not await begin(stores, text, owner="one")
        assert await begin(stores, text, owner="two")

    async def test_beginning_renews_the_lease(self, stores: Stores) -> None:
        text = new_outbound()
        await claim(stores, text)
        stores.clock.advance(LEASE - 1)
        assert await begin(stores, text)
        stores.clock.advance(LEASE - 1)
        assert (await claim(stores, text, owner="two"))[0].claim is Claim.BUSY

    @pytest.mark.parametrize(
        ("ambiguous", "state"), [(False, SendState.WAITING), (True, SendState.SENDING)]
    )
    async def test_a_text_given_up_for_now_can_be_taken_at_once(
        self, stores: Stores, ambiguous: bool, state: SendState
    ) -> None:
        text = new_outbound()
        await claim(stores, text)
        await begin(stores, text)
        await stores.outbound.wait("acme", text.id, owner="other", ambiguous=ambiguous)
        assert (await claim(stores, text, owner="two"))[0].claim is Claim.BUSY
        await stores.outbound.wait("acme", text.id, owner="one", ambiguous=ambiguous)
        assert not await begin(stores, text)
        (resumed,) = await claim(stores, text, owner="two")
        assert (resumed.claim, resumed.state) == (Claim.RESUMED, state)

    @pytest.mark.parametrize("status", list(OutcomeStatus))
    async def test_a_finished_text_tells_its_outcome_again(
        self, stores: Stores, status: OutcomeStatus
    ) -> None:
        text = new_outbound()
        outcome = await send(stores, text, status)
        assert outcome == outcome_of(text, status)
        stores.clock.advance(LEASE + 1)
        (again,) = await claim(stores, text, owner="two")
        held = status is OutcomeStatus.HELD
        assert again.claim is Claim.FINISHED
        assert again.state is (SendState.HELD if held else SendState.FINISHED)
        assert again.outcome == outcome
        assert not await begin(stores, text)

    async def test_the_first_outcome_stays(self, stores: Stores) -> None:
        text = new_outbound()
        first = await send(stores, text, OutcomeStatus.UNCERTAIN)
        for status in (OutcomeStatus.SENT, OutcomeStatus.FAILED):
            second = outcome_of(text, status)
            assert await finish(stores, text, second, owner="two") == first

    async def test_what_left_is_recorded_whoever_brings_it(self, stores: Stores) -> None:
        text = new_outbound()
        await claim(stores, text)
        await begin(stores, text)
        stores.clock.advance(LEASE + 1)
        await claim(stores, text, owner="two")
        with pytest.raises(LeaseLost):
            await finish(stores, text, outcome_of(text, OutcomeStatus.HELD))
        sent = outcome_of(text, OutcomeStatus.SENT)
        assert await finish(stores, text, sent) == sent
        assert not await begin(stores, text, owner="two")

    async def test_a_text_never_claimed_cannot_be_finished(self, stores: Stores) -> None:
        text = new_outbound()
        with pytest.raises(LeaseLost):
            await finish(stores, text, outcome_of(text))

    @pytest.mark.parametrize("recipients", [1, 2, 3])
    async def test_a_command_id_with_other_content_is_refused_whole(
        self, stores: Stores, recipients: int
    ) -> None:
        await claim(stores, *(new_outbound(index=n) for n in range(2)))
        other = [new_outbound(index=n, digest="d2") for n in range(recipients)]
        refused = await claim(stores, *other, owner="two")
        assert {item.claim for item in refused} == {Claim.CONFLICT}
        assert (await claim(stores, new_outbound(index=2)))[0].claim is Claim.FRESH

    async def test_other_content_is_refused_where_the_first_recipient_was_not_claimed(
        self, stores: Stores
    ) -> None:
        await claim(stores, new_outbound(index=5))
        refused = await claim(stores, new_outbound(index=0, digest="d2"), owner="two")
        assert refused[0].claim is Claim.CONFLICT

    async def test_a_finished_command_with_other_content_is_refused(self, stores: Stores) -> None:
        await send(stores, new_outbound())
        (refused,) = await claim(stores, new_outbound(digest="d2"))
        assert refused.claim is Claim.CONFLICT

    async def test_agents_and_tenants_have_their_own_command_ids(self, stores: Stores) -> None:
        await claim(stores, new_outbound())
        for other in (
            new_outbound(digest="d2", agent_id="sales"),
            new_outbound(digest="d2", tenant_id="other"),
        ):
            (claimed,) = await claim(stores, other)
            assert claimed.claim is Claim.FRESH

    async def test_another_tenant_can_do_nothing_with_a_text(self, stores: Stores) -> None:
        text = new_outbound()
        await claim(stores, text)
        assert not await stores.outbound.begin("other", text.id, owner="one", lease=LEASE)
        await stores.outbound.wait("other", text.id, owner="one", ambiguous=False)
        assert (await claim(stores, text))[0].claim is Claim.BUSY
        with pytest.raises(LeaseLost):
            await stores.outbound.finish("other", text.id, owner="one", outcome=outcome_of(text))
        assert await begin(stores, text)

    @pytest.mark.parametrize(("maybe_sent", "connection"), [(False, "new-line"), (True, "line")])
    async def test_a_text_is_on_the_connection_that_it_was_first_sent_through(
        self, stores: Stores, maybe_sent: bool, connection: str
    ) -> None:
        text = new_outbound(connection_id="line", provider="acs")
        await claim(stores, text)
        if maybe_sent:
            assert await begin(stores, text)
        else:
            await stores.outbound.wait("acme", text.id, owner="one", ambiguous=False)
            await claim(stores, text)
        via = Route(
            tenant_id="acme",
            connection_id="new-line",
            provider="twilio",
            address=text.number,
            region="US",
            agent_id="support",
            agent_active=True,
            bus_user="acme-support",
            gate_on=True,
            connection_status=ConnectionStatus.ACTIVE,
            credentials_version="v",
        )
        assert await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE, via=via)
        await stores.outbound.wait("acme", text.id, owner="one", ambiguous=True)
        (resumed,) = await claim(stores, text)
        assert resumed.text.connection_id == connection
        assert resumed.attempts == (2 if maybe_sent else 1)

    async def test_an_inbound_text_can_not_be_sent(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text())
        outcome = outcome_of(new_outbound())
        assert not await stores.outbound.begin("acme", inbound.id, owner="one", lease=LEASE)
        with pytest.raises(LeaseLost):
            await stores.outbound.finish("acme", inbound.id, owner="one", outcome=outcome)
        (following,) = await record(stores, new_text("next"))
        assert await history(stores, following) == [("text 1", "received")]


async def claim(stores: Stores, *texts: NewOutbound, owner: str = "one") -> list[Outbound]:
    return list(await stores.outbound.claim(texts, owner=owner, lease=LEASE))


async def begin(stores: Stores, text: NewOutbound, owner: str = "one") -> bool:
    return await stores.outbound.begin("acme", text.id, owner=owner, lease=LEASE)


async def finish(
    stores: Stores, text: NewOutbound, outcome: Outcome, owner: str = "one"
) -> Outcome:
    return await stores.outbound.finish("acme", text.id, owner=owner, outcome=outcome)
