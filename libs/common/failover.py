"""Through which of a number's connections a text goes: one pure decision over plain values.

A number has a connection of its own and, where somebody has chosen them, others to fall back on, in
order. A text goes another way only where surely nothing of it has been accepted: after an ambiguous
answer, or once a part of it is out, the connection that was called is the only one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.circuit import CircuitKind, CircuitState
from common.providers.port import NotProcessed, Refused, SendResult
from common.store.records import ConnectionStatus, Detour, Way
from heliograph.codes import OutcomeCode

MOST_ALTERNATIVES: Final = 5
"""Connections that a number may fall back on."""

STICKY: Final = 24 * 3_600.0
"""Seconds for which a conversation stays with the connection that last carried a text of it, so
that a recipient's carrier, and who reads along at the provider, see one conversation."""


@dataclass(frozen=True, slots=True)
class Go:
    """Through this one. `detour` says which one would have come before it, and why it does not."""

    way: Way
    detour: Detour | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Later: every connection rests, and for one that could not be reached the rest ends then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """Never as things are: somebody has to mend the connection first."""

    code: OutcomeCode


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Every one that could be tried was tried just now: what they said, counts. `until` is when the
    rest of one ends that was not tried and is worth waiting for."""

    until: datetime | None = None


Choice = Go | Rest | Blocked | Exhausted


def leads_elsewhere(result: SendResult) -> bool:
    """Whether a result is one after which another connection may be tried at once: surely nothing
    was accepted, and this connection, not the text, is the reason. A throttled text waits, for
    elsewhere it would be as much too much."""
    match result:
        case Refused(account=account):
            return account
        case NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, text_only=text_only):
            return not text_only
        case _:
            return False


def choose(
    ways: Sequence[Way],
    *,
    number: str,
    now: datetime,
    last: str | None = None,
    bound: str | None = None,
    failed: Mapping[str, OutcomeCode] | None = None,
) -> Choice:
    """Which way a text of a number goes.

    Args:
        ways: the number's own connection, then those to fall back on, in order.
        last: the ID of the connection that last carried a text of the conversation, of late.
        bound: the ID of the one connection that may be called, where an earlier call may have been
            accepted, or a part of the text was.
        failed: what those have said, by ID, that were tried for the text just now.
    """
    tried = failed or {}
    order = [way for way in _in_order(ways, last, bound) if _is_live(way)]
    if not order:
        return Blocked(OutcomeCode.CONNECTION_INACTIVE)
    open_to = [way for way in order if _state(way, number, now) is not CircuitState.RESTING]
    going = next((way for way in open_to if way.connection_id not in tried), None)
    if going is not None:
        return Go(going, _detour(order[0], going, number, tried))
    rest = _rest(order, number, now)
    if not open_to:
        return rest
    return Exhausted(rest.until if isinstance(rest, Rest) else None)


def _in_order(ways: Sequence[Way], last: str | None, bound: str | None) -> Sequence[Way]:
    if bound is not None:
        return [way for way in ways if way.connection_id == bound]
    return sorted(ways, key=lambda way: way.connection_id != last)


def _is_live(way: Way) -> bool:
    return way.status is not ConnectionStatus.DISCONNECTED


def _state(way: Way, number: str, now: datetime) -> CircuitState:
    return way.circuit.state(number, now)


def _detour(first: Way, going: Way, number: str, tried: Mapping[str, OutcomeCode]) -> Detour | None:
    if first == going:
        return None
    code = tried.get(first.connection_id) or first.circuit.met_by(number).code
    return Detour(connection_id=first.connection_id, provider=first.provider, code=code)


def _rest(order: Sequence[Way], number: str, now: datetime) -> Rest | Blocked:
    """What those that rest leave to do. One that could not be reached is worth waiting for, and so
    is the end of a try that is under way: it tells whether somebody has mended the connection."""
    fuses = [way.circuit.met_by(number) for way in order]
    worth = [
        fuse.free_at
        for fuse in fuses
        if fuse.free_at is not None
        and fuse.at(now) is CircuitState.RESTING
        and (fuse.kind is CircuitKind.FAILING or fuse.is_tried(now))
    ]
    if worth:
        return Rest(min(worth))
    return Blocked(fuses[0].code or OutcomeCode.PROVIDER_ACCOUNT)
