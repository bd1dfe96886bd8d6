"""Promises of the sender's pure parts: steps, texts, identity, envelope, replies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sender_stand_ins import NUMBER, FakeDelivery, command

from common.command_digest import digest_of
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.settings import UnusableSetting, load
from common.store.records import Claim, ConnectionStatus, Outbound, Route, SendState
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS, OutcomeStatus, OutcomeWarning, SendCommand
from sender.envelope import lane_of, readable_command_id
from sender.identity import (
    AgentName,
    Authorised,
    NotProven,
    NotTheirs,
    authorise,
)
from sender.knowing import ordered_before
from sender.settings import SenderSettings
from sender.steps import Again, Finished, look_again_after, pause_after, step_after
from sender.telling import may_reply_to
from sender.texts import outcome_id, outcome_of, recipients_of, status_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
ROUTE = Route(
    tenant_id="acme",
    connection_id="line",
    provider="acs",
    address=NUMBER,
    region="US",
    agent_id="support",
    agent_active=True,
    bus_user="acme-support",
    gate_on=True,
    connection_status=ConnectionStatus.ACTIVE,
    credentials_version="1",
)
THROTTLED = OutcomeCode.PROVIDER_THROTTLED
UNCERTAIN = Finished(OutcomeCode.AMBIGUOUS)


# --- Steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "maybe_sent", "tries_left", "deduplicates", "expected"),
    [
        (Accepted("id"), False, True, True, Finished(OutcomeCode.SENT, "id")),
        (Accepted(None), True, False, False, Finished(OutcomeCode.SENT)),
        (Accepted("id", repeated=True), True, True, True, Finished(OutcomeCode.SENT, "id")),
        # It recognises what we believed that it had refused.
        (Accepted("id", repeated=True), False, True, True, Finished(OutcomeCode.AMBIGUOUS, "id")),
        (NotProcessed(THROTTLED, "", 3.0), False, True, False, Again(False, 3.0)),
        (NotProcessed(THROTTLED, "", 3.0), True, True, True, Again(True, 3.0)),
        (NotProcessed(THROTTLED, ""), True, True, False, UNCERTAIN),
        (NotProcessed(THROTTLED, ""), False, False, True, Finished(THROTTLED)),
        (NotProcessed(THROTTLED, ""), True, False, True, UNCERTAIN),
        (Ambiguous(""), False, True, True, Again(True)),
        (Ambiguous(""), False, True, False, UNCERTAIN),
        (Ambiguous(""), False, False, True, UNCERTAIN),
        (Refused(OutcomeCode.PROVIDER_REJECTED, ""), False, True, True,
         Finished(OutcomeCode.PROVIDER_REJECTED)),
        (Refused(OutcomeCode.PROVIDER_REJECTED, ""), True, True, True, UNCERTAIN),
    ],
)  # fmt: skip
def test_each_answer_has_its_step(
    result: SendResult,
    maybe_sent: bool,
    tries_left: bool,
    deduplicates: bool,
    expected: Any,
) -> None:
    step = step_after(
        result, maybe_sent=maybe_sent, tries_left=tries_left, deduplicates=deduplicates
    )
    assert step == expected


RESULTS = st.sampled_from(
    [
        Accepted("id"),
        NotProcessed(THROTTLED, "", 1.0),
        Ambiguous(""),
        Refused(OutcomeCode.PROVIDER_REJECTED, ""),
    ]
)


@given(st.lists(RESULTS, min_size=1, max_size=6), st.booleans())
def test_whatever_is_answered_a_text_that_may_be_out_is_never_called_unsent(
    results: list[SendResult], deduplicates: bool
) -> None:
    maybe_sent = False
    for place, result in enumerate(results):
        may_be_out = maybe_sent or isinstance(result, Ambiguous)
        if maybe_sent and not deduplicates:
            pytest.fail("tried again although the provider does not deduplicate")
        step = step_after(
            result,
            maybe_sent=maybe_sent,
            tries_left=place + 1 < len(results),
            deduplicates=deduplicates,
        )
        if isinstance(step, Finished):
            if may_be_out:
                assert step.code in {OutcomeCode.SENT, OutcomeCode.AMBIGUOUS}
            return
        assert step.maybe_sent == may_be_out
        maybe_sent = step.maybe_sent
    pytest.fail("the last try must be the end")


def test_pauses_grow_heed_the_provider_and_have_a_limit() -> None:
    assert [pause_after(n, None, cap=600) for n in (1, 2, 3, 9, 10, 99)] == [2, 4, 8, 512, 600, 600]
    assert pause_after(1, 45.0, cap=600) == 45.0
    assert pause_after(1, 86_400.0, cap=600) == 600


@pytest.mark.parametrize(
    ("seconds", "expires_in", "expected"),
    [
        (0.2, None, 0.5),  # No wait queue is shorter.
        (0.9, None, 0.5),
        (1.9, None, 1.0),
        (5.0, None, 5.0),
        (47.0, None, 30.0),
        (86_400.0, None, 600.0),
        # No longer than until the text expires, so that its agent hears of it.
        (47.0, 3.0, 5.0),
        (86_400.0, 200.0, 600.0),
        (86_400.0, 100.0, 120.0),
        (47.0, 0.0, 0.5),
        (47.0, 1000.0, 30.0),
    ],
)
def test_who_waits_for_a_turn_looks_again_before_it_has_passed(
    seconds: float, expires_in: float | None, expected: float
) -> None:
    assert look_again_after(seconds, expires_in) == expected


@pytest.mark.parametrize(
    ("claimed", "ordered", "before"),
    [
        (-0.001, None, True),
        (0.0, None, False),
        (5.0, None, False),
        # The publisher's word is to the second: one of the same second counts as later.
        (5.0, -1.0, True),
        (5.0, 0.0, False),
        (-0.001, 5.0, True),
    ],
)
def test_what_was_ordered_before_an_opt_out_was_noted_is_before_the_fence(
    claimed: float, ordered: float | None, before: bool
) -> None:
    (text,) = recipients(command()).texts
    at = NOW + timedelta(seconds=ordered) if ordered is not None else None
    made = Outbound(
        claim=Claim.RESUMED,
        text=replace(text, ordered_at=at),
        state=SendState.WAITING,
        seq=1,
        attempts=0,
        claimed_at=NOW + timedelta(seconds=0.4 + claimed),
        first_sent=NOW,
        outcome=None,
    )
    assert ordered_before(made, NOW + timedelta(seconds=0.4)) is before
    assert not ordered_before(made, None)


# --- Texts ---------------------------------------------------------------------------------------


def recipients(order: SendCommand) -> Any:
    return recipients_of(order, ROUTE, limit=160, at=NOW, traceparent=None)


def test_a_recipient_named_twice_gets_one_text() -> None:
    found = recipients(command(to=("+15551230001", "(555) 123-0001", "+15551230002")))
    assert [(text.remote, text.index) for text in found.texts] == [
        ("+15551230001", 0),
        ("+15551230002", 2),
    ]


def test_an_impossible_recipient_harms_no_other() -> None:
    found = recipients(command(to=("Heliograph", "+15551230001", "12345")))
    assert [text.remote for text in found.texts] == ["+15551230001"]
    assert [(outcome.original_to, outcome.code) for outcome in found.invalid] == [
        ("Heliograph", OutcomeCode.INVALID_RECIPIENT),
        ("12345", OutcomeCode.INVALID_RECIPIENT),
    ]


def test_a_landline_gets_its_text_with_a_warning() -> None:
    london, mobile = recipients(command(to=("+442079460018", "+447700900123"))).texts
    assert london.warnings == (OutcomeWarning.LANDLINE,)
    assert mobile.warnings == ()


def test_a_huge_body_is_not_stored_whole_but_stays_too_long() -> None:
    (text,) = recipients(command(body="x" * 1_000_000)).texts
    assert len(text.original_body) == MAX_BODY_CHARACTERS + 1
    assert len(text.body) == 160


def test_the_body_is_measured_as_it_is_sent() -> None:
    (text,) = recipients(command(body="ż" * 100)).texts
    assert (text.encoding, text.segments, text.truncated) == ("UCS-2", 1, True)


CHANGES: list[dict[str, Any]] = [
    {"number": "+18005550101"},
    {"to": "+15551230002"},
    {"to": ("+15551230001", "+15551230002")},
    {"body": "Hello."},
    {"in_reply_to": "t-1"},
    {"tag": "t-1"},
    {"expires_at": NOW},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_digest_sees_every_change_that_matters(change: dict[str, Any]) -> None:
    assert digest_of(command(**change)) != digest_of(command())


def test_a_digest_does_not_see_how_a_command_is_written() -> None:
    assert digest_of(command(to=("+15551230001",))) == digest_of(command())
    offset = NOW.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+05:00").tzinfo)
    assert digest_of(command(expires_at=offset)) == digest_of(command(expires_at=NOW))


@pytest.mark.parametrize("code", list(OutcomeCode))
def test_every_code_has_a_status_and_only_sent_is_called_sent(code: OutcomeCode) -> None:
    assert (status_of(code) is OutcomeStatus.SENT) is (code is OutcomeCode.SENT)


def test_an_outcome_told_again_has_its_message_id_and_another_outcome_another() -> None:
    (text,) = recipients(command()).texts
    text = Outbound(
        claim=Claim.FRESH,
        text=text,
        state=SendState.CLAIMED,
        seq=1,
        attempts=0,
        claimed_at=NOW,
        first_sent=NOW,
        outcome=None,
    )
    held = outcome_of(text, OutcomeCode.GATE_OFF, NOW)
    again = outcome_of(text, OutcomeCode.GATE_OFF, LATER)
    sent = outcome_of(text, OutcomeCode.SENT, NOW)
    assert outcome_id("acme", "support", held) == outcome_id("acme", "support", again)
    assert outcome_id("acme", "support", held) != outcome_id("acme", "support", sent)


# --- Identity ------------------------------------------------------------------------------------

ACME = AgentName("acme", "support")
KEY = "acme.support.send"


@pytest.mark.parametrize(
    ("order", "route", "proven", "key", "expected"),
    [
        (command(), ROUTE, ACME, KEY, Authorised(ROUTE)),
        (command(), ROUTE, None, KEY, NotProven()),
        (command(), ROUTE, AgentName("acme", "sales"), KEY, NotProven()),
        (command(), ROUTE, AgentName("other", "support"), KEY, NotProven()),
        (command(), ROUTE, ACME, "acme.sales.send", NotProven()),
        (command(), ROUTE, ACME, "sender.commands", NotProven()),
        (command(), None, ACME, KEY, NotTheirs(OutcomeCode.UNKNOWN_NUMBER)),
        (command(), None, None, KEY, NotProven()),
        (command(agent_id="sales"), ROUTE, AgentName("acme", "sales"), "acme.sales.send",
         NotTheirs(OutcomeCode.NUMBER_NOT_YOURS)),
    ],
)  # fmt: skip
def test_only_a_proven_agent_may_send_from_its_own_number(
    order: SendCommand, route: Route | None, proven: AgentName | None, key: str, expected: Any
) -> None:
    assert authorise(order, route, proven=proven, key=key) == expected


# --- Envelope ------------------------------------------------------------------------------------


def test_copies_of_a_command_share_a_lane_however_they_are_written() -> None:
    one = FakeDelivery(body=command().encode(), message_id="a")
    two = FakeDelivery(body=command(to=("+15551230001",)).encode(), message_id="b")
    assert lane_of(one) == lane_of(two)
    assert lane_of(one) != lane_of(FakeDelivery(body=command(to="+15551230002").encode()))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"to":[],"number":{}}'])
def test_what_has_no_conversation_has_a_lane_too(body: bytes) -> None:
    assert lane_of(FakeDelivery(body=body, message_id="m-7")) == "m-7"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"command_id": 7}', None),
        (b'{"command_id": ""}', None),
        (orjson.dumps({"command_id": "x" * 201}), None),
        (b'{"command_id": "c-1", "v": 9}', "c-1"),
    ],
)
def test_a_command_id_is_read_from_what_is_otherwise_unreadable(
    body: bytes, expected: str | None
) -> None:
    assert readable_command_id(body) == expected


@pytest.mark.parametrize(
    ("queue", "allowed"),
    [
        ("amq.gen-abc", True),
        ("amq.rabbitmq.reply-to.g1h2", True),
        ("my.replies", True),
        ("agent.other.bot", False),
        ("agent.acme.support", False),
        ("sender.commands", False),
        ("processor.inbound", False),
        ("dead.sender.commands", False),
        ("wait.sender.commands.1000ms", False),
        ("heliograph.inbound", False),
    ],
)
def test_replies_stay_out_of_the_queues_of_the_house(queue: str, allowed: bool) -> None:
    assert may_reply_to(queue) is allowed


# --- Settings ------------------------------------------------------------------------------------

MASTER = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"HELIOGRAPH_MASTER_KEY": ""}, "HELIOGRAPH_MASTER_KEY"),
        ({"HELIOGRAPH_MASTER_KEY": "c2VjcmV0"}, "HELIOGRAPH_MASTER_KEY"),
        ({"HELIOGRAPH_SENDER_LEASE": "5"}, "^HELIOGRAPH_SENDER_LEASE"),
        ({"HELIOGRAPH_SENDER_PROVIDER_TIMEOUT": "12"}, "^HELIOGRAPH_SENDER_LEASE"),
    ],
)
def test_an_unusable_setting_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", MASTER)
    assert load(SenderSettings).sender_prefetch == 64
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnusableSetting, match=says) as caught:
        load(SenderSettings)
    assert "c2VjcmV0" not in str(caught.value)
