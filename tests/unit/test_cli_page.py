"""The page on the command line names every command and every exit code, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from heliograph.cli.app import COMMANDS, NOUNS
from heliograph.cli.errors import ExitCode
from heliograph.cli.nouns import help_of

PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")


def every_command() -> set[str]:
    alone = {name for commands in COMMANDS.values() for name in commands}
    nouns = [noun for nouns in NOUNS.values() for noun in nouns]
    return alone | {f"{noun.name} {verb}" for noun in nouns for verb in noun.verbs}


def test_every_command_is_in_the_table_and_no_other() -> None:
    table = PAGE.split("## Every command\n")[1]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)} == every_command()


def test_every_exit_code_is_in_the_table_and_no_other() -> None:
    table = PAGE.split("| exit code | meaning |")[1].split("\n\n")[0]
    assert set(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE))) == set(ExitCode)


def test_every_command_says_what_it_does() -> None:
    alone = [command for commands in COMMANDS.values() for command in commands.values()]
    verbs = [verb for nouns in NOUNS.values() for noun in nouns for verb in noun.verbs.values()]
    for command in [*alone, *verbs]:
        assert help_of(command).partition("\n")[0].endswith("."), command
