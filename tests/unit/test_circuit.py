"""Promise: a connection that cannot carry texts is left in peace, and one text a time tries it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.circuit import (
    CLOSED,
    FAILURES,
    AccountRefused,
    Circuit,
    CircuitKind,
    CircuitState,
    Failed,
    Said,
    Worked,
    after,
    reason_of,
    said_by,
)
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.store.circuit_documents import circuit_document, read_circuit
from heliograph.codes import TEXTS, OutcomeCode

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBER, NEIGHBOUR = "+15550100001", "+15550100002"
AWAY = Failed(OutcomeCode.PROVIDER_UNAVAILABLE)
WRONG_KEY = AccountRefused(OutcomeCode.CREDENTIALS_REJECTED)
NOT_OURS = AccountRefused(OutcomeCode.SENDER_NOT_OWNED)

TAKEN = Accepted("p-1")
LOST = Ambiguous("no answer")
UNREACHED = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "refused")
WRONG_TEXT = Refused(OutcomeCode.PROVIDER_REJECTED, "bad words")
BAD_KEY = Refused(OutcomeCode.CREDENTIALS_REJECTED, "401", account=True)
SLOW_DOWN = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "429")
FLOOD = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "flood", text_only=True)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(
    circuit: Circuit, said: Said, seconds: float = 0, *, number: str = NUMBER, took: float = 0
) -> Circuit:
    """After an answer so many seconds after the start, to a call that `took` so long."""
    return after(circuit, said, number=number, began=at(seconds - took), now=at(seconds))


def failing(times: int = FAILURES) -> Circuit:
    circuit = CLOSED
    for _ in range(times):
        circuit = told(circuit, AWAY)
    return circuit


def rest_of(circuit: Circuit) -> float:
    assert circuit.opened_at is not None
    assert circuit.rests_until is not None
    return (circuit.rests_until - circuit.opened_at).total_seconds()


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([TAKEN], Worked()),
        ([WRONG_TEXT], Worked()),
        ([UNREACHED], AWAY),
        ([LOST], Failed(OutcomeCode.AMBIGUOUS)),
        ([BAD_KEY], WRONG_KEY),
        ([SLOW_DOWN], None),
        ([FLOOD], None),
        ([], None),
        ([UNREACHED, TAKEN, SLOW_DOWN], Worked()),
        ([TAKEN, BAD_KEY, LOST], WRONG_KEY),
        ([SLOW_DOWN, LOST], Failed(OutcomeCode.AMBIGUOUS)),
    ],
)
def test_a_call_says_of_its_connection_what_its_results_do(
    results: list[SendResult], said: Said | None
) -> None:
    assert said_by(results) == said


def test_it_takes_five_failures_in_a_row_to_open_it() -> None:
    almost = failing(FAILURES - 1)
    assert almost.state(NUMBER, START) is CircuitState.CLOSED
    assert told(almost, Worked()) == CLOSED
    opened = told(almost, AWAY, 3)
    assert opened.state(NUMBER, at(3)) is CircuitState.RESTING
    assert (opened.since, opened.opened_at, opened.code) == (START, at(3), AWAY.code)


def test_a_refused_account_opens_it_at_once() -> None:
    opened = told(CLOSED, WRONG_KEY)
    assert (opened.kind, opened.since, rest_of(opened)) == (CircuitKind.ACCOUNT, START, 60)
    assert opened.state(NUMBER, at(59.9)) is CircuitState.RESTING
    assert opened.state(NUMBER, at(60)) is CircuitState.HALF_OPEN


@pytest.mark.parametrize(
    ("circuit", "said", "rests"),
    [
        (failing(), AWAY, [15, 30, 60, 120, 240, 300, 300]),
        (told(CLOSED, WRONG_KEY), WRONG_KEY, [60, 120, 240, 480, 900, 900]),
    ],
)
def test_each_try_that_fails_doubles_the_rest_up_to_its_longest(
    circuit: Circuit, said: Said, rests: list[float]
) -> None:
    now, found = 0.0, []
    for _ in rests:
        found.append(rest_of(circuit))
        now += rest_of(circuit)
        circuit = told(circuit, said, now)
    assert found == rests
    assert circuit.since == START


def test_it_can_open_for_ever_without_an_overflow() -> None:
    circuit, now = told(CLOSED, WRONG_KEY), 0.0
    for _ in range(2_000):
        now += rest_of(circuit)
        circuit = told(circuit, WRONG_KEY, now)
    assert rest_of(circuit) == 900


@pytest.mark.parametrize("said", [AWAY, WRONG_KEY, NOT_OURS, Worked()])
def test_an_answer_to_a_call_from_before_it_opened_says_nothing(said: Said) -> None:
    for opened in (failing(), told(CLOSED, WRONG_KEY)):
        assert told(opened, said, 5, took=6) == opened


def test_a_text_that_is_taken_closes_it_whatever_opened_it() -> None:
    for opened in (failing(), told(CLOSED, WRONG_KEY), told(CLOSED, NOT_OURS)):
        assert told(opened, Worked(), 60) == CLOSED


def test_an_account_that_was_tried_in_vain_rests_again_as_long_as_before() -> None:
    again = told(told(CLOSED, WRONG_KEY), AWAY, 60)
    assert (again.kind, again.code) == (CircuitKind.ACCOUNT, OutcomeCode.CREDENTIALS_REJECTED)
    assert (rest_of(again), again.opened) == (60, 1)


def test_another_reason_begins_with_its_own_first_rest() -> None:
    refused = told(failing(), WRONG_KEY, 15)
    assert (refused.kind, refused.since, rest_of(refused)) == (CircuitKind.ACCOUNT, at(15), 60)


class TestANumberThatIsNotTheAccounts:
    opened = told(CLOSED, NOT_OURS)

    def test_stops_none_of_its_neighbours(self) -> None:
        assert self.opened.state(NUMBER, START) is CircuitState.RESTING
        assert self.opened.state(NEIGHBOUR, START) is CircuitState.CLOSED

    def test_is_not_made_good_by_a_neighbours_text(self) -> None:
        assert told(self.opened, Worked(), 60, number=NEIGHBOUR) == self.opened

    def test_does_not_keep_the_whole_connection_from_opening(self) -> None:
        circuit = self.opened
        for _ in range(FAILURES):
            circuit = told(circuit, AWAY, 60, number=NEIGHBOUR)
        assert (circuit.kind, circuit.number) == (CircuitKind.FAILING, None)
        assert circuit.state(NEIGHBOUR, at(60)) is CircuitState.RESTING

    def test_forgets_a_neighbours_failures_when_that_ones_texts_are_taken(self) -> None:
        circuit = told(self.opened, AWAY, 60, number=NEIGHBOUR)
        assert told(circuit, Worked(), 61, number=NEIGHBOUR).failures == 0

    def test_is_named_in_the_reason_without_its_digits(self) -> None:
        reason = reason_of(self.opened) or ""
        assert TEXTS[OutcomeCode.SENDER_NOT_OWNED].person in reason
        assert "0100" not in reason


def test_a_closed_circuit_has_no_reason() -> None:
    assert reason_of(failing(1)) is None


def test_while_one_text_tries_the_others_find_it_resting() -> None:
    circuit = read_circuit((circuit_document(failing()) or {}) | {"trying_until": at(24)})
    assert circuit.state(NUMBER, at(16)) is CircuitState.RESTING
    assert (circuit.is_tried(at(16)), circuit.free_at) == (True, at(24))
    assert circuit.state(NUMBER, at(24)) is CircuitState.HALF_OPEN
    assert told(circuit, AWAY, 17).trying_until is None


words = st.sampled_from([AWAY, WRONG_KEY, NOT_OURS, Worked()])
stories = st.lists(
    st.tuples(words, st.floats(0, 400), st.sampled_from([NUMBER, NEIGHBOUR]), st.floats(0, 6)),
    max_size=40,
)


@given(stories)
def test_whatever_happens_an_open_circuit_rests_for_no_longer_than_its_longest_rest(
    story: list[Any],
) -> None:
    circuit, now = CLOSED, 0.0
    for said, pause, number, took in story:
        now += pause
        before, circuit = circuit, told(circuit, said, now, number=number, took=took)
        assert read_circuit(circuit_document(circuit)) == circuit
        if circuit.kind is not None:
            assert 15 <= rest_of(circuit) <= 900
            assert circuit.code is not None
            assert circuit.since is not None
        if isinstance(said, Worked) and circuit.concerns(number):
            # Only what was called for before it opened is not heard.
            assert before.opened_at is not None
            assert at(now - took) < before.opened_at
