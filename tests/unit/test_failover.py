"""Promise: a text goes another way only where surely nothing of it was accepted, and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.circuit import CLOSED, Circuit, CircuitKind, Fuse
from common.failover import Blocked, Choice, Exhausted, Go, Rest, choose, leads_elsewhere
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.store.records import ConnectionStatus, Detour, Way
from heliograph.codes import OutcomeCode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NUMBER = "+15550100001"
AWAY = OutcomeCode.PROVIDER_UNAVAILABLE
WRONG_KEY = OutcomeCode.CREDENTIALS_REJECTED


def circuit(kind: CircuitKind, *, rests: float, tried: float | None = None) -> Circuit:
    """One that opened a minute ago and rests for so many seconds more."""
    return Circuit(
        kind=kind,
        opened_at=NOW - timedelta(seconds=60),
        rests_until=NOW + timedelta(seconds=rests),
        trying_until=NOW + timedelta(seconds=tried) if tried is not None else None,
        code=AWAY if kind is CircuitKind.FAILING else WRONG_KEY,
        opened=1,
    )


FAILING = circuit(CircuitKind.FAILING, rests=20)
ACCOUNT = circuit(CircuitKind.ACCOUNT, rests=40)
HALF_OPEN = circuit(CircuitKind.FAILING, rests=-1)
MENDED = circuit(CircuitKind.ACCOUNT, rests=-1)
TRIED = circuit(CircuitKind.ACCOUNT, rests=-1, tried=9)


def of_sender(number: str) -> Circuit:
    """One whose connection works, and refuses a number as sender."""
    fuse = Fuse(
        kind=CircuitKind.ACCOUNT,
        rests_until=NOW + timedelta(seconds=40),
        code=OutcomeCode.SENDER_NOT_OWNED,
        number=number,
    )
    return Circuit(senders=(fuse,))


def way(
    name: str,
    state: Circuit = CLOSED,
    status: ConnectionStatus = ConnectionStatus.ACTIVE,
) -> Way:
    return Way(
        connection_id=name,
        provider=f"p-{name}",
        status=status,
        credentials_version="v",
        circuit=state,
    )


OFF = ConnectionStatus.DISCONNECTED


def went(choice: Choice) -> str:
    assert isinstance(choice, Go)
    return choice.way.connection_id


@pytest.mark.parametrize(
    ("ways", "options", "goes"),
    [
        ([way("own"), way("b"), way("c")], {}, "own"),
        ([way("own"), way("b"), way("c")], {"last": "c"}, "c"),
        ([way("own"), way("b"), way("c")], {"last": "gone"}, "own"),
        ([way("own"), way("b", status=OFF), way("c")], {"last": "b"}, "own"),
        ([way("own"), way("b", FAILING), way("c")], {"last": "b"}, "own"),
        ([way("own", FAILING), way("b"), way("c")], {}, "b"),
        ([way("own", ACCOUNT), way("b", FAILING), way("c")], {}, "c"),
        ([way("own", HALF_OPEN), way("b")], {}, "own"),
        ([way("own", MENDED), way("b")], {}, "own"),
        ([way("own", TRIED), way("b")], {}, "b"),
        ([way("own"), way("b")], {"failed": {"own": AWAY}}, "b"),
        ([way("own"), way("b"), way("c")], {"failed": {"b": AWAY}, "last": "b"}, "own"),
        ([way("own"), way("b")], {"bound": "b"}, "b"),
        ([way("own", status=ConnectionStatus.ERROR), way("b")], {}, "own"),
        ([way("own", of_sender(NUMBER)), way("b")], {}, "b"),
        ([way("own", of_sender("+15550100002")), way("b")], {}, "own"),
    ],
)
def test_the_way_is_the_first_of_its_order_that_can_be_gone(
    ways: list[Way], options: dict[str, object], goes: str
) -> None:
    assert went(choose(ways, number=NUMBER, now=NOW, **options)) == goes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ways", "options", "choice"),
    [
        # What rests for failing is worth waiting for, and so is the end of a try.
        ([way("own", FAILING)], {}, Rest(NOW + timedelta(seconds=20))),
        ([way("own", ACCOUNT), way("b", FAILING)], {}, Rest(NOW + timedelta(seconds=20))),
        ([way("own", TRIED), way("b", FAILING)], {}, Rest(NOW + timedelta(seconds=9))),
        # What somebody has to mend is not.
        ([way("own", ACCOUNT)], {}, Blocked(WRONG_KEY)),
        ([way("own", of_sender(NUMBER))], {}, Blocked(OutcomeCode.SENDER_NOT_OWNED)),
        ([way("own", ACCOUNT), way("b", ACCOUNT)], {}, Blocked(WRONG_KEY)),
        # A text that may be out stays with the connection that was called.
        ([way("own"), way("b", FAILING)], {"bound": "b"}, Rest(NOW + timedelta(seconds=20))),
        ([way("own"), way("b", ACCOUNT)], {"bound": "b"}, Blocked(WRONG_KEY)),
        ([way("own")], {"bound": "gone"}, Blocked(OutcomeCode.CONNECTION_INACTIVE)),
        (
            [way("own"), way("b", status=OFF)],
            {"bound": "b"},
            Blocked(OutcomeCode.CONNECTION_INACTIVE),
        ),
        ([way("own", status=OFF)], {}, Blocked(OutcomeCode.CONNECTION_INACTIVE)),
        # Who was tried just now is not tried again without a pause.
        ([way("own"), way("b")], {"failed": {"own": AWAY, "b": AWAY}}, Exhausted()),
        # What rests for failing may still take it, whatever the others have said.
        (
            [way("own"), way("b", FAILING)],
            {"failed": {"own": WRONG_KEY}},
            Exhausted(NOW + timedelta(seconds=20)),
        ),
        ([way("own"), way("b", ACCOUNT)], {"failed": {"own": AWAY}}, Exhausted()),
        (
            [way("own", FAILING), way("b", FAILING)],
            {"failed": {"own": AWAY}},
            Rest(NOW + timedelta(seconds=20)),
        ),
    ],
)
def test_where_no_way_can_be_gone_it_is_said_why(
    ways: list[Way], options: dict[str, object], choice: Choice
) -> None:
    assert choose(ways, number=NUMBER, now=NOW, **options) == choice  # type: ignore[arg-type]


def test_a_detour_says_what_it_goes_around() -> None:
    ways = [way("own", FAILING), way("b"), way("c")]
    assert choose(ways, number=NUMBER, now=NOW) == Go(
        ways[1], Detour(connection_id="own", provider="p-own", code=AWAY)
    )
    refused = {"b": WRONG_KEY}
    assert choose(ways, number=NUMBER, now=NOW, last="b", failed=refused) == Go(
        ways[2], Detour(connection_id="b", provider="p-b", code=WRONG_KEY)
    )
    assert choose(ways, number=NUMBER, now=NOW, last="c") == Go(ways[2])


@pytest.mark.parametrize(
    ("result", "leads"),
    [
        (NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, ""), True),
        (Refused(WRONG_KEY, "", account=True), True),
        (NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "", text_only=True), False),
        (NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "", 3.0), False),
        (Refused(OutcomeCode.PROVIDER_REJECTED, ""), False),
        (Refused(OutcomeCode.LOOP_SUSPECTED, ""), False),
        (Ambiguous(""), False),
        (Accepted("p-1"), False),
    ],
)
def test_only_a_connection_that_surely_took_nothing_is_passed_over(
    result: SendResult, leads: bool
) -> None:
    assert leads_elsewhere(result) is leads


names = st.sampled_from(["own", "b", "c", "d"])
states = st.sampled_from([CLOSED, FAILING, ACCOUNT, HALF_OPEN, MENDED, TRIED])
statuses = st.sampled_from(list(ConnectionStatus))
many_ways = st.lists(
    st.builds(way, names, states, statuses), unique_by=lambda it: it.connection_id, max_size=4
)
failures = st.dictionaries(names, st.sampled_from([AWAY, WRONG_KEY]))


@given(many_ways, st.none() | names, names, failures)
def test_a_text_that_may_be_out_is_never_sent_through_a_second_connection(
    ways: list[Way], last: str | None, bound: str, failed: dict[str, OutcomeCode]
) -> None:
    choice = choose(ways, number=NUMBER, now=NOW, last=last, bound=bound, failed=failed)
    if isinstance(choice, Go):
        assert choice.way.connection_id == bound
        assert choice.detour is None


@given(many_ways, st.none() | names, failures)
def test_a_way_that_is_gone_is_live_rests_not_and_was_not_tried_just_now(
    ways: list[Way], last: str | None, failed: dict[str, OutcomeCode]
) -> None:
    choice = choose(ways, number=NUMBER, now=NOW, last=last, failed=failed)
    usable = [
        it
        for it in ways
        if it.status is not OFF
        and it.circuit in (CLOSED, HALF_OPEN, MENDED)
        and it.connection_id not in failed
    ]
    assert isinstance(choice, Go) is bool(usable)
    if isinstance(choice, Go):
        sticky = [it for it in usable if it.connection_id == last]
        assert choice.way == [*sticky, *usable][0]
    if isinstance(choice, Rest):
        assert choice.until > NOW
