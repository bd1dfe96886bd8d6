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
    MOST_SENDERS,
    Circuit,
    CircuitKind,
    CircuitState,
    Fuse,
    after,
    given_back,
    opened_by,
    reason_of,
    tried,
)
from common.circuit_words import (
    AccountRefused,
    Failed,
    Said,
    Worked,
    said_by,
)
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.store.circuit_documents import Trouble, circuit_document, read_circuit, trouble_of
from common.store.records import ConnectionStatus
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


def rest_of(fuse: Fuse | None) -> float:
    assert fuse is not None
    assert fuse.opened_at is not None
    assert fuse.rests_until is not None
    return (fuse.rests_until - fuse.opened_at).total_seconds()


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


@pytest.mark.parametrize("said", [AWAY, WRONG_KEY, Worked()])
def test_an_answer_to_a_call_from_before_it_opened_says_nothing(said: Said) -> None:
    for opened in (failing(), told(CLOSED, WRONG_KEY)):
        assert told(opened, said, 5, took=6) == opened


def test_an_answer_from_before_one_fuse_opened_is_heard_by_the_other() -> None:
    late = told(told(CLOSED, WRONG_KEY), NOT_OURS, 5, took=6)
    assert (rest_of(late), rest_of(late.sender(NUMBER))) == (60, 60)
    assert told(late, Worked(), 10, took=8).fuses == (late.sender(NUMBER),)
    assert told(told(CLOSED, NOT_OURS), Worked(), 5, took=6) == told(CLOSED, NOT_OURS)


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
        assert circuit.senders == self.opened.senders

    def test_rests_on_its_own_however_many_there_are(self) -> None:
        circuit, called = CLOSED, 0
        for second in range(20):
            for number in (NUMBER, NEIGHBOUR):
                if circuit.state(number, at(second)) is CircuitState.CLOSED:
                    called += 1
                    circuit = told(circuit, NOT_OURS, second, number=number)
        assert called == 2

    def test_is_tried_on_its_own_and_rests_for_twice_as_long(self) -> None:
        circuit = told(self.opened, NOT_OURS, 30, number=NEIGHBOUR)
        again = told(circuit, NOT_OURS, 60)
        assert (rest_of(again.sender(NUMBER)), rest_of(again.sender(NEIGHBOUR))) == (120, 60)
        assert told(again, Worked(), 90, number=NEIGHBOUR).senders == (again.sender(NUMBER),)

    def test_that_was_tried_in_vain_rests_again_as_long_as_before(self) -> None:
        again = told(self.opened, AWAY, 60)
        assert rest_of(again.sender(NUMBER)) == 60
        assert again.state(NUMBER, at(61)) is CircuitState.RESTING
        assert again.failures == 1

    def test_is_one_of_a_bounded_number_and_the_oldest_is_forgotten(self) -> None:
        circuit = self.opened
        for place in range(MOST_SENDERS):
            circuit = told(circuit, NOT_OURS, 1 + place, number=f"+1555020{place:04}")
        assert len(circuit.senders) == MOST_SENDERS
        assert circuit.state(NUMBER, at(1)) is CircuitState.CLOSED
        assert circuit.state("+15550200000", at(1)) is CircuitState.RESTING

    def test_opens_again_what_the_account_is_refused_for_and_nothing_less(self) -> None:
        refused = told(told(CLOSED, WRONG_KEY), NOT_OURS, 60)
        assert (refused.code, refused.kind) == (WRONG_KEY.code, CircuitKind.ACCOUNT)
        assert refused.state(NEIGHBOUR, at(61)) is CircuitState.HALF_OPEN

    def test_shows_that_the_provider_can_be_reached(self) -> None:
        refused = told(failing(), NOT_OURS, 15)
        assert refused.state(NEIGHBOUR, at(15)) is CircuitState.CLOSED
        assert refused.failures == 0

    def test_and_its_connection_are_tried_by_one_text_together(self) -> None:
        circuit = told(told(CLOSED, WRONG_KEY), NOT_OURS, 5, took=6)
        assert tried(circuit, NUMBER, until=at(99), now=at(62)) is None
        trying = tried(circuit, NUMBER, until=at(99), now=at(70))
        assert trying is not None
        assert [fuse.trying_until for fuse in trying.fuses] == [at(99), at(99)]
        assert trying.state(NEIGHBOUR, at(70)) is CircuitState.RESTING
        assert given_back(trying, NUMBER, until=at(98)) == trying
        assert given_back(trying, NUMBER, until=at(99)) == circuit
        assert told(trying, Worked(), 71) == CLOSED

    def test_forgets_a_neighbours_failures_when_that_ones_texts_are_taken(self) -> None:
        circuit = told(self.opened, AWAY, 60, number=NEIGHBOUR)
        assert told(circuit, Worked(), 61, number=NEIGHBOUR).failures == 0

    def test_is_named_in_the_reason_without_its_digits(self) -> None:
        reason = reason_of(self.opened.senders[0]) or ""
        assert TEXTS[OutcomeCode.SENDER_NOT_OWNED].person in reason
        assert "0100" not in reason


ACTIVE, ERROR = ConnectionStatus.ACTIVE, ConnectionStatus.ERROR


def trouble(before: Circuit, now: Circuit, status: ConnectionStatus = ERROR) -> Trouble | None:
    return trouble_of(before, now, status)


class TestTheStatus:
    one = told(CLOSED, NOT_OURS)
    two = told(one, NOT_OURS, 1, number=NEIGHBOUR)
    wide = told(two, WRONG_KEY, 2)

    def test_is_an_error_for_whatever_is_refused_the_whole_account_first(self) -> None:
        for before, now, fuse in (
            (CLOSED, self.one, self.one.senders[0]),
            (self.one, self.two, self.two.senders[1]),
            (self.two, self.wide, self.wide),
        ):
            assert opened_by(before, now) == (fuse,)
            assert trouble(before, now, ACTIVE) == Trouble(ERROR, reason_of(fuse))

    @pytest.mark.parametrize("before", [told(CLOSED, NOT_OURS), told(CLOSED, WRONG_KEY)])
    def test_stays_however_the_connection_fails_beside_that(self, before: Circuit) -> None:
        circuit = before
        for place in range(2 * FAILURES):
            was, circuit = circuit, told(circuit, AWAY, 100 * place, number=NEIGHBOUR)
            assert (trouble(was, circuit) or Trouble(ERROR, None)).status is ERROR
        assert circuit.state(NEIGHBOUR, at(901)) is CircuitState.RESTING

    def test_ends_only_with_the_last_that_was_refused(self) -> None:
        first = told(self.two, Worked(), 70)
        assert trouble(self.two, first) == Trouble(ERROR, reason_of(first.senders[0]))
        last = told(first, Worked(), 71, number=NEIGHBOUR)
        assert trouble(first, last) == Trouble(ACTIVE, None)

    def test_that_a_check_gave_is_left_to_checks(self) -> None:
        for before, now in ((CLOSED, failing()), (failing(), CLOSED), (failing(1), CLOSED)):
            assert trouble(before, now) is None


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
        for fuse in circuit.fuses:
            assert 15 <= rest_of(fuse) <= 900
            assert fuse.code is not None
            assert fuse.since is not None
        for fuse in before.fuses:
            # Only what was called for before it opened is not heard.
            if isinstance(said, Worked) and fuse.number in (None, number):
                assert (fuse.number in [it.number for it in circuit.fuses]) is not fuse.hears(
                    at(now - took)
                )
