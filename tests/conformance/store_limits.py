"""What the store promises of limits, on a clock that goes only when it is told to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from conformance.store_world import Stores

from common.store.limit_ports import Allowance, Ask, DayCap

TOLL_FREE = Allowance(scope="number:+18005550100", number="+18005550100", requests=200, units=200)
TIGHT = replace(TOLL_FREE, requests=10, units=10)
ONE = Ask(recipients=1, units=1)
CAPPED = replace(TOLL_FREE, day=(DayCap(name="texts", limit=5, each=1),))


class LimitSuite:
    async def test_an_unused_limit_admits_all_of_it_at_once_and_no_more(
        self, stores: Stores
    ) -> None:
        first = await stores.limits.admit("acme", TOLL_FREE, Ask(recipients=100, units=2))
        assert (first.granted, first.wait, first.slot, first.capped) == (100, 0.0, None, None)
        second = await stores.limits.admit("acme", TOLL_FREE, ONE)
        assert second.granted == 0
        assert second.wait == pytest.approx(60, abs=0.01)
        assert second.slot is not None

    async def test_only_whole_recipients_are_admitted(self, stores: Stores) -> None:
        admission = await stores.limits.admit("acme", TOLL_FREE, Ask(recipients=100, units=3))
        assert admission.granted == 66

    async def test_requests_count_apart_from_units(self, stores: Stores) -> None:
        few = replace(TOLL_FREE, requests=100, units=6_000)
        for expected in (30, 30, 30, 0):  # The capacity of 100 requests is 3 at once.
            admission = await stores.limits.admit("acme", few, Ask(recipients=30, units=1))
            assert admission.granted == expected

    async def test_a_grant_of_nothing_uses_no_request(self, stores: Stores) -> None:
        few = replace(TOLL_FREE, units=10, requests=10)
        await stores.limits.admit("acme", few, Ask(recipients=10, units=1))
        for _ in range(20):
            assert (await stores.limits.admit("acme", few, ONE)).granted == 0
        stores.clock.advance(60)
        others = replace(few, units=None)
        for _ in range(2):
            granted = (await stores.limits.admit("acme", others, ONE)).granted
            stores.clock.advance(6)
            assert granted == 1

    async def test_who_comes_back_with_its_slot_is_admitted_in_the_order_of_asking(
        self, stores: Stores
    ) -> None:
        await stores.limits.admit("acme", TIGHT, Ask(recipients=10, units=1))
        waiting = [await stores.limits.admit("acme", TIGHT, ONE) for _ in range(5)]
        slots = [it.slot for it in waiting if it.slot is not None]
        assert slots == sorted(set(slots))
        assert len(slots) == 5
        start = stores.clock.instant
        for admission in waiting:
            stores.clock.instant = start + timedelta(seconds=admission.wait)
            fresh = await stores.limits.admit("acme", TIGHT, ONE)
            assert fresh.granted == 0
            assert fresh.slot is not None
            assert fresh.slot > slots[-1]
            again = await stores.limits.admit("acme", TIGHT, replace(ONE, slot=admission.slot))
            assert again.granted == 1

    async def test_who_comes_back_too_early_keeps_its_slot_and_waits_on(
        self, stores: Stores
    ) -> None:
        await stores.limits.admit("acme", TIGHT, Ask(recipients=10, units=1))
        first = await stores.limits.admit("acme", TIGHT, ONE)
        second = await stores.limits.admit("acme", TIGHT, ONE)
        stores.clock.advance(first.wait)
        early = await stores.limits.admit("acme", TIGHT, replace(ONE, slot=second.slot))
        assert (early.granted, early.slot) == (0, second.slot)
        assert early.wait == pytest.approx(second.wait - first.wait, abs=0.01)

    async def test_the_rest_of_a_grant_comes_back_with_one_slot(self, stores: Stores) -> None:
        admission = await stores.limits.admit("acme", TIGHT, Ask(recipients=12, units=1))
        assert admission.granted == 10
        left = 2
        while left:
            assert admission.wait > 0
            assert admission.slot is not None
            stores.clock.advance(admission.wait)
            ask = Ask(recipients=left, units=1, slot=admission.slot)
            admission = await stores.limits.admit("acme", TIGHT, ask)
            assert admission.granted == 1
            left -= 1

    async def test_a_text_larger_than_the_whole_limit_leaves_when_the_limit_is_unused(
        self, stores: Stores
    ) -> None:
        large = Ask(recipients=3, units=12)
        assert (await stores.limits.admit("acme", TIGHT, large)).granted == 1
        refused = await stores.limits.admit("acme", TIGHT, large)
        assert refused.granted == 0
        assert 60 <= refused.wait < 130  # 12 units last 72 seconds, and 9 more 54.
        stores.clock.advance(refused.wait)
        again = await stores.limits.admit("acme", TIGHT, replace(large, slot=refused.slot))
        assert again.granted == 1

    async def test_texts_that_never_come_back_do_not_keep_others_waiting(
        self, stores: Stores
    ) -> None:
        await stores.limits.admit("acme", TIGHT, Ask(recipients=10, units=1))
        for _ in range(100):
            await stores.limits.admit("acme", TIGHT, ONE)
        last = await stores.limits.admit("acme", TIGHT, ONE)
        assert last.slot is not None
        assert last.slot - stores.clock.instant > timedelta(minutes=10)
        stores.clock.advance(last.wait)
        assert last.wait <= 2 * TIGHT.window
        again = await stores.limits.admit("acme", TIGHT, replace(ONE, slot=last.slot))
        assert again.granted == 1

    async def test_scopes_tenants_and_numbers_without_a_limit_are_apart(
        self, stores: Stores
    ) -> None:
        await stores.limits.admit("acme", TIGHT, Ask(recipients=10, units=1))
        other = replace(TIGHT, scope="number:+18005550101")
        free = replace(TIGHT, scope="number:+15550100001", units=None, requests=None)
        everyone = Ask(recipients=100, units=7)
        assert (await stores.limits.admit("acme", TIGHT, ONE)).granted == 0
        assert (await stores.limits.admit("acme", other, ONE)).granted == 1
        assert (await stores.limits.admit("globex", TIGHT, ONE)).granted == 1
        assert (await stores.limits.admit("acme", free, everyone)).granted == 100

    @pytest.mark.parametrize("allowance", [TIGHT, replace(TIGHT, units=None, requests=None)])
    async def test_a_slowed_scope_admits_nothing_until_its_time_is_over(
        self, stores: Stores, allowance: Allowance
    ) -> None:
        await stores.limits.slow("acme", allowance.scope, 30)
        await stores.limits.slow("acme", allowance.scope, 5)
        refused = await stores.limits.admit("acme", allowance, ONE)
        assert refused.granted == 0
        assert refused.wait == pytest.approx(30, abs=0.01)
        stores.clock.advance(29)
        early = await stores.limits.admit("acme", allowance, replace(ONE, slot=refused.slot))
        assert early.granted == 0
        assert early.wait == pytest.approx(1, abs=0.01)
        stores.clock.advance(early.wait)
        again = await stores.limits.admit("acme", allowance, replace(ONE, slot=refused.slot))
        assert again.granted == 1

    async def test_after_a_pause_those_who_waited_do_not_all_come_at_once(
        self, stores: Stores
    ) -> None:
        await stores.limits.admit("acme", TIGHT, Ask(recipients=10, units=1))
        waiting = [await stores.limits.admit("acme", TIGHT, ONE) for _ in range(3)]
        await stores.limits.slow("acme", TIGHT.scope, 100)
        stores.clock.advance(90)
        asks = [replace(ONE, slot=it.slot) for it in waiting]
        refused = [await stores.limits.admit("acme", TIGHT, ask) for ask in asks]
        waits = [round(it.wait) for it in refused]
        assert waits == [10, 16, 22]

    async def test_a_days_cap_lets_through_what_is_left_of_it(self, stores: Stores) -> None:
        for asked, granted, capped in ((3, 3, None), (3, 2, "texts"), (1, 0, "texts")):
            ask = Ask(recipients=asked, units=1)
            admission = await stores.limits.admit("acme", CAPPED, ask)
            assert (admission.granted, admission.capped) == (granted, capped)
            assert admission.slot is None

    async def test_the_narrowest_cap_counts_and_is_named(self, stores: Stores) -> None:
        caps = (
            DayCap(name="texts", limit=100, each=1),
            DayCap(name="att", limit=8, each=2),
            DayCap(name="cost", limit=70, each=10),
        )
        allowance = replace(TOLL_FREE, day=caps)
        admission = await stores.limits.admit("acme", allowance, Ask(recipients=9, units=2))
        assert (admission.granted, admission.capped) == (4, "att")
        stores.clock.advance(60)
        wider = replace(allowance, day=caps[::2])
        admission = await stores.limits.admit("acme", wider, Ask(recipients=9, units=2))
        assert (admission.granted, admission.capped) == (3, "cost")

    async def test_what_the_rate_keeps_waiting_uses_nothing_of_the_day(
        self, stores: Stores
    ) -> None:
        allowance = replace(TIGHT, day=(DayCap(name="texts", limit=11, each=1),))
        admission = await stores.limits.admit("acme", allowance, Ask(recipients=11, units=1))
        assert (admission.granted, admission.capped) == (10, None)
        stores.clock.advance(admission.wait)
        rest = Ask(recipients=1, units=1, slot=admission.slot)
        assert (await stores.limits.admit("acme", allowance, rest)).granted == 1
        capped = await stores.limits.admit("acme", allowance, ONE)
        assert (capped.granted, capped.capped) == (0, "texts")

    async def test_a_new_day_begins_at_midnight_utc_with_nothing_used(self, stores: Stores) -> None:
        await stores.limits.admit("acme", CAPPED, Ask(recipients=5, units=1))
        stores.clock.advance(12 * 3600 - 1)  # The clock starts at noon.
        assert (await stores.limits.admit("acme", CAPPED, ONE)).capped == "texts"
        stores.clock.advance(1)
        assert (await stores.limits.admit("acme", CAPPED, ONE)).granted == 1

    async def test_a_repeated_call_is_not_counted_again(self, stores: Stores) -> None:
        await stores.limits.admit("acme", CAPPED, Ask(recipients=5, units=1))
        stores.clock.advance(60)
        again = Ask(recipients=5, units=1, count_day=False)
        assert (await stores.limits.admit("acme", CAPPED, again)).granted == 5

    async def test_what_was_not_sent_is_given_back_but_never_more_than_was_used(
        self, stores: Stores
    ) -> None:
        await stores.limits.give_back("acme", CAPPED, 3)
        await stores.limits.admit("acme", CAPPED, Ask(recipients=5, units=1))
        await stores.limits.give_back("acme", CAPPED, 2)
        stores.clock.advance(60)
        half = await stores.limits.admit("acme", CAPPED, Ask(recipients=5, units=1))
        assert half.granted == 2
        await stores.limits.give_back("acme", CAPPED, 500)
        stores.clock.advance(60)
        full = await stores.limits.admit("acme", CAPPED, Ask(recipients=9, units=1))
        assert full.granted == 5

    async def test_what_is_given_back_a_day_later_changes_nothing(self, stores: Stores) -> None:
        await stores.limits.admit("acme", CAPPED, Ask(recipients=5, units=1))
        stores.clock.advance(24 * 3600)
        await stores.limits.give_back("acme", CAPPED, 5)
        full = await stores.limits.admit("acme", CAPPED, Ask(recipients=9, units=1))
        assert full.granted == 5

    async def test_numbers_that_share_a_rate_have_days_of_their_own(self, stores: Stores) -> None:
        shared = replace(CAPPED, scope="connection:line", number="ACME Shop", units=600)
        other = replace(shared, number="ACME Bank")
        await stores.limits.admit("acme", shared, Ask(recipients=5, units=1))
        assert (await stores.limits.admit("acme", shared, ONE)).capped == "texts"
        assert (await stores.limits.admit("acme", other, ONE)).granted == 1
