"""What a text has met while a way is looked for: which connections it was tried on in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from common.circuit import Circuit
from common.failover import Choice, choose
from common.providers.port import NotProcessed, Refused, SendResult
from common.store.records import Route, Way
from heliograph.codes import OutcomeCode
from sender.calls import Lost
from sender.steps import Again, Finished, Later, Step
from sender.texts import now


@dataclass(slots=True)
class Failed:
    """The connections that a text was tried on just now, one after the other without a pause."""

    called: bool = False
    """Whether a provider was called, so that a further call is no further attempt."""
    _steps: list[Step | Lost] = field(default_factory=list)
    _codes: dict[str, OutcomeCode] = field(default_factory=dict)
    _circuits: dict[str, Circuit] = field(default_factory=dict)

    def note(self, connection_id: str, result: SendResult, step: Step | Lost) -> None:
        """A call that came to nothing."""
        if isinstance(result, NotProcessed | Refused):
            self._codes[connection_id] = result.code
        self._steps.append(step)

    def end(
        self, code: OutcomeCode, *, until: datetime | None = None, tries_left: bool = True
    ) -> Step | Lost:
        """What follows where no way is left. That one of them may work later counts before all that
        another has refused for good, in whatever order they were tried: without the others, the
        text would be tried again.

        Args:
            code: what the text is refused with where none was tried.
            until: when the rest of one that was not tried is over.
            tries_left: whether there is another attempt to wait for.
        """
        agains = [step for step in self._steps if isinstance(step, Again)]
        if agains:
            return min(agains, key=lambda step: step.retry_after or 0.0)
        if until is not None and (tries_left or not self._steps):
            return Later(max(0.0, (until - now()).total_seconds()))
        return self._steps[-1] if self._steps else Finished(code)

    def rests(self, connection_id: str, circuit: Circuit) -> None:
        """A connection that was found resting: what was read of it may be older than that."""
        self._circuits[connection_id] = circuit

    def choose(self, route: Route, *, last: str | None, bound: str | None) -> Choice:
        """The next way, as `common.failover.choose` says."""
        return choose(
            self._as_they_are(route.ways),
            number=route.address,
            now=now(),
            last=last,
            bound=bound,
            failed=self._codes,
        )

    def _as_they_are(self, ways: Sequence[Way]) -> list[Way]:
        found = self._circuits
        return [replace(way, circuit=found.get(way.connection_id, way.circuit)) for way in ways]
