"""The desk for parked messages at a terminal: rounds, questions, and how each run ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph.cli.errors import ExitCode
from tests.unit.cli_stand_in import Refusal
from tests.unit.cli_world import Cli

QUEUE = "dead.sender.commands"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path)
    made.api.keep("dead", QUEUE, name=QUEUE, count=3)
    return made


def posts(cli: Cli) -> list[dict[str, object]]:
    return [asked.body or {} for asked in cli.api.asked if asked.method == "POST"]


def test_all_are_gone_through_in_rounds_which_say_how_far_they_are(cli: Cli) -> None:
    ran = cli("dead-letters", "replay", QUEUE, "--all", "--reason", "Fixed", "--yes")
    assert ran.code == ExitCode.DONE
    assert [body["round_id"] for body in posts(cli)] == ["", "a-round"]
    assert "2 of 3 seen, 1 replayed." in ran.err
    assert "3 of 3 seen, 2 replayed." in ran.err
    assert "parked_again" in ran.out
    assert "1 stay parked" in ran.err


def test_what_is_parked_meanwhile_is_left_for_the_next_time(cli: Cli) -> None:
    cli.api.keep("dead", QUEUE, count=2)
    ran = cli("dead-letters", "replay", QUEUE, "--all", "--reason", "Fixed", "--yes", "--json")
    assert ran.json == {"rounds": 1, "seen": 2, "done": 1, "left": [], "failed": []}


def test_who_has_not_seen_all_is_told_so(cli: Cli) -> None:
    cli.api.keep("dead", QUEUE, count=9)
    ran = cli("dead-letters", "replay", QUEUE, "--all", "--reason", "Fixed", "--yes")
    assert (ran.code, "Not all were seen: 4 of 9." in ran.err) == (ExitCode.REFUSED, True)


def test_what_the_broker_does_not_take_is_named_and_no_success(cli: Cli) -> None:
    cli.api.keep("dead", QUEUE, count=2)
    cli.api.not_taken = ["r7"]
    ran = cli("dead-letters", "replay", QUEUE, "--all", "--reason", "Fixed", "--yes", "--json")
    assert (ran.code, ran.json["failed"]) == (ExitCode.REFUSED, ["r7"])
    assert "did not take 1, which are still parked: r7." in ran.err


def test_a_dry_run_changes_nothing_and_needs_no_reason(cli: Cli) -> None:
    assert cli("dead-letters", "replay", QUEUE, "r1", "--dry-run").code == ExitCode.DONE
    assert cli("dead-letters", "replay", QUEUE, "--all", "--dry-run").code == ExitCode.DONE
    assert all(body["dry_run"] is True for body in posts(cli))


def test_an_edit_shows_the_difference_and_asks(cli: Cli, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"v": 1}')
    given = ("dead-letters", "edit", QUEUE, "r1", "--body", str(body), "--reason", "Typo")
    declined = cli(*given, typed="n\n")
    assert (declined.code, "+new" in declined.out) == (ExitCode.REFUSED, True)
    assert posts(cli) == [{"body": '{"v": 1}', "reason": "Typo", "dry_run": True}]
    done = cli(*given, typed="y\n")
    assert (done.code, "its ref is r2" in done.out) == (ExitCode.DONE, True)
    assert posts(cli)[-1] == {"body": '{"v": 1}', "reason": "Typo"}


def test_reading_shows_the_words_and_what_a_replay_would_come_to(cli: Cli) -> None:
    ran = cli("dead-letters", "read", QUEUE, "r1", "--reason", "Ticket 7")
    assert posts(cli) == [{"reason": "Ticket 7"}]
    for shown in ('{"v": 1}', "+b", "It goes the way of every command.", "acme.desk"):
        assert shown in ran.out


@pytest.mark.parametrize(
    "given",
    [
        ("replay", QUEUE),
        ("replay", QUEUE, "r1", "--all", "--reason", "x"),
        ("replay", QUEUE, "r1"),
        ("drop", QUEUE, "r1"),
        ("drop", QUEUE, "--reason", "x"),
        ("edit", QUEUE, "r1", "--body", "/no/such/file", "--reason", "x"),
        ("edit", QUEUE, "r1", "--body", "-"),
        ("replay", QUEUE, "--all", "--reason", "x"),
        ("drop", QUEUE, "r1", "--reason", "x"),
    ],
)
def test_what_cannot_be_meant_asks_nothing_of_the_api(cli: Cli, given: tuple[str, ...]) -> None:
    """The last two want a yes, and nobody is there to give it."""
    assert cli("dead-letters", *given).code == ExitCode.MISUSED
    assert posts(cli) == []


def test_a_refusal_says_why(cli: Cli) -> None:
    cli.api.refusals.append(Refusal(409, "not_replayable", "It is not JSON; edit or drop it."))
    ran = cli("dead-letters", "replay", QUEUE, "r1", "--reason", "x")
    assert (ran.code, "edit or drop it" in ran.err) == (ExitCode.REFUSED, True)
