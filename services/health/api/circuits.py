"""How the circuit of a connection looks in an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from common.circuit import Circuit, CircuitKind, CircuitState, Fuse, reason_of
from health.web.routes import View
from heliograph.models import now


class SenderView(View):
    """A number whose sender the provider refuses."""

    number: str
    state: CircuitState
    reason: str | None
    since: datetime | None
    rests_until: datetime | None = Field(description="When its next text may try.")
    opened: int = Field(description="How often it was refused in a row.")

    @classmethod
    def of(cls, fuse: Fuse) -> Self:
        """As it is at this moment."""
        return cls(
            number=fuse.number or "",
            state=fuse.at(now()),
            reason=reason_of(fuse, named=False),
            since=fuse.since,
            rests_until=fuse.free_at,
            opened=fuse.opened,
        )


class CircuitView(View):
    """Whether texts are called for through a connection."""

    state: CircuitState = Field(
        description="`closed`: they are. `resting`: they are not. `half_open`: one text may try. "
        "Of a connection, this is of all its numbers; of a number's connection, of that number."
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
    senders: tuple[SenderView, ...] = Field(
        description="The connection's numbers whose texts are not called for, because the provider "
        "refuses the sender; the one refused last comes first."
    )

    @classmethod
    def of(cls, circuit: Circuit, number: str | None = None) -> Self:
        """As it is at this moment for all of a connection's numbers, or for one of them."""
        met = circuit if number is None else circuit.met_by(number)
        return cls(
            state=met.at(now()),
            kind=met.kind,
            reason=reason_of(met),
            since=met.since,
            rests_until=met.free_at,
            failures=circuit.failures,
            opened=met.opened,
            number=met.number,
            senders=tuple(map(SenderView.of, reversed(circuit.senders))),
        )
