"""Circuits at work: who may call through a connection now, and what the answers make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from common.announcing import Announcer
from common.circuit import (
    CLOSED,
    Circuit,
    CircuitState,
    tried,
)
from common.circuit_words import Said, Worked, said_by
from common.metrics import Metrics
from common.providers.port import SendResult
from common.store.ports import Circuits
from common.store.records import Noted, Route
from sender.calls import Unasked
from sender.texts import now

log = structlog.get_logger(__name__)

_WHAT_CHANGED = "connection.status"


@dataclass(frozen=True, slots=True)
class Through:
    """The connection may be called. `trying_until` is set where that is a try of a circuit that is
    half open, which is one text's."""

    began: datetime
    trying_until: datetime | None = None


class Breaker:
    """Keeps to the circuits of connections.

    Args:
        lease: seconds that one try may take, longer than a provider call.
    """

    def __init__(self, circuits: Circuits, announcer: Announcer, metrics: Metrics, *, lease: float):
        self._circuits = circuits
        self._announcer = announcer
        self._metrics = metrics
        self._lease = lease

    async def enter(self, route: Route) -> Through | Unasked:
        """Whether the route's connection may be called. Of all replicas' texts, one gets the try of
        a circuit that is half open.

        Raises:
            StoreUnavailable: whether it may be called cannot be known.
        """
        began = now()
        if route.circuit.state(route.address, began) is CircuitState.CLOSED:
            return Through(began)
        trying = await self._circuits.take_try(
            route.tenant_id,
            route.connection_id,
            credentials_version=route.credentials_version,
            number=route.address,
            seconds=self._lease,
        )
        if trying.until is not None:
            return Through(began, trying.until)
        if trying.circuit.state(route.address, began) is CircuitState.CLOSED:
            return Through(began)
        return Unasked(trying.circuit)

    async def leave(
        self, route: Route, through: Through, results: Sequence[SendResult] = ()
    ) -> Circuit:
        """Note what calls through the connection have come to, if there were any. What the provider
        has answered counts also where this cannot be noted: a try then lasts until its time is
        over. Returns the circuit as it is now, as far as known."""
        said = said_by(results)
        try:
            if said is None:
                await self._give_back(route, through)
            elif not isinstance(said, Worked) or route.circuit != CLOSED:
                return await self._note(route, said, through.began)
        except Exception as error:  # noqa: BLE001 - nothing may lose the provider's word
            log.warning("circuit.not_told", error=type(error).__name__)
            return _still_tried(route, through)
        return route.circuit

    async def _give_back(self, route: Route, through: Through) -> None:
        if through.trying_until is not None:
            await self._circuits.give_back(
                route.tenant_id,
                route.connection_id,
                credentials_version=route.credentials_version,
                number=route.address,
                until=through.trying_until,
            )

    async def _note(self, route: Route, said: Said, began: datetime) -> Circuit:
        noted = await self._circuits.note(
            route.tenant_id,
            route.connection_id,
            said,
            credentials_version=route.credentials_version,
            number=route.address,
            began=began,
        )
        self._tell(route, noted)
        if noted.status_changed:
            await self._announcer.changed(route.tenant_id, route.connection_id, _WHAT_CHANGED)
        return noted.after

    def _tell(self, route: Route, noted: Noted) -> None:
        facts = {"connection": route.connection_id, "provider": route.provider}
        for fuse in noted.openings:
            assert fuse.kind is not None  # noqa: S101 - an open one has a kind
            self._metrics.circuits_opened.labels(route.provider, fuse.kind.value).inc()
            log.warning(
                "circuit.opened",
                **facts,
                kind=fuse.kind.value,
                code=fuse.code.value if fuse.code else None,
                rests_until=fuse.rests_until,
                of="connection" if fuse.number is None else "number",
            )
        if len(noted.after.fuses) < len(noted.before.fuses):
            log.info("circuit.closed", **facts, still_open=len(noted.after.fuses))


def _still_tried(route: Route, through: Through) -> Circuit:
    """The circuit of a try whose end could not be noted."""
    until = through.trying_until
    if until is None:
        return route.circuit
    return tried(route.circuit, route.address, until=until, now=through.began) or route.circuit
