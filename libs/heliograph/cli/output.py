"""What a command says: tables for people, or the API's JSON with `--json`.

Results go to stdout; notes, questions and errors to stderr, so that a pipe carries results only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heliograph.cli.columns import STYLES, Columns, Item
from heliograph.cli.errors import CommandFailed
from heliograph.cli.printable import as_json, printable

_ENDLESS: Final = 100_000
"""Columns of what is no terminal: a line in a pipe is not folded."""


def console(stream: TextIO, environment: Mapping[str, str]) -> Console:
    """A console without colours where it is no terminal or somebody does not want them
    (no-color.org)."""
    terminal = stream.isatty()
    plain = not terminal or bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Console(
        file=stream,
        color_system=None if plain else "auto",
        force_terminal=terminal,
        width=None if terminal else _ENDLESS,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=False,
    )


class Output:
    """Says things.

    Args:
        wants_json: whether stdout is to hold the API's JSON and nothing else.
    """

    def __init__(
        self, stdout: TextIO, stderr: TextIO, environment: Mapping[str, str], *, wants_json: bool
    ):
        self.wants_json = wants_json
        self._out = console(stdout, environment)
        self._err = console(stderr, environment)
        self._stdout = stdout

    def page(self, page: Mapping[str, Any], columns: Columns, *, empty: str) -> None:
        """A list. `empty` is said to people where there is nothing."""
        if self.wants_json:
            self.document(page)
            return
        items = page.get("items", [])
        if items:
            self.table(items, columns)
        else:
            self.note(empty)
        if page.get("next") is not None:
            self.note("There are more: --limit N, or --all.")

    def table(self, items: Sequence[Item], columns: Columns) -> None:
        """Rows for people."""
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.title, overflow="fold")
        for item in items:
            table.add_row(*(_cell(column.of(item)) for column in columns))
        self._print(table)

    def one(self, body: Item, columns: Columns) -> None:
        """One thing: its members below each other."""
        if self.wants_json:
            self.document(body)
            return
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for column in columns:
            table.add_row(column.title, _cell(column.of(body)))
        self._print(table)

    def document(self, body: Mapping[str, Any]) -> None:
        """The API's JSON."""
        self._write(as_json(body, indent=2))

    def line(self, body: Mapping[str, Any]) -> None:
        """One document of a JSON Lines stream, out at once."""
        self._write(as_json(body))

    def say(self, text: str, style: str = "") -> None:
        """A line for people; nothing with `--json`."""
        if not self.wants_json:
            self._out.print(Text(printable(text), style=style, overflow="fold"))
            self._stdout.flush()

    def note(self, text: str) -> None:
        """A word beside the result."""
        self._err.print(Text(printable(text), style="dim"))

    def failure(self, error: CommandFailed) -> None:
        """What went wrong and what to do, a line each."""
        self._err.print(Text(printable(f"heliograph: {error.what}"), style="red"))
        if error.remedy:
            self._err.print(Text(printable(error.remedy)))

    def _print(self, table: Table) -> None:
        """A table pads its last column, which only a terminal with colours could show."""
        with self._out.capture() as captured:
            self._out.print(table)
        self._write("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def _write(self, text: str) -> None:
        self._stdout.write(f"{text}\n")
        self._stdout.flush()


def _cell(text: str) -> Text:
    """Never markup: what stands in it may come from strangers."""
    return Text(printable(text), style=STYLES.get(text, ""))
