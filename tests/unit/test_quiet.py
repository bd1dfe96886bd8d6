"""Quiet hours are those of the recipient, on every day of the year."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import tzdata

from common.quiet import CONVERSATION, quiet_until, zones_of
from common.sending_rules import SendingRules

NEW_YORK = "+12125551234"
PARIS = "+33142345678"
AUSTRALIAN_MOBILE = "+61412345678"
"""Perth, Brisbane, Lord Howe and what lies between."""
TOKYO = "+81312345678"
NIGHT = SendingRules(quiet_from="21:00", quiet_until="08:00")
NOON_BREAK = SendingRules(quiet_from="12:00", quiet_until="14:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def quiet(
    remote: str, now: str, rules: SendingRules = NIGHT, last_inbound_at: datetime | None = None
) -> datetime | None:
    return quiet_until(remote, rules, now=at(now), last_inbound_at=last_inbound_at)


@pytest.mark.parametrize(
    ("remote", "now", "until"),
    [
        pytest.param(NEW_YORK, "2026-03-02T12:00-05:00", None, id="noon"),
        pytest.param(NEW_YORK, "2026-03-02T20:59:59-05:00", None, id="before they begin"),
        pytest.param(
            NEW_YORK, "2026-03-02T21:00-05:00", "2026-03-03T08:00-05:00", id="as they begin"
        ),
        pytest.param(
            NEW_YORK, "2026-03-03T03:00-05:00", "2026-03-03T08:00-05:00", id="after midnight"
        ),
        pytest.param(NEW_YORK, "2026-03-03T08:00-05:00", None, id="as they end"),
        pytest.param(
            NEW_YORK, "2026-03-07T22:00-05:00", "2026-03-08T08:00-04:00", id="spring forward"
        ),
        pytest.param(NEW_YORK, "2026-10-31T22:00-04:00", "2026-11-01T08:00-05:00", id="fall back"),
        pytest.param(PARIS, "2026-03-28T23:30+01:00", "2026-03-29T08:00+02:00", id="Paris"),
        pytest.param(
            TOKYO, "2026-03-02T12:00-05:00", "2026-03-03T08:00+09:00", id="theirs, not ours"
        ),
        pytest.param(
            AUSTRALIAN_MOBILE,
            "2026-07-01T20:00+08:00",
            "2026-07-02T08:00+06:30",
            id="in several zones the last to wake up counts",
        ),
        pytest.param(
            AUSTRALIAN_MOBILE,
            "2026-07-01T07:30+10:00",
            "2026-07-01T08:00+06:30",
            id="in several zones the quiet of one is enough",
        ),
    ],
)
def test_quiet_hours_over_midnight(remote: str, now: str, until: str | None) -> None:
    assert quiet(remote, now) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T11:59-05:00", None),
        ("2026-03-02T12:00-05:00", "2026-03-02T14:00-05:00"),
        ("2026-03-02T13:59-05:00", "2026-03-02T14:00-05:00"),
        ("2026-03-02T14:00-05:00", None),
        ("2026-03-02T00:30-05:00", None),
    ],
)
def test_quiet_hours_within_a_day(now: str, until: str | None) -> None:
    assert quiet(NEW_YORK, now, NOON_BREAK) == (at(until) if until else None)


def test_an_hour_that_the_clock_shows_twice_is_quiet_twice() -> None:
    rules = SendingRules(quiet_from="22:00", quiet_until="01:30")
    first, second = at("2026-11-01T01:30-04:00"), at("2026-11-01T01:30-05:00")
    assert quiet(NEW_YORK, "2026-11-01T01:10-04:00", rules) == first
    assert quiet(NEW_YORK, "2026-11-01T01:40-04:00", rules) is None
    assert quiet(NEW_YORK, "2026-11-01T01:10-05:00", rules) == second


def test_without_hours_it_is_never_quiet() -> None:
    assert quiet(NEW_YORK, "2026-03-03T03:00-05:00", SendingRules()) is None
    assert quiet(NEW_YORK, "2026-03-03T03:00-05:00", SendingRules(quiet_from="21:00")) is None


@pytest.mark.parametrize(
    ("ago", "exempt"),
    [
        (timedelta(minutes=1), True),
        (CONVERSATION, True),
        (CONVERSATION + timedelta(seconds=1), False),
    ],
)
def test_a_reply_within_a_live_conversation_is_exempt(ago: timedelta, exempt: bool) -> None:
    now = "2026-03-03T03:00-05:00"
    until = quiet(NEW_YORK, now, last_inbound_at=at(now) - ago)
    assert (until is None) is exempt


@pytest.mark.parametrize("remote", ["+88210123456", "BANK", "12345"])
def test_a_number_of_no_country_is_taken_to_be_in_utc(remote: str) -> None:
    assert quiet(remote, "2026-03-02T23:00+00:00") == at("2026-03-03T08:00+00:00")


def test_a_number_of_a_country_but_no_known_zone_may_be_in_any_of_it() -> None:
    assert [str(zone) for zone in zones_of("+447700900123")] == [
        "Europe/Guernsey",
        "Europe/Isle_of_Man",
        "Europe/London",
    ]
    assert len(zones_of("+15550200003")) > 20


def test_hours_that_leave_no_moment_to_all_zones_delay_a_text_by_a_day_at_most() -> None:
    rules = SendingRules(quiet_from="12:00", quiet_until="11:30")
    now = at("2026-03-02T16:00+00:00")
    until = quiet_until("+15550200003", rules, now=now, last_inbound_at=None)
    assert until is not None
    assert now < until <= now + timedelta(days=1)


def test_the_system_knows_every_zone_of_the_numbering_plans() -> None:
    names = {name for zones in tzdata.TIMEZONE_DATA.values() for name in zones}
    for name in names - {"Etc/Unknown"}:
        assert ZoneInfo(name).key == name


def within(instant: datetime, zone: tzinfo, begin: time, end: time) -> bool:
    clock = instant.astimezone(zone).time()
    return begin <= clock < end if begin < end else clock >= begin or clock < end


QUARTER = timedelta(minutes=15)
"""All offsets of zones, and so all ends, are on quarters of an hour."""
DAY = timedelta(days=1)
QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@settings(max_examples=300)
@given(
    remote=st.sampled_from([NEW_YORK, PARIS, AUSTRALIAN_MOBILE, TOKYO, "+5511912345678"]),
    begin=QUARTERS,
    end=QUARTERS,
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_end_is_the_earliest_instant_at_which_no_zone_is_quiet(
    remote: str, begin: time, end: time, now: datetime
) -> None:
    rules = SendingRules(
        quiet_from=begin.isoformat("minutes"), quiet_until=end.isoformat("minutes")
    )
    until = quiet_until(remote, rules, now=now, last_inbound_at=None)
    zones = zones_of(remote)

    def is_quiet(instant: datetime) -> bool:
        return begin != end and any(within(instant, zone, begin, end) for zone in zones)

    hour = now.replace(minute=0, second=0, microsecond=0)
    quarters = [hour + n * QUARTER for n in range(1, 101)]
    instants = [now, *(quarter for quarter in quarters if now < quarter < now + DAY)]
    earliest = next((instant for instant in instants if not is_quiet(instant)), None)
    if earliest is None:
        assert until is not None
        assert now < until <= now + DAY
    elif not any(is_put_forward(zone, now, earliest) for zone in zones):
        assert (until or now) == earliest


def is_put_forward(zone: tzinfo, start: datetime, end: datetime) -> bool:
    """Whether the clock skips an hour, whose instants no wall clock shows."""
    first, last = (instant.astimezone(zone).utcoffset() for instant in (start, end))
    return first is not None and last is not None and first < last
