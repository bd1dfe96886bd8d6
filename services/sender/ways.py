"""What a text has met while a way is looked for: which connections it was tried on in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from common.circuit import Circuit
from common.failover import Choice, choose
from common.providers.port import NotProcessed, Refused, SendResult
from common.store.records import Route, Way
from heliograph.codes import OutcomeCode
from sender.calls import Lost
from sender.steps import Finished, Step
from sender.texts import now


@dataclass(slots=True)
class Failed:
    """The connections that a text was tried on just now, one after the other without a pause.

    `step` is what would follow if there were no other one.
    """

    step: Step | Lost = field(default_factory=lambda: Finished(OutcomeCode.PROVIDER_UNAVAILABLE))
    _codes: dict[str, OutcomeCode] = field(default_factory=dict)
    _circuits: dict[str, Circuit] = field(default_factory=dict)

    def note(self, connection_id: str, result: SendResult, step: Step | Lost) -> None:
        """A call that came to nothing."""
        if isinstance(result, NotProcessed | Refused):
            self._codes[connection_id] = result.code
        self.step = step

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
