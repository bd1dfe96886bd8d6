"""The conversation as a timeline that a person enjoys reading."""

from __future__ import annotations

import textwrap
import time
from typing import Final

from rich.console import Console
from rich.text import Text as Line

from common.store.records import Execution
from heliograph import Direction, Outcome, OutcomeStatus, Report, Turn

_COLOURS: Final = {
    "phone": "cyan",
    "webhook": "blue",
    "agent": "magenta",
    "gate": "yellow",
    "sender": "green",
    "operator": "bold yellow",
    "carrier": "green",
    "local": "dim",
}
_TELLING: Final = frozenset({"deduplicated", "approved", "rejected", "finished", "reported"})
"""Steps whose detail is worth a person's eye."""
_INDENT: Final = " " * 21
_WIDTH: Final = 100

_STEPS: Final = {
    "accepted": "the webhook accepted the text",
    "recorded": "the processor recorded it, once",
    "deduplicated": "a copy was dropped",
    "handed_over": "its agent's queue had the turn",
    "answered": "the agent's answer was claimed",
    "held": "the gate held the answer",
    "approved": "a person approved it",
    "rejected": "a person rejected it",
    "expired": "nobody decided on it in time",
    "sent": "the provider accepted the answer",
    "finished": "the outcome was recorded",
    "reported": "the provider reported on delivery",
}
"""What the recorded steps mean, in words."""


def pretty(number: str) -> str:
    """A North American number as people write it; any other as it is."""
    if len(number) == 12 and number.startswith("+1"):
        return f"+1 {number[2:5]} {number[5:8]} {number[8:]}"
    return number


class Timeline:
    """Prints what happens as it happens, with the seconds since the first text. `deliverer` is who
    delivers texts to the webhook."""

    def __init__(self, console: Console, *, deliverer: str = "Event Grid"):
        self.deliverer = deliverer
        self._console = console
        self._began: float | None = None

    def say(self, actor: str, text: str, *details: str) -> None:
        """One event: who, what, and further lines below it."""
        if self._began is None:
            self._began = time.monotonic()
        colour = _COLOURS.get(actor, "white")
        line = Line(f" {time.monotonic() - self._began:6.2f} s  ", style="dim")
        line.append(f"{actor:<10}", style=colour)
        line.append(text)
        self._console.print(line, soft_wrap=True)
        for detail in details:
            for part in textwrap.wrap(detail, width=_WIDTH - len(_INDENT)):
                self._console.print(Line(_INDENT + part, style="dim"), soft_wrap=True)

    def text(self, remote: str, number: str, body: str) -> None:
        """A person texts."""
        self.say("phone", f"{pretty(remote)} texts {pretty(number)}:", f"“{body}”")

    def delivered(self, status: int, milliseconds: float) -> None:
        """The delivery of a text was answered."""
        self.say("webhook", f"answers {status} after {milliseconds:.0f} ms: it is on the bus")

    def not_delivered(self, outcome: str, *, again: bool) -> None:
        """The delivery of a text failed; `outcome` is the deliverer's own word for how."""
        then = "will try again" if again else "gives the text up"
        self.say("webhook", f"did not take it ({outcome}): {self.deliverer} {then}")

    def turn(self, turn: Turn) -> None:
        """The agent reads its turn."""
        count = len(turn.history)
        known = "no earlier texts" if not count else f"{count} earlier text{'s' * (count > 1)}"
        history = [
            f"{'them' if past.direction is Direction.INBOUND else 'us'}: “{past.body}”"
            for past in turn.history
        ]
        mark = f", marked {turn.keyword}" if turn.keyword else ""
        bar = "" if turn.can_send else f"; may not answer ({turn.cannot_send_reason})"
        self.say("agent", f"reads “{turn.message.body}” with {known}{mark}{bar}", *history)

    def outcome(self, outcome: Outcome) -> None:
        """The agent hears what became of its answer."""
        self.say("agent", f"answers “{outcome.original_body or outcome.body}”")
        if outcome.status is OutcomeStatus.SENT:
            self.say("sender", f"sent it to {pretty(outcome.to)} ({_size(outcome)})")
        elif outcome.status is OutcomeStatus.HELD:
            self.say("gate", "held it: autonomous sending is off for this number", outcome.message)
        else:
            self.say("sender", f"{outcome.status}: {outcome.code}", outcome.message)

    def decided(self, outcome: Outcome) -> None:
        """The agent hears what became of a text that was held."""
        words = " in other words" if outcome.edited else ""
        if outcome.status is OutcomeStatus.SENT:
            self.say("gate", f"a person approved it{words}: it went to {pretty(outcome.to)}")
        else:
            self.say("gate", f"{outcome.status}: {outcome.code}", outcome.message)

    def received(self, remote: str, body: str) -> None:
        """The person's phone shows our text."""
        self.say("phone", f"{pretty(remote)} receives:", f"“{body}”")

    def report(self, report: Report) -> None:
        """The agent hears how delivery went."""
        self.say("carrier", f"delivery report: {report.status}")

    def execution(self, execution: Execution) -> None:
        """The life of one text, as it is recorded."""
        began = execution.steps[0].at
        self._console.print("\n The life of the last text, as it is recorded:\n")
        for step in execution.steps:
            offset = (step.at - began).total_seconds() * 1000
            line = Line(f" {step.at:%H:%M:%S}.{step.at.microsecond // 1000:03d}", style="dim")
            line.append(f" {offset:6.0f} ms  ", style="not dim")
            line.append(f"{step.what:<13}", style="cyan not dim")
            line.append(_STEPS[step.what], style="not dim")
            if step.what in _TELLING:
                line.append(f" ({step.detail})")
            self._console.print(line, soft_wrap=True)


def _size(outcome: Outcome) -> str:
    segments = outcome.segments or 1
    return f"{segments} segment{'s' * (segments > 1)}, {outcome.encoding}"
