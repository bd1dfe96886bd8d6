"""What reaches the terminal: no stranger's escape sequence, no unwanted colour, all pages."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.cli.columns import STYLES, Column, instant, shortened
from heliograph.cli.instants import earlier, later
from heliograph.cli.output import Output
from heliograph.cli.printable import as_json, printable
from tests.unit.cli_stand_in import NUMBER, text
from tests.unit.cli_world import Cli, Terminal

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEERING = "".join(map(chr, [*range(32), *range(0x7F, 0xA0), 0x202E, 0x2066]))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.mark.parametrize(
    "command",
    ["messages search", "messages show m1", "conversations show conv-1", "conversations list"],
)
def test_a_text_cannot_speak_to_the_terminal_of_who_reads_it(cli: Cli, command: str) -> None:
    cli.api.texts = [text("m1", "\x1b]0;owned\x07\x9b31m[red]a\nb[/red]\u202e")]
    shown, told = cli(*command.split()), cli(*command.split(), "--json")
    for character in set(STEERING) - {"\n"}:
        assert character not in shown.out + told.out
    assert "[red]a ⏎ b[/red]" in shown.out
    assert told.json  # It is the same value all the same.


@given(st.text())
def test_what_is_printable_holds_nothing_that_steers(anything: str) -> None:
    assert not set(STEERING) & set(printable(anything))


@given(st.recursive(st.text() | st.none() | st.integers(), st.lists))
def test_safe_json_is_the_same_value(anything: object) -> None:
    assert json.loads(as_json(anything)) == anything
    assert not set(STEERING) & set(as_json(anything))


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {"TERM": "xterm-256color"}, True),
        (False, {"TERM": "xterm-256color"}, False),
        (True, {"NO_COLOR": "1", "TERM": "xterm-256color"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal() if terminal else io.StringIO()
    output = Output(out, io.StringIO(), environment, wants_json=False)
    output.table([{"status": "active"}], [Column("status", "status")])
    assert ("\x1b[" in out.getvalue()) is coloured
    assert "active" in out.getvalue()


def test_a_line_in_a_pipe_is_whole(cli: Cli) -> None:
    cli.api.keep("connections", "c1", name="n" * 100, error="e" * 500)
    shown = cli("connections", "show", "c1").out
    assert "e" * 500 in shown


def test_no_line_ends_in_blanks(cli: Cli) -> None:
    for command in ("connections list", "connections show c1", "overview"):
        shown = cli(*command.split()).out
        assert shown == "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


def test_a_list_says_that_there_is_more_and_all_of_it_can_be_had(cli: Cli) -> None:
    for place in range(450):
        cli.api.keep("agents", f"a{place}", name="A", active=True)
    some = cli("agents", "list", "--limit", "2", "--json")
    assert len(some.json["items"]) == 2
    assert some.json["next"]
    assert "--all" in cli("agents", "list").err
    assert len(cli("agents", "list", "--limit", "300", "--json").json["items"]) == 300
    everything = cli("agents", "list", "--all", "--json").json
    assert (len(everything["items"]), everything["next"]) == (451, None)


def test_the_overview_adds_up_the_hours(cli: Cli) -> None:
    row = next(line for line in cli("overview").out.splitlines() if "Main line" in line)
    assert row.split()[-6:] == ["4", "2", "0", "0", "0", "0"]


def test_every_coloured_word_says_the_same_without_colour() -> None:
    assert all(word.isalpha() for word in STYLES)


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("2h", "2026-03-01T10:00:00Z"),
        ("30m", "2026-03-01T11:30:00Z"),
        ("7d", "2026-02-22T12:00:00Z"),
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
    ],
)
def test_instants_can_be_typed(typed: str, at: str) -> None:
    assert earlier(typed, NOON) == at


def test_a_span_can_lie_ahead() -> None:
    assert later("90d", NOON) == "2026-05-30T12:00:00Z"
    assert later(None, NOON) is None


def test_values_are_shown_for_people() -> None:
    assert instant("2026-03-01T13:00:00+01:00") == "2026-03-01 12:00:00Z"
    assert instant(None) == "-"
    assert instant("soon") == "soon"
    assert shortened(5)("abcdefg") == "abcd…"
    assert Column("who", "actor.name").of({"actor": {"name": "Ada"}}) == "Ada"
    assert Column("who", "actor.name").of({"actor": None}) == "-"
    assert Column("number", "n").of({"n": NUMBER}) == NUMBER
