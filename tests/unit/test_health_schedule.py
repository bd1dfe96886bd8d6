"""The day's run is due once a day, in UTC, and overdue until it is done."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.store.records import ConnectionRecord, ConnectionStatus
from health.schedule import lease_name, next_run, outstanding

FOUR = time(4)
MIDNIGHT = time(0)
LAST_MINUTE = time(23, 59)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "of_day", "settled", "due"),
    [
        pytest.param("2025-03-10 03:59", FOUR, None, "2025-03-10 04:00", id="before"),
        pytest.param("2025-03-10 04:00", FOUR, None, "2025-03-10 04:00", id="on the dot"),
        pytest.param("2025-03-10 23:59", FOUR, None, "2025-03-10 04:00", id="overdue all day"),
        pytest.param("2025-03-11 00:00", FOUR, None, "2025-03-11 04:00", id="missed: next day"),
        pytest.param("2025-03-10 04:01", FOUR, "2025-03-10", "2025-03-11 04:00", id="done"),
        pytest.param("2025-03-11 00:00", FOUR, "2025-03-10", "2025-03-11 04:00", id="done before"),
        pytest.param(
            "2025-03-11 12:00", FOUR, "2025-03-09", "2025-03-11 04:00", id="done long ago"
        ),
        pytest.param(
            "2025-03-10 23:00", FOUR, "2025-03-11", "2025-03-12 04:00", id="clock set back"
        ),
        pytest.param("2025-03-10 00:00", MIDNIGHT, None, "2025-03-10 00:00", id="at midnight"),
        pytest.param(
            "2025-03-10 23:59", MIDNIGHT, "2025-03-10", "2025-03-11 00:00", id="next 00:00"
        ),
        pytest.param("2025-03-10 23:58", LAST_MINUTE, None, "2025-03-10 23:59", id="last minute"),
        pytest.param(
            "2025-03-11 00:00", LAST_MINUTE, None, "2025-03-11 23:59", id="not yesterday's"
        ),
        pytest.param("2025-12-31 05:00", FOUR, "2025-12-31", "2026-01-01 04:00", id="new year"),
        pytest.param("2024-02-28 05:00", FOUR, "2024-02-28", "2024-02-29 04:00", id="leap day"),
    ],
)
def test_the_next_run_is_todays_until_it_is_done(
    now: str, of_day: time, settled: str | None, due: str
) -> None:
    day = None if settled is None else date.fromisoformat(settled)
    assert next_run(at(now), of_day, day) == at(due)


def test_the_day_is_a_day_of_utc_wherever_the_clock_stands() -> None:
    evening_in_new_york = datetime(2025, 3, 9, 21, tzinfo=timezone(timedelta(hours=-4)))
    assert next_run(evening_in_new_york, FOUR) == at("2025-03-10 04:00")


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year < 9999),
    st.times(),
)
def test_a_settled_day_is_followed_by_the_next_one_exactly_a_day_later(
    now: datetime, of_day: time
) -> None:
    due = next_run(now, of_day)
    assert next_run(now, of_day, due.date()) - due == timedelta(days=1)


def test_each_day_has_its_own_lease() -> None:
    assert lease_name(at("2025-03-10 04:00")) == "validation:2025-03-10"
    assert lease_name(at("2025-03-10 23:30")) == "validation:2025-03-10"
    assert lease_name(at("2025-03-11 00:00")) == "validation:2025-03-11"


def test_a_run_that_another_began_is_continued_not_repeated() -> None:
    due = at("2025-03-10 04:00")

    def checked(connection_id: str, when: datetime | None) -> ConnectionRecord:
        return ConnectionRecord(
            id=connection_id,
            tenant_id="acme",
            name="",
            provider="fake",
            status=ConnectionStatus.ACTIVE,
            error=None,
            sealed=None,
            wrapped_key=None,
            checked_at=when,
        )

    records = [
        checked("never", None),
        checked("yesterday", due - timedelta(days=1)),
        checked("just", due),
        checked("after", due + timedelta(minutes=3)),
    ]
    assert [record.id for record in outstanding(records, due)] == ["never", "yesterday"]
