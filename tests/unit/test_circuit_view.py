"""Promise: the API tells a connection's circuit for all its numbers, or for the one that is asked
about."""

from __future__ import annotations

from datetime import timedelta

from common.circuit import CLOSED, Circuit, CircuitKind, CircuitState, Fuse
from health.api.circuits import CircuitView
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import now

NUMBER, NEIGHBOUR = "+15550100001", "+15550100002"
NOT_OWNED = TEXTS[OutcomeCode.SENDER_NOT_OWNED].person


def refused(number: str) -> Circuit:
    fuse = Fuse(
        kind=CircuitKind.ACCOUNT,
        since=now(),
        opened_at=now(),
        rests_until=now() + timedelta(minutes=1),
        code=OutcomeCode.SENDER_NOT_OWNED,
        opened=2,
        number=number,
    )
    return Circuit(senders=(fuse,))


def test_of_a_connection_it_is_closed_where_one_sender_alone_is_refused_and_names_it() -> None:
    view = CircuitView.of(refused(NUMBER))
    assert (view.state, view.kind, view.reason) == (CircuitState.CLOSED, None, None)
    (sender,) = view.senders
    assert (sender.number, sender.state) == (NUMBER, CircuitState.RESTING)
    assert (sender.reason, sender.opened) == (NOT_OWNED, 2)


def test_of_a_number_it_is_what_that_numbers_texts_meet() -> None:
    view = CircuitView.of(refused(NUMBER), NUMBER)
    assert (view.state, view.number, view.opened) == (CircuitState.RESTING, NUMBER, 2)
    assert NOT_OWNED in (view.reason or "")
    other = CircuitView.of(refused(NUMBER), NEIGHBOUR)
    assert (other.state, other.number) == (CircuitState.CLOSED, None)


def test_a_closed_one_says_nothing() -> None:
    view = CircuitView.of(CLOSED, NUMBER)
    assert (view.state, view.reason, view.senders) == (CircuitState.CLOSED, None, ())
