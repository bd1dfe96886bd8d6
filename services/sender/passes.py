"""One pass over a command's recipients, and what follows from it for the command."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.bus.verdicts import Defer, Done, Verdict
from sender.telling import FULL_AGAIN


@dataclass(slots=True)
class Pass:
    """What one pass over a command's recipients has come to. `told` are the IDs of the outcomes
    that the agent's queue has taken, in earlier passes too; `full` says that it refused some."""

    told: frozenset[str]
    full: bool = False
    pauses: list[float] = field(default_factory=list)
    """Seconds before which a recipient must not be tried again."""
    looks: list[float] = field(default_factory=list)
    """Seconds after which to look whether a recipient's turn has come; sooner does no harm."""
    failure: BaseException | None = None

    def verdict(self) -> Verdict:
        """What becomes of the command. The longest pause counts, so that no recipient is tried
        before its provider's wish. While the queue is full no failure counts: a command that failed
        too often is parked, and what is untold then would never be told.

        Raises:
            BaseException: what a recipient failed with.
        """
        if self.failure is not None and not self.full:
            raise self.failure
        pauses = [*self.pauses, *[FULL_AGAIN] * self.full]
        if pauses:
            return Defer(max(pauses), self.told)
        return Defer(min(self.looks), self.told) if self.looks else Done()
