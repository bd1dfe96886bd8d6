"""Questions to the person at the terminal. Where there is none, a question is an error that names
the option that answers it."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.cli.errors import Declined, Misused
from heliograph.cli.printable import printable
from heliograph.cli.world import World


class Asking:
    """Asks on stderr, reads from stdin, and hides what is secret."""

    def __init__(self, world: World):
        self._world = world

    @property
    def possible(self) -> bool:
        """Whether somebody is there."""
        return self._world.stdin.isatty()

    def text(self, question: str, *, option: str, default: str = "") -> str:
        """One line; an empty one is the default."""
        self._demand(option)
        shown = f"{question} [{default}]: " if default else f"{question}: "
        return self._read(shown) or default

    def secret(self, question: str, *, option: str) -> str:
        """One line that does not appear on the screen."""
        self._demand(option)
        return self._world.hidden(f"{printable(question)} (hidden): ")

    def choose(self, question: str, choices: Sequence[str], *, option: str) -> str:
        """One of several, by its number or its name; asked again until it is one."""
        self._demand(option)
        for place, choice in enumerate(choices, 1):
            self._write(f"  {place}. {choice}\n")
        while True:
            answer = self._read(f"{question} [1-{len(choices)}]: ")
            if answer in choices:
                return answer
            if answer.isdecimal() and 1 <= int(answer) <= len(choices):
                return choices[int(answer) - 1]

    def confirm(self, cost: str, question: str, *, yes: bool) -> None:
        """Say what it costs, and go on only after a yes. Raises: Declined, Misused."""
        if yes:
            return
        self._demand("--yes")
        self._write(f"{cost}\n")
        if self._read(f"{question} [y/N]: ").lower() not in {"y", "yes"}:
            raise Declined

    def agrees(self, statement: str, question: str, *, option: str) -> bool:
        """Whether the person says yes to a statement."""
        self._demand(option)
        self._write(f"{statement}\n")
        return self._read(f"{question} [y/N]: ").lower() in {"y", "yes"}

    def _demand(self, option: str) -> None:
        if not self.possible:
            raise Misused(f"{option} is missing, and there is no terminal to ask at.")

    def _read(self, prompt: str) -> str:
        self._write(prompt)
        line = self._world.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def _write(self, text: str) -> None:
        head, newline, _ = text.partition("\n") if text.endswith("\n") else (text, "", "")
        self._world.stderr.write(printable(head) + newline)
        self._world.stderr.flush()
