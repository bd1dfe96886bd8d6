"""The rate algorithm never exceeds a limit, uses nearly all of it, and keeps an order."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.limits.gcra import Meter, State, decide, meters_of

START = 1_772_366_400_000_000
MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND


@dataclass(kw_only=True)
class Load:
    """A scope's texts as (arrival, recipients, units), each of which comes back when told, late by
    up to `late`."""

    limit: int
    texts: Sequence[tuple[int, int, int]]
    until: int
    late: int = 0
    window: int = MINUTE
    gone: frozenset[int] = frozenset()
    """Texts that never come back."""
    admitted: list[tuple[int, int, int]] = field(default_factory=list)
    """Instant, units and the text's place in the order of arrival."""
    asks: int = 0

    def run(self, seed: int = 1) -> Load:
        jitter, state = random.Random(seed), State()  # noqa: S311  # times, no secrets
        due: list[tuple[int, int, int, int | None]] = [
            (START + at, key, count, None) for key, (at, count, _) in enumerate(self.texts)
        ]
        heapq.heapify(due)
        while due and due[0][0] < START + self.until:
            now, key, count, slot = heapq.heappop(due)
            now -= now % MILLISECOND
            units = self.texts[key][2]
            meters = meters_of(
                units=self.limit, requests=self.limit, window=self.window, each=units
            )
            state, verdict = decide(state, meters, count, slot, now)
            self.asks += 1
            if verdict.granted:
                self.admitted.append((now, verdict.granted * units, key))
            if verdict.granted < count and key not in self.gone:
                back = max(verdict.until, now + MILLISECOND) + MILLISECOND
                back += jitter.randint(0, self.late)
                heapq.heappush(due, (back, key, count - verdict.granted, verdict.slot))
        return self

    def most_in_a_window(self) -> int:
        most = total = first = 0
        for now, units, _ in self.admitted:
            total += units
            while self.admitted[first][0] <= now - MINUTE:
                total -= self.admitted[first][1]
                first += 1
            most = max(most, total)
        return most

    def use(self) -> float:
        """Share of the limit that is used after the first minute."""
        used = sum(units for now, units, _ in self.admitted if now >= START + MINUTE)
        return used / (self.limit * (self.until - MINUTE) / MINUTE)


def at_once(count: int, recipients: int = 1, units: int = 1) -> list[tuple[int, int, int]]:
    return [(0, recipients, units)] * count


@settings(max_examples=150)
@given(
    limit=st.integers(min_value=1, max_value=400),
    texts=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=3 * MINUTE),
            st.integers(min_value=1, max_value=100),
            st.integers(min_value=1, max_value=12),
        ),
        min_size=1,
        max_size=30,
    ),
    late=st.sampled_from([0, 200 * MILLISECOND, 20 * SECOND]),
    gone=st.frozensets(st.integers(min_value=0, max_value=29)),
)
def test_no_window_ever_sees_more_than_the_limit(
    limit: int, texts: list[tuple[int, int, int]], late: int, gone: frozenset[int]
) -> None:
    texts = [(at, count, min(units, limit)) for at, count, units in texts]
    load = Load(limit=limit, texts=texts, until=6 * MINUTE, late=late, gone=gone).run()
    assert load.most_in_a_window() <= limit


@given(
    limit=st.integers(min_value=1, max_value=10_000),
    asks=st.lists(
        st.tuples(st.integers(min_value=0, max_value=MINUTE), st.integers(1, 10_000)), max_size=60
    ),
)
def test_no_asks_of_any_size_exceed_the_bound(limit: int, asks: list[tuple[int, int]]) -> None:
    """The meter alone, at microseconds."""
    meter = Meter(name="units", limit=limit, window=MINUTE, each=1)
    now, state, admitted = START, State(), []
    for later, wanted in asks:
        now += later
        granted = meter.recipients(state.tat(meter), now, wanted)
        state = state.taken([meter], granted, now)
        admitted.append((now, granted))
    for start, _ in admitted:
        inside = [count for at, count in admitted if start <= at < start + MINUTE]
        assert sum(inside) <= limit


@pytest.mark.parametrize(
    ("limit", "texts", "late"),
    [
        pytest.param(200, at_once(1_000), 0, id="toll_free"),
        pytest.param(200, at_once(1_000), 900 * MILLISECOND, id="toll_free_late"),
        pytest.param(200, at_once(500, units=2), 500 * MILLISECOND, id="two_segments"),
        pytest.param(200, at_once(10, recipients=100), 500 * MILLISECOND, id="many_recipients"),
        pytest.param(600, at_once(3_000), 900 * MILLISECOND, id="alphanumeric"),
        pytest.param(10, at_once(60), 0, id="small"),
    ],
)
def test_under_load_97_percent_of_a_limit_are_used(
    limit: int, texts: list[tuple[int, int, int]], late: int
) -> None:
    load = Load(limit=limit, texts=texts, until=4 * MINUTE, late=late).run()
    assert load.use() >= 0.97
    assert load.most_in_a_window() <= limit


@pytest.mark.parametrize(
    ("limit", "segments", "percent"),
    [
        (200, 1, 96),
        (200, 3, 96),
        (200, 6, 82),
        (200, 10, 64),
        (6_000, 1, 96),
        (6_000, 3, 96),
        (6_000, 6, 96),
        (6_000, 10, 96),
    ],
)
def test_larger_texts_use_as_much_of_a_limit_as_is_documented(
    limit: int, segments: int, percent: int
) -> None:
    """The table of docs/limits.md: over a minute and the second that a call may be late."""
    window = MINUTE + SECOND
    minutes = 6 if limit < 1_000 else 2
    texts = at_once((minutes + 1) * limit // segments, units=segments)
    load = Load(limit=limit, texts=texts, until=minutes * MINUTE, window=window).run()
    assert abs(100 * load.use() - percent) <= 1
    assert load.most_in_a_window() <= limit


def test_under_load_texts_leave_in_the_order_in_which_they_asked() -> None:
    arrivals = [(n * 100 * MILLISECOND, 1, 1 + n % 3) for n in range(600)]
    load = Load(limit=200, texts=arrivals, until=3 * MINUTE).run()
    order = [key for _, _, key in load.admitted]
    assert all(one < other for one, other in pairwise(order))


def test_a_text_that_comes_back_late_is_served_before_those_that_asked_after_it() -> None:
    load = Load(limit=200, texts=at_once(600), until=3 * MINUTE, late=SECOND).run()
    order = [key for _, _, key in load.admitted]
    furthest = max(abs(place - key) for place, key in enumerate(order))
    assert furthest <= 10


def test_a_text_asks_a_few_times_and_not_all_the_time() -> None:
    load = Load(limit=200, texts=at_once(600), until=4 * MINUTE, late=SECOND).run()
    assert len(load.admitted) == 600
    assert load.asks <= 4 * 600


def test_texts_that_never_come_back_cost_no_more_than_moments() -> None:
    gone = frozenset(range(2_000))
    load = Load(limit=200, texts=at_once(2_100), until=6 * MINUTE, gone=gone).run()
    last = max(now for now, _, _ in load.admitted)
    assert {key for _, _, key in load.admitted} >= set(range(2_000, 2_100))
    assert last - START <= 4 * MINUTE


def test_an_unused_limit_is_there_at_once() -> None:
    (meter,) = meters_of(units=200, requests=None, window=MINUTE, each=1)
    assert decide(State(), [meter], 500, None, START)[1].granted == 200


@pytest.mark.parametrize("idle", [0, 29, 59])
def test_after_some_idle_time_as_much_is_there_as_the_window_still_takes(idle: int) -> None:
    (meter,) = meters_of(units=60, requests=None, window=MINUTE, each=1)
    state, _ = decide(State(), [meter], 1, None, START)
    now = START + idle * SECOND
    state, verdict = decide(state, [meter], 100, None, now)
    assert idle <= verdict.granted <= 59


@pytest.mark.parametrize(("limit", "capacity"), [(1, 1), (49, 1), (50, 2), (200, 5), (6_000, 121)])
def test_the_capacity_is_one_and_two_percent_of_the_limit(limit: int, capacity: int) -> None:
    meter = Meter(name="units", limit=limit, window=MINUTE, each=1)
    assert meter.capacity == capacity
    assert meter.interval * (limit - capacity + 1) >= MINUTE
