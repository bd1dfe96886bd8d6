"""The documented rate limits, where the simulator is told to keep them."""

import pytest

from local.simulator.faults import RateLimits
from local.simulator.rates import Meter

pytestmark = pytest.mark.unit

TOLL_FREE, OTHER_TOLL_FREE, SHORT_CODE, LOCAL = "+18005550100", "+18335550100", "72345", "+12125550"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("sender", "limit"),
    [(TOLL_FREE, 200), (SHORT_CODE, 6_000), ("CONTOSO", 600), (LOCAL, None)],
)
def test_a_sender_has_the_limit_of_its_type_in_each_window(sender: str, limit: int | None) -> None:
    clock = Clock()
    meter, limits = Meter(clock), RateLimits()
    for window in range(2):
        clock.now = window * 60.0
        passed = sum(not meter.refuses(sender, 1, limits) for _ in range(6_100))
        assert passed == (6_100 if limit is None else limit)


def test_units_count_as_well_as_calls_and_a_refused_call_counts_for_nothing() -> None:
    meter, limits = Meter(Clock()), RateLimits(toll_free=10)
    assert not meter.refuses(TOLL_FREE, 9, limits)
    assert meter.refuses(TOLL_FREE, 2, limits)
    assert not meter.refuses(TOLL_FREE, 1, limits)
    assert meter.refuses(TOLL_FREE, 1, limits)


def test_numbers_count_apart_and_alphanumeric_senders_together() -> None:
    meter, limits = Meter(Clock()), RateLimits(toll_free=1, alphanumeric=1)
    assert not meter.refuses(TOLL_FREE, 1, limits)
    assert not meter.refuses(OTHER_TOLL_FREE, 1, limits)
    assert not meter.refuses("CONTOSO", 1, limits)
    assert meter.refuses("FABRIKAM", 1, limits)
