"""What `heliograph numbers failover` asks of the API, and what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli_stand_in import NUMBER
from tests.unit.cli_world import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_without_connections_it_shows_the_numbers_own_one_and_says_that_there_is_no_other(
    cli: Cli,
) -> None:
    ran = cli("numbers", "failover", NUMBER)
    assert (ran.code, {asked.method for asked in cli.api.asked}) == (0, {"GET"})
    assert "own" in ran.out
    assert "closed" in ran.out
    assert "falls back on nothing" in ran.err


def test_connections_are_chosen_in_their_order_at_the_version_that_is_there(cli: Cli) -> None:
    ran = cli("numbers", "failover", NUMBER, "c3", "c2")
    assert ran.code == 0, ran.err
    asked = cli.api.asked[-1]
    assert (asked.method, asked.body) == ("PUT", {"connection_ids": ["c3", "c2"]})
    assert "if-match" in asked.headers
    first, second = (line for line in ran.out.splitlines() if "Line c" in line)
    assert (first.split()[:2], second.split()[:2]) == (["1", "c3"], ["2", "c2"])


def test_none_takes_all_away(cli: Cli) -> None:
    assert cli("numbers", "failover", NUMBER, "--none").code == 0
    assert cli.api.asked[-1].body == {"connection_ids": []}


def test_none_and_a_connection_contradict_each_other(cli: Cli) -> None:
    ran = cli("numbers", "failover", NUMBER, "c2", "--none")
    assert ran.code == 2
    assert cli.api.asked == []


def test_programs_get_the_answer_as_it_is(cli: Cli) -> None:
    ran = cli("numbers", "failover", NUMBER, "c2", "--json")
    assert [way["connection_id"] for way in ran.json["failover"]] == ["c2"]
