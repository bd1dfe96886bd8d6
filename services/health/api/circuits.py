"""How the circuit of a connection looks in an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from common.circuit import Circuit, CircuitKind, CircuitState, reason_of
from health.web.routes import View
from heliograph.models import now


class CircuitView(View):
    """Whether texts are called for through a connection."""

    state: CircuitState = Field(
        description="`closed`: they are. `resting`: they are not. `half_open`: one text may try."
    )
    kind: CircuitKind | None = Field(
        description="`account`: somebody has to mend the connection. `failing`: the provider could "
        "not be reached, or did not answer."
    )
    reason: str | None
    since: datetime | None
    rests_until: datetime | None = Field(description="When the next text may try.")
    failures: int = Field(description="In a row, up to now.")
    opened: int = Field(description="How often it opened without having closed.")
    number: str | None = Field(description="The one number that it is open for; null: all.")

    @classmethod
    def of(cls, circuit: Circuit) -> Self:
        """As it is at this moment."""
        return cls(
            state=circuit.at(now()),
            kind=circuit.kind,
            reason=reason_of(circuit),
            since=circuit.since,
            rests_until=circuit.free_at,
            failures=circuit.failures,
            opened=circuit.opened,
            number=circuit.number,
        )
