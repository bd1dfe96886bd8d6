"""What the sender tells of its commands, verdicts and calls, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common import tracing
from common.bus.verdicts import Defer, Done, Park, Verdict
from common.metrics import Children, Metrics
from common.metrics.labels import NONE
from common.policy import Decision, Hold, LeaveUncertain, Refuse, Send, Wait
from heliograph.codes import OutcomeCode
from sender.calls import Ready
from sender.texts import now

_COMMANDS: Final[dict[type[Verdict], str]] = {Done: "done", Defer: "deferred", Park: "parked"}


def verdict_labels(decision: Decision) -> tuple[str, str]:
    """A policy's decision as kind and code."""
    match decision:
        case Send():
            return "send", NONE
        case Hold(code):
            return "hold", code
        case Refuse(code):
            return "refuse", code
        case Wait():
            return "wait", NONE
        case LeaveUncertain():
            return "uncertain", OutcomeCode.AMBIGUOUS


class CommandCounts:
    """Counts commands by what became of them at one look."""

    def __init__(self, metrics: Metrics):
        self._commands = Children(metrics.commands)

    def judged(self, verdict: Verdict, *, refused: bool = False) -> Verdict:
        """The verdict, which is counted. `refused` where it would be done with a refusal."""
        result = _COMMANDS.get(type(verdict), "failed")
        self._commands[("refused" if refused and isinstance(verdict, Done) else result,)].inc()
        return verdict

    def failed(self) -> None:
        """A command ended with an error, and is retried."""
        self._commands[("failed",)].inc()


class CallCounts:
    """Counts provider calls."""

    def __init__(self, metrics: Metrics):
        self._calls = Children(metrics.provider_calls)
        self._texts = Children(metrics.provider_texts)
        self._seconds = Children(metrics.provider_seconds)
        self._retries = Children(metrics.provider_retries)
        self._since_command = Children(metrics.command_to_provider)
        self._failovers = Children(metrics.failovers)

    def begun(self, texts: Sequence[Ready]) -> None:
        """The provider is called for these now, in one call."""
        at = now()
        if any(ready.repeats for ready in texts):
            self._retries[(texts[0].route.provider,)].inc()
        for ready in texts:
            provider, text = ready.route.provider, ready.claimed.text
            first = not ready.repeats and _is_commands_first(ready)
            if first and text.ordered_at is not None:
                seconds = (at - text.ordered_at).total_seconds()
                exemplar = tracing.exemplar(text.traceparent)
                self._since_command[(provider,)].observe(max(0.0, seconds), exemplar=exemplar)

    def took(self, provider: str, seconds: float, exemplar: dict[str, str] | None) -> None:
        """A call was answered, or given up, after so many seconds."""
        self._seconds[(provider,)].observe(seconds, exemplar=exemplar)

    def answered(self, texts: Sequence[Ready], answers: Sequence[str]) -> None:
        """What a call was answered for each of its texts, by class. Counted as a call it is once
        for each class: a hundred texts of one call that is refused are one refusal."""
        provider = texts[0].route.provider
        for answer in set(answers):
            self._calls[provider, answer].inc()
        for ready, answer in zip(texts, answers, strict=True):
            self._texts[provider, answer].inc()
            if ready.detour is not None:
                self._failovers[ready.detour.provider, provider].inc()


def _is_commands_first(ready: Ready) -> bool:
    """Whether this is the first that leaves for a command of an agent's, without a person."""
    claimed = ready.claimed
    return claimed.part == 0 and claimed.decision is None and claimed.text.notice is None
