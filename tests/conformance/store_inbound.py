"""What every inbound store promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from conformance.store_world import (
    LEASE,
    START,
    Stores,
    history,
    new_outbound,
    new_text,
    record,
    send,
)

from common.store.records import Claim, Inbound
from heliograph.models import Direction, Keyword, OutcomeStatus


def claims(results: list[Inbound]) -> list[Claim]:
    return [item.claim for item in results]


class InboundSuite:
    async def test_nothing_is_recorded_of_nothing(self, stores: Stores) -> None:
        assert await record(stores) == []
        assert await stores.inbound.histories([], limit=10) == {}
        await stores.inbound.mark_handed_over([], tenant_ids=frozenset())

    async def test_a_new_text_is_fresh_and_comes_back_as_it_was(self, stores: Stores) -> None:
        text = new_text(body="$a.b {x}\x00 €😀", keyword=Keyword.HELP, traceparent="00-1")
        (result,) = await record(stores, text)
        assert result.claim is Claim.FRESH
        assert result.text == text
        assert result.recorded_at == stores.clock.instant

    async def test_results_are_in_the_order_given_and_seq_in_the_order_of_time(
        self, stores: Stores
    ) -> None:
        late, early = await record(stores, new_text("late", at=2), new_text("early", at=1))
        assert (late.text.provider_message_id, early.text.provider_message_id) == ("late", "early")
        assert early.seq < late.seq
        (next_one,) = await record(stores, new_text("next", at=0))
        assert next_one.seq > late.seq

    async def test_a_text_in_hand_is_busy_for_others_and_resumed_by_its_owner(
        self, stores: Stores
    ) -> None:
        await record(stores, new_text(), owner="one")
        assert claims(await record(stores, new_text(), owner="two")) == [Claim.BUSY]
        assert claims(await record(stores, new_text(), owner="one")) == [Claim.RESUMED]

    async def test_a_text_twice_in_a_batch_is_claimed_once(self, stores: Stores) -> None:
        results = await record(stores, new_text("a"), new_text("b"), new_text("a"))
        assert claims(results) == [Claim.FRESH, Claim.FRESH, Claim.BUSY]
        stores.clock.advance(LEASE + 1)
        assert claims(await record(stores, new_text("a"), new_text("a"))) == [
            Claim.RESUMED,
            Claim.BUSY,
        ]

    async def test_a_text_left_behind_is_resumed_with_its_first_content(
        self, stores: Stores
    ) -> None:
        first = new_text(body="as it was", at=0.1234567)
        (fresh,) = await record(stores, first)
        stores.clock.advance(LEASE + 1)
        again = new_text(body="other", agent_id="other", at=9)
        (resumed,) = await record(stores, again, owner="two")
        assert resumed.claim is Claim.RESUMED
        assert (resumed.seq, resumed.recorded_at) == (fresh.seq, fresh.recorded_at)
        assert resumed.text == fresh.text
        assert claims(await record(stores, again, owner="three")) == [Claim.BUSY]

    async def test_a_text_handed_over_is_finished_for_ever(self, stores: Stores) -> None:
        (fresh,) = await record(stores, new_text())
        await stores.inbound.mark_handed_over([fresh.id], tenant_ids=frozenset({"acme"}))
        stores.clock.advance(LEASE + 1)
        results = await record(stores, new_text(), new_text("other"), new_text())
        assert claims(results) == [Claim.FINISHED, Claim.FRESH, Claim.FINISHED]
        assert results[0].seq == fresh.seq

    async def test_duplicates_of_finished_texts_are_counted(self, stores: Stores) -> None:
        (fresh,) = await record(stores, new_text())
        await record(stores, new_text())
        await stores.inbound.mark_handed_over([fresh.id], tenant_ids=frozenset({"acme"}))
        await record(stores, new_text(), new_text())
        stores.clock.advance(1)
        await record(stores, new_text())
        execution = await stores.executions.of_message("acme", fresh.id)
        assert execution is not None
        assert execution.duplicates == 3

    async def test_one_tenant_cannot_mark_anothers_text(self, stores: Stores) -> None:
        (fresh,) = await record(stores, new_text())
        await stores.inbound.mark_handed_over([fresh.id], tenant_ids=frozenset({"other"}))
        stores.clock.advance(LEASE + 1)
        assert claims(await record(stores, new_text())) == [Claim.RESUMED]

    async def test_the_same_provider_id_of_another_tenant_is_another_text(
        self, stores: Stores
    ) -> None:
        results = await record(stores, new_text(), new_text(tenant_id="other"))
        assert claims(results) == [Claim.FRESH, Claim.FRESH]

    async def test_history_holds_the_last_texts_before_a_text_oldest_first(
        self, stores: Stores
    ) -> None:
        texts = await record(stores, *(new_text(str(n), at=n) for n in range(14)))
        past = (await stores.inbound.histories([texts[12]], limit=10))[texts[12].id]
        assert [item.body for item in past] == [f"text {n}" for n in range(2, 12)]
        assert {(item.direction, item.status) for item in past} == {(Direction.INBOUND, "received")}
        assert past[0].id == texts[2].id
        assert past[0].at == texts[2].text.at
        assert await history(stores, texts[0]) == []
        assert await history(stores, texts[3], limit=2) == [
            ("text 1", "received"),
            ("text 2", "received"),
        ]
        assert await history(stores, texts[3], limit=0) == []

    async def test_history_is_in_order_of_time_even_where_texts_came_late(
        self, stores: Stores
    ) -> None:
        await record(stores, new_text("second", at=2))
        await record(stores, new_text("first", at=1))
        (third,) = await record(stores, new_text("third", at=3))
        assert [body for body, _ in await history(stores, third)] == ["text first", "text second"]
        same = await record(stores, *(new_text(f"s{n}", at=4) for n in range(3)))
        (last,) = await record(stores, new_text("last", at=5))
        assert [body for body, _ in await history(stores, last, limit=3)] == [
            item.text.body for item in sorted(same, key=lambda item: item.seq)
        ]

    async def test_a_late_text_sees_only_what_was_recorded_before_it(self, stores: Stores) -> None:
        (early,) = await record(stores, new_text("early"))
        await record(stores, *(new_text(str(n), at=n) for n in range(1, 31)))
        assert await history(stores, early) == []

    async def test_histories_of_a_batch_keep_conversations_and_tenants_apart(
        self, stores: Stores
    ) -> None:
        here: dict[str, Any] = {"remote": "+15550200009"}
        await record(stores, new_text("a"), new_text("b", **here), new_text("c", tenant_id="other"))
        batch = await record(
            stores,
            new_text("d", at=1),
            new_text("e", at=2, **here),
            new_text("f", at=3, tenant_id="other"),
            new_text("g", at=4, number="+15550100009"),
            new_text("h", at=5),
        )
        histories = await stores.inbound.histories(batch, limit=10)
        bodies = [[past.body for past in histories[item.id]] for item in batch]
        assert bodies == [["text a"], ["text b"], ["text c"], [], ["text a", "text d"]]

    async def test_answers_enter_the_history_when_they_have_left(self, stores: Stores) -> None:
        await record(stores, new_text("question"))
        stores.clock.advance(1)
        await send(stores, new_outbound("sent", body="answer"))
        stores.clock.advance(1)
        await send(stores, new_outbound("lost", body="perhaps"), OutcomeStatus.UNCERTAIN)
        await send(stores, new_outbound("held", body="asks"), OutcomeStatus.HELD)
        await send(stores, new_outbound("failed", body="never"), OutcomeStatus.FAILED)
        await stores.outbound.claim([new_outbound("in hand")], owner="one", lease=LEASE)
        (following,) = await record(stores, new_text("next", at=60))
        assert await history(stores, following) == [
            ("text question", "received"),
            ("answer", "sent"),
            ("perhaps", "uncertain"),
        ]

    async def test_instants_are_kept_to_the_millisecond(self, stores: Stores) -> None:
        exact = START + timedelta(microseconds=123_999)
        (result,) = await record(stores, new_text(accepted_at=exact))
        assert result.text.accepted_at == START + timedelta(milliseconds=123)
