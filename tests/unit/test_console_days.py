"""The filters of the console's lists: a day is all of that day, and nonsense narrows nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from console_stage import open_stage

from health.access.roles import Role
from health.console.days import first_moment, last_moment


def test_a_day_is_all_of_that_day() -> None:
    assert first_moment(" 2026-03-01 ") == datetime(2026, 3, 1, tzinfo=UTC)
    assert last_moment("2026-03-01") == datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", " ", "yesterday", "2026-02-30", "1/3/2026", "\x00"])
def test_what_is_no_day_narrows_nothing(typed: str) -> None:
    assert first_moment(typed) is last_moment(typed) is None


@pytest.mark.parametrize("typed", ["0001-01-01", "9999-12-31"])
def test_a_day_without_texts_is_a_day_still(typed: str) -> None:
    assert first_moment(typed) is not None
    assert last_moment(typed) is not None


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("conversations", {"number", "remote", "since", "until", "state"}),
        ("executions", {"number", "remote", "since", "until"}),
        ("audit", {"action", "target", "actor", "since", "until"}),
    ],
)
async def test_a_list_has_its_filters_and_keeps_what_was_typed(path: str, fields: set[str]) -> None:
    async with open_stage() as stage:
        stage.door.let_in(Role.ADMIN)
        status, page = await stage.page(
            f"/t/acme/{path}?since=2026-03-01&until=2026-03-31&state=held"
            if path == "conversations"
            else f"/t/acme/{path}?since=2026-03-01&until=2026-03-31"
        )
    assert status == 200
    assert all(f'name="{field}"' in page for field in fields)
    assert 'value="2026-03-01"' in page
    assert path != "conversations" or '<option value="held" selected>' in page
